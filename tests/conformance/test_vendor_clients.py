"""Clients of Cloud Director through the real gateway: pyvcloud and vcd-cli, unmodified, and the requests of the library
behind its Terraform providers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.patience import PATIENCE_S
from kit.platform import VCLOUD, parsed
from kit.servers.command import ostiary_here
from kit.servers.served import Served, served

FOLDER = Path(__file__).parent / "vendor_clients"
PASSWORD = "correct horse battery staple"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ORG = "default"
TOKEN = "x-vmware-vcloud-access-token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
MANY = 30
"""More users than a page holds, so that clients follow the links to the next."""


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients, beside the environment of the tests: they want older libraries than we do."""
    folder = tmp_path_factory.mktemp("vendor_clients")
    wanted = ["pip", "install", "--quiet", "--no-deps", "--target", str(folder), "-r", str(FOLDER / "requirements.txt")]
    done = subprocess.run([Path(sys.executable).parent / "uv", *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pyvcloud and vcd-cli cannot be installed here: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("vendors"), workers=1) as running:
        manager = {**running.manager(), "content-type": "application/scim+json"}
        for name in ("ann", "o(d;d, y)", *(f"u{number:02}" for number in range(MANY))):
            user = {"schemas": [USER], "userName": name, "password": PASSWORD, "active": name != "u00"}
            assert running.http.post("/scim/v2/Users", json=user, headers=manager).status_code == 201
        yield running


@pytest.fixture(scope="module")
def jane(server: Served) -> str:
    """The password of an operator."""
    made = ostiary_here("operator", "create", "jane", "--generate", "--json", cwd=server.folder, **server.variables)
    password: str = made.json()["password"]
    return password


def run(clients: Path, home: Path, script: str, *arguments: str) -> Any:
    """Runs one of the scripts beside this file; what it printed."""
    variables = {**os.environ, "PYTHONPATH": str(clients), "HOME": str(home), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(FOLDER / script), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=home, env=variables, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_pyvcloud_signs_in_lists_and_signs_out(server: Served, clients: Path, tmp_path: Path) -> None:
    seen = run(clients, tmp_path, "sdk.py", server.url, ORG, "ann", PASSWORD)
    names = sorted(["ann", "o(d;d, y)", *(f"u{number:02}" for number in range(MANY))])
    assert "UNAUTHORIZED" in seen.pop("refused")
    assert seen.pop("users") == [[name, "false" if name == "u00" else "true"] for name in names]
    assert seen == {
        "version": "36.0", "own": ORG, "organizations": [ORG], "named": ORG, "odd": ["o(d;d, y)"], "user": "ann",
        "found": "ann", "roles": ["org_member", "org_owner"], "role": "org_member", "missing": True,
    }  # fmt: skip


def test_pyvcloud_as_an_operator_lists_all_organizations(
    server: Served, clients: Path, jane: str, tmp_path: Path
) -> None:
    seen = run(clients, tmp_path, "sdk.py", server.url, "System", "jane", jane)
    assert (seen["own"], sorted(seen["organizations"])) == ("System", ["System", ORG])
    assert (seen["users"], seen["found"]) == ([["jane", "true"]], "jane")
    assert seen["roles"] == ["org_member", "org_owner", "platform_operator"]


def test_the_command_line_signs_in_lists_and_signs_out(
    server: Served, clients: Path, jane: str, tmp_path: Path
) -> None:
    commands = [
        f"-j login {server.url} {ORG} ann -p '{PASSWORD}' -i -w", "-j org list", "-j user list", "-j role list",
        f"-j org info {ORG}", "logout", "-j org list",
        f"-j login {server.url} System jane -p '{jane}' -i -w", "-j org list", f"-j user list -o {ORG}",
        f"-j role list -o {ORG}", "-j system info", "logout",
    ]  # fmt: skip
    ended = run(clients, tmp_path, "cli.py", *commands)
    assert [code for code, _ in ended] == [0, 0, 0, 0, 0, 0, 1, *([0] * 6)], ended
    assert json.loads(ended[0][1])["logged_in"]
    assert [one["name"] for one in json.loads(ended[1][1])] == [ORG]
    assert len(json.loads(ended[2][1])) == len(json.loads(ended[9][1])) == MANY + 2
    assert [one["name"] for one in json.loads(ended[3][1])] == ["org_member", "org_owner"]
    assert sorted(one["name"] for one in json.loads(ended[8][1])) == ["System", ORG]
    assert [one["name"] for one in json.loads(ended[10][1])] == ["org_member", "org_owner"]


def test_the_command_line_administers_an_organization(server: Served, clients: Path, tmp_path: Path) -> None:
    boss = {"username": "boss", "password": PASSWORD, "roleEntityRefs": [{"name": "org_owner"}]}
    assert server.http.post("/cloudapi/1.0.0/users", json=boss, headers=server.manager()).status_code == 201
    commands = {
        f"-j login {server.url} {ORG} boss -p '{PASSWORD}' -i -w": 0, "-j right list --all": 0,
        "-j right info organization.read": 0, "-j role create clerk reads organization.read": 0,
        "role add-right clerk organization.own account.own": 0, "role remove-right clerk account.own -y": 0,
        "-j role list-rights clerk": 0, "-j role clone clerk scribe -d writes": 0, "-j role info scribe": 0,
        "role create above x tenant.change": 1, "role unlink clerk": 1, "role link clerk": 1,
        f"user create leaver '{PASSWORD}' scribe -e l@example.com -f 'Le Aver' -E": 0,
        f"user create leaver '{PASSWORD}' scribe": 1, "user update leaver --enable": 0, "-j user list": 0,
        "role delete clerk -y": 0, "role info clerk": 1, "user delete leaver -y": 0, "user delete leaver -y ": 1,
        "logout": 0,
    }  # fmt: skip
    ended = dict(zip(commands, run(clients, tmp_path, "cli.py", *commands), strict=True))
    assert {command: int(bool(code)) for command, (code, _) in ended.items()} == commands, ended
    said = {command: json.loads(text) for command, (code, text) in ended.items() if command[:2] == "-j" and not code}
    assert {"name": "organization.own"} in [{"name": one["name"]} for one in said["-j right list --all"]]
    assert said["-j right info organization.read"]["name"] == "organization.read"
    assert said["-j role list-rights clerk"] == [{"name": "organization.own"}, {"name": "organization.read"}]
    assert (said["-j role info scribe"]["name"], said["-j role info scribe"]["Description"]) == ("scribe", "writes")
    (leaver,) = [one for one in said["-j user list"] if one["name"] == "leaver"]
    assert (leaver["fullName"], leaver["isEnabled"], leaver["roleNames"]) == ("Le Aver", "true", "scribe")
    assert "400/DUPLICATE_NAME" in ended[f"user create leaver '{PASSWORD}' scribe"][1]


def test_the_command_line_administers_the_installation(
    server: Served, clients: Path, jane: str, tmp_path: Path
) -> None:
    commands = [
        f"-j login {server.url} System jane -p '{jane}' -i -w", "org create acme 'Acme Ltd'",
        "org update acme --enable", "-j org info acme", "-j role create clerk reads organization.read -o acme",
        "role add-right clerk account.own -o acme", "-j role clone org_member copy -o acme",
        "-j role info copy -o acme", "org use acme", f"user create ann '{PASSWORD}' clerk -E",
        "user update ann --enable",
        "-j user list -o acme",
        f"-j login {server.url} acme ann -p '{PASSWORD}' -i -w", f"-j login {server.url} System jane -p '{jane}' -i -w",
        "org update acme --disable", f"-j login {server.url} acme ann -p '{PASSWORD}' -i -w",
        f"-j login {server.url} System jane -p '{jane}' -i -w", "-n org delete acme -y", "-j org info acme", "logout",
    ]  # fmt: skip
    ended = run(clients, tmp_path, "cli.py", *commands)
    assert [place for place, (code, _) in enumerate(ended) if code] == [15, 18], ended
    assert json.loads(ended[3][1])["full_name"] == "Acme Ltd"
    assert json.loads(ended[7][1])["name"] == "copy"
    (ann,) = json.loads(ended[11][1])
    assert (ann["name"], ann["isEnabled"], ann["roleNames"]) == ("ann", "true", "clerk")
    assert "running" in ended[17][1]


def test_the_command_line_goes_on_with_a_session_that_another_client_has_opened(
    server: Served, clients: Path, tmp_path: Path
) -> None:
    answer = server.http.post("/cloudapi/1.0.0/sessions", auth=(f"ann@{ORG}", PASSWORD))
    token = answer.headers["x-vcloud-authorization"]
    ended = run(clients, tmp_path, "cli.py", f"login {server.url} {ORG} ann --session-id {token} -i -w", "-j org list")
    assert [code for code, _ in ended] == [0, 0], ended


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api", 404, "NOT_FOUND"), ("GET", "/api/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/admin/org/x/settings/oauth", 404, "NOT_FOUND"), ("PUT", "/api/org/", 405, "BAD_REQUEST"),
        ("QUERY", "/api/query", 405, "BAD_REQUEST"), ("GET", "/api/session", 401, "UNAUTHORIZED"),
        ("DELETE", "/api/session", 401, "UNAUTHORIZED"), ("GET", "/api/org/x?id=y", 400, "BAD_REQUEST"),
        ("GET", "/api/query?page=many", 400, "BAD_REQUEST"),
    ],
)  # fmt: skip
def test_below_api_every_refusal_is_xml_whoever_refuses(
    server: Served, method: str, path: str, status: int, code: str
) -> None:
    answer = server.http.request(method, path)
    error = parsed(answer.text)
    assert (answer.status_code, error.tag) == (status, f"{VCLOUD}Error"), answer.text
    assert (error.attrib["majorErrorCode"], error.attrib["minorErrorCode"]) == (str(status), code)
    assert error.attrib["message"]


