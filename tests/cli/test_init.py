"""`ostiary init`, as a command, on both databases."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from contract.served import documented, without_names
from kit.servers.command import Ended, ostiary, ostiary_here

from ostiary.cli.root import COMMANDS

NAMES = [
    "tenantId", "clientId", "secret", "apikey", "managementUrl", "oauthServerUrl", "profilesUrl", "discoveryEndpoint",
    "iamTokenUrl", "accountUrl", "operatorApikey", "grpc",
]  # fmt: skip


@pytest.fixture
def made(database: str, tmp_path: Path) -> Ended:
    return begin(ostiary_here, database, tmp_path)


def begin(command: Callable[..., Ended], database: str, folder: Path) -> Ended:
    return command("init", "--json", "--public-url", "https://id.example.com/", cwd=folder, OSTIARY_DATABASE=database)


def test_json_is_all_that_it_prints_and_names_what_service_credentials_name(database: str, tmp_path: Path) -> None:
    made = begin(ostiary, database, tmp_path)
    assert (made.code, made.stderr) == (0, "")
    credentials = made.json()
    assert list(credentials) == NAMES
    tenant = str(uuid.UUID(credentials["tenantId"]))
    assert credentials["managementUrl"] == f"https://id.example.com/management/v4/{tenant}"
    assert credentials["discoveryEndpoint"] == (
        f"https://id.example.com/oauth/v4/{tenant}/.well-known/openid-configuration"
    )
    assert credentials["accountUrl"] == f"https://id.example.com/account/{tenant}"
    assert credentials["grpc"] == "id.example.com:443"


def test_the_credentials_as_variables_are_what_a_shell_reads(tmp_path: Path) -> None:
    names = "TENANT APIKEY IAM MANAGEMENT OAUTH GRPC OPERATOR_APIKEY CLIENT"
    script = f'eval "$("$0" -m ostiary init --env)"; for name in {names}; do eval "echo \\$$name"; done'
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    ended = subprocess.run(
        ["sh", "-euc", script, sys.executable], cwd=tmp_path, env=clean, text=True, capture_output=True, check=True
    )  # fmt: skip
    tenant, apikey, iam, management, oauth, address, operator, client = ended.stdout.splitlines()
    assert management == f"http://localhost:8080/management/v4/{tenant}"
    assert (iam, address) == ("http://localhost:8080/identity/token", "localhost:8080")
    assert oauth.endswith(f"/oauth/v4/{tenant}")
    assert len({apikey, operator, *client.split(":")}) == 4
    again = ostiary_here("init", "--env", "--if-needed", cwd=tmp_path)
    assert (again.code, again.stdout) == (0, ""), "a shell that evaluates it learns nothing wrong"
    assert "the installation is in" in again.stderr


@pytest.mark.usefixtures("made")
def test_the_master_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "var/master.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_a_second_one_is_refused_and_with_if_needed_says_where_the_first_is(
    made: Ended, database: str, tmp_path: Path
) -> None:
    again = ostiary_here("init", cwd=tmp_path, OSTIARY_DATABASE=database)
    assert (again.code, again.stdout) == (1, "")
    assert again.stderr.startswith("ostiary: there is an installation already")
    needed = ostiary_here("init", "--if-needed", cwd=tmp_path, OSTIARY_DATABASE=database)
    assert (needed.code, needed.stderr, needed.stdout.count("\n")) == (0, "", 2)
    assert "the installation is in" in needed.stdout
    account = made.json()["accountUrl"].replace("https://id.example.com", "http://localhost:8080")
    assert needed.stdout.endswith(f"People sign in and sign up at {account}\n")
    as_json = ostiary_here("init", "--if-needed", "--json", cwd=tmp_path, OSTIARY_DATABASE=database).json()
    assert (as_json["existing"], as_json["accountUrl"]) == (True, account)


def test_the_embedded_store_is_private_to_its_owner(tmp_path: Path) -> None:
    assert ostiary_here("init", "--data", "here", cwd=tmp_path).code == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "here").iterdir()}
    assert modes["ostiary.sqlite3"] == 0o600
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["init", "--tenant"], {}, "requires an argument"),
        (["init", "--public-url", "id.example.com"], {}, "http(s)://HOST[:PORT]"),
        (["inti"], {}, "No such command 'inti'"),
        (["init"], {"OSTIARY_DATABSE": "x"}, "OSTIARY_DATABSE: no such setting"),
        (["init"], {"OSTIARY_MASTER_KEY": "short"}, "the master key"),
        (["init"], {"OSTIARY_DATABASE": "mysql://u:p@h/x"}, "postgresql://USER@HOST/NAME or sqlite:///PATH"),
        (["init"], {"OSTIARY_DATABASE": "sqlite://"}, "postgresql://USER@HOST/NAME or sqlite:///PATH"),
        (["routes", "--limits-file", "none.toml"], {}, "the limits file: there is no file none.toml"),
    ],
)
def test_what_must_be_changed_first_is_one_line_and_code_2(
    arguments: list[str], variables: dict[str, str], says: str, tmp_path: Path
) -> None:
    ended = ostiary_here(*arguments, cwd=tmp_path, **variables)
    assert (ended.code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("ostiary: ")
    assert says in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["init", "--data", "file"], "file: File exists"),
        (["init", "--database", "postgresql://nobody:secret@127.0.0.1:1/x"], "Connection refused"),
        (["init", "--tenant", "a/b"], "A tenant's name has"),
        (["tenant", "list"], "run `ostiary init`"),
        (["backup", "copy"], "run `ostiary init`"),
    ],
)
def test_what_failed_is_one_line_and_code_1(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = ostiary_here(*arguments, cwd=tmp_path)
    assert (ended.code, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("ostiary: ")
    assert says in ended.stderr
    assert "secret" not in ended.stderr


def test_a_failed_init_can_be_repeated(tmp_path: Path) -> None:
    assert ostiary_here("init", "--tenant", "a/b", cwd=tmp_path).code == 1
    assert ostiary_here("tenant", "list", cwd=tmp_path).code == 1
    assert ostiary_here("init", "--tenant", "ab", cwd=tmp_path).code == 0


@pytest.mark.parametrize("group", ["tenant", "apikey", "key"])
def test_a_group_without_a_command_shows_its_help(group: str, tmp_path: Path) -> None:
    ended = ostiary_here(group, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "Commands:" in ended.stderr


def test_every_command_explains_itself(tmp_path: Path) -> None:
    for name in COMMANDS:
        ended = ostiary_here(name, "--help", cwd=tmp_path)
        assert (ended.code, ended.stderr) == (0, "")
        assert len(ended.stdout.splitlines()) > 8, name


def test_the_list_of_commands_waits_for_no_import() -> None:
    asked = "import sys; from ostiary.cli.root import run; run(['--help']); sys.exit('sqlalchemy' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert all(line in " ".join(ended.stdout.split()) for _, line in COMMANDS.values())


def test_routes_lists_who_may_call_what(tmp_path: Path) -> None:
    routes = ostiary("routes", "--json", cwd=tmp_path).json()
    exchange = next(route for route in routes if route["path"] == "/identity/token")
    assert (exchange["verb"], exchange["roles"], exchange["errorFamily"]) == ("POST", [], "iam")
    assert "anonymous" in ostiary_here("routes", cwd=tmp_path).stdout


def test_routes_print_the_role_matrix_as_the_documents_have_it(tmp_path: Path) -> None:
    rows = {row["number"]: row for row in ostiary_here("routes", "--matrix", "--json", cwd=tmp_path).json()}
    for facts in documented("identity_service"):
        row = rows[facts["number"]]
        assert (row["verb"], without_names(row["path"])) == (facts["verb"], facts["path"])
        roles = {"platform_operator": "Platform operator", "org_owner": "Organization Owner",
                 "org_member": "Organization Member", "service_account": "Service Account",
                 "anonymous": "Anonymous"}  # fmt: skip
        assert {role for role, title in roles.items() if row["cells"][title] != "no"} == set(facts["roles"]), row
    assert "ORGANIZATION OWNER" in ostiary_here("routes", "--matrix", cwd=tmp_path).stdout