def test_app_ids_paths_below_api_keep_their_own_words(server: Served) -> None:
    for path in ("/api/v1/nothing", f"/api/v1/{server.credentials['tenantId']}/attributes/x"):
        assert "json" in server.http.get(path).headers["content-type"]


def test_the_requests_of_go_vcloud_director(server: Served) -> None:
    http, accept = server.http, {"accept": "application/*;version=37.0"}
    versions = parsed(http.get("/api/versions").text)
    named = {one[0].text: one[1].text for one in versions}
    assert list(named) == ["36.0", "37.0", "38.0", "39.0", "40.0"]
    login_url = str(named["37.0"])
    assert login_url == f"{server.url}/cloudapi/1.0.0/sessions"
    for path in ("", "/provider"):
        token = http.post(login_url, auth=(f"ann@{ORG}", PASSWORD), headers=accept).headers[TOKEN]
        both = {TOKEN: token, "x-vmware-vcloud-token-type": "Bearer", "authorization": f"bearer {token}"}
        orgs = http.get("/cloudapi/1.0.0/orgs/?pageSize=128&filter=name==default", headers=both)
        assert [one["name"] for one in orgs.json()["values"]] == [ORG]
        assert parsed(http.get("/api/org", headers=both).text)[0].attrib["name"] == ORG
        ended = http.delete(login_url + path, headers={TOKEN: token, "accept": "application/xml;version=37.0"})
        assert (ended.status_code, ended.content) == (204, b"")
        assert http.get("/api/org", headers=both).status_code == 401


def test_the_requests_of_go_vcloud_director_for_api_tokens(server: Served) -> None:
    http, json_37 = server.http, {"accept": "application/json;version=37.0", "content-type": "application/json"}
    access = http.post("/cloudapi/1.0.0/sessions", auth=(f"ann@{ORG}", PASSWORD), headers=json_37).headers[TOKEN]
    signed_in = {TOKEN: access, "x-vmware-vcloud-token-type": "Bearer", "authorization": f"bearer {access}"}
    for prefix, name in (("", "script"), ("/tm", "other")):
        asked = json.dumps({"client_name": name})
        made = http.post(f"{prefix}/oauth/tenant/{ORG}/register", content=asked, headers={**json_37, **signed_in})
        client_id = made.json()["client_id"]
        found = http.get(f"/cloudapi/1.0.0/tokens/urn:vcloud:token:{client_id}", headers=signed_in).json()
        assert (made.status_code, found["name"]) == (201, name)
        assert (found["owner"]["name"], found["org"]["name"]) == ("ann", ORG)
        wanted = {"grant_type": JWT_BEARER, "assertion": access, "client_id": client_id}
        taken = http.post(f"{prefix}/oauth/tenant/{ORG}/token", data=wanted).json()
        form = {"grant_type": "refresh_token", "refresh_token": taken["refresh_token"]}
        swapped = http.post(f"{prefix}/oauth/tenant/{ORG}/token", data=form).json()
        assert (swapped["token_type"], swapped["expires_in"], "refresh_token" in swapped) == ("Bearer", 3600, False)
        opened = {"authorization": f"bearer {swapped['access_token']}"}
        assert parsed(http.get("/api/org", headers=opened).text)[0].attrib["name"] == ORG
        query = f"pageSize=128&filter=(name=={name};owner.name==ann;(type==PROXY,type==REFRESH))"
        listed = http.get(f"/cloudapi/1.0.0/tokens/?{query}", headers=signed_in).json()
        assert [one["id"] for one in listed["values"]] == [f"urn:vcloud:token:{client_id}"]
        gone = http.delete(f"/cloudapi/1.0.0/tokens/{listed['values'][0]['id']}", headers=signed_in)
        assert (gone.status_code, gone.content) == (204, b"")
        again = http.get(f"/cloudapi/1.0.0/tokens/urn:vcloud:token:{client_id}", headers=signed_in)
        assert (again.status_code, again.json()["minorErrorCode"]) == (403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN")
        refused = http.post(f"{prefix}/oauth/tenant/{ORG}/token", data=form)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_the_requests_of_go_vcloud_director_for_service_accounts(server: Served) -> None:
    http, manager = server.http, server.manager()
    wanted = {"client_name": "robot", "software_id": "12345678-1234-1234-1234-1234567890ab", "software_version": "1",
              "scope": "urn:vcloud:role:org%5Fmember", "client_uri": "https://robot.example.com"}  # fmt: skip
    client_id = http.post(f"/oauth/tenant/{ORG}/register", json=wanted, headers=manager).json()["client_id"]
    address = f"/cloudapi/1.0.0/serviceAccounts/urn:vcloud:serviceAccount:{client_id}"

    def status() -> str:
        account = http.get(address, headers=manager).json()
        assert (account["softwareId"], account["uri"]) == (wanted["software_id"], wanted["client_uri"])
        return str(account["status"])

    def poll() -> tuple[int, str]:
        form = {"grant_type": DEVICE_CODE, "client_id": client_id, "device_code": codes["device_code"]}
        answer = http.post(f"/oauth/tenant/{ORG}/token", data=form)
        return answer.status_code, answer.json().get("error") or answer.json()["refresh_token"]

    seen = [status()]
    codes = http.post(f"/oauth/tenant/{ORG}/device_authorization", data={"client_id": client_id}).json()
    assert codes["verification_uri"] == f"{server.url}/cloudapi/1.0.0/deviceLookup"
    assert (poll(), poll()) == ((400, "authorization_pending"), (400, "slow_down"))
    seen.append(status())
    granted = http.post("/cloudapi/1.0.0/deviceLookup/grant", json={"userCode": codes["user_code"]}, headers=manager)
    assert (granted.status_code, granted.content) == (204, b"")
    seen.append(status())
    refresh_token = poll()[1]
    seen.append(status())
    for _ in range(2):
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = http.post(f"/tm/oauth/tenant/{ORG}/token", data=form).json()
        bearer = {"authorization": f"Bearer {answer['access_token']}"}
        assert http.get("/cloudapi/1.0.0/sessions/current", headers=bearer).json()["user"]["name"] == "robot"
        refresh_token = answer["refresh_token"]
    assert http.post(f"{address}/revoke", headers=manager).status_code == 204
    seen.append(status())
    assert seen == ["CREATED", "REQUESTED", "GRANTED", "ACTIVE", "CREATED"]
    assert http.get("/cloudapi/1.0.0/sessions/current", headers=bearer).status_code == 401
    assert http.delete(address, headers=manager).status_code == 204
    assert http.get(address, headers=manager).status_code == 403
