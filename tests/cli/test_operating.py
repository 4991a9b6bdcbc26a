"""The operator's commands against a server that is running: what they change acts on the next request."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from kit.callers import Caller, bearer, serving
from kit.servers.command import Ended, ostiary_here
from kit.servers.databases import place_schema
from kit.servers.installation import Installation
from sqlalchemy import func, select
from sqlmodel import SQLModel

from ostiary.audit.event import Event, record
from ostiary.audit.trail import PAGE
from ostiary.clock import FixedClock, SystemClock, rfc3339
from ostiary.config import Settings
from ostiary.runtime import open_runtime
from ostiary.store.engine import Store
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub

Run = Callable[..., Ended]
QUICK = {"OSTIARY_ARGON2_MEMORY_KIB": "64", "OSTIARY_ARGON2_PASSES": "1"}
"""Each command makes a hash."""


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    """The command line, in an installation of its own."""

    def command(*arguments: str, **variables: str) -> Ended:
        return ostiary_here(*arguments, cwd=tmp_path, **{"OSTIARY_DATABASE": database, **QUICK, **variables})

    return command


@pytest.fixture
def served(run: Run, database: str, tmp_path: Path) -> Iterator[Caller]:
    """A server of what `ostiary init` made, asked with the API keys that it printed."""
    place_schema(database)
    made = run("init", "--json").json()
    clock = FixedClock(SystemClock().now_ms())
    runtime = open_runtime(Settings(database=database, data=tmp_path / "var"), clock=clock)
    keys = {"manager": made["apikey"], "operator": made["operatorApikey"]}
    with serving(Installation(runtime, clock, made["tenantId"], keys)) as caller:
        yield caller


def ask(caller: Caller, token: str) -> grpc.StatusCode:
    """How a management request with this token ends."""
    request = pb.GetTokensConfigRequest(tenant_id=caller.installation.tenant_id)
    try:
        TokensServiceStub(caller.channel).GetTokensConfig(request, **bearer(token))
    except grpc.RpcError as refused:
        return refused.code()
    return grpc.StatusCode.OK


def test_the_printed_api_keys_open_what_they_say(served: Caller) -> None:
    for role in ("manager", "operator"):
        assert ask(served, served.token(served.installation.api_keys[role])) is grpc.StatusCode.OK


def lines(ended: Ended) -> list[dict[str, Any]]:
    """The records that an export wrote."""
    assert ended.code == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_the_audit_ledger_is_exported_as_json_lines_by_time_and_tenant(run: Run, served: Caller) -> None:
    made = served.installation
    now_ms = made.clock.now_ms()
    doomed = run("tenant", "create", "doomed", "--json").json()["id"]
    with made.runtime.store.write() as work:
        for number in range(2 * PAGE + 1):
            record(work, now_ms - 3_600_000 - number // 3, Event(doomed, "appid.x.read", target_id=str(number)))
    exported = lines(run("audit", "export", "--tenant", "doomed", "--until", "30m"))
    assert [each["eventTime"] for each in exported] == sorted(each["eventTime"] for each in exported)
    assert len({each["id"] for each in exported}) == 2 * PAGE + 1
    assert len(lines(run("audit", "export", "--since", rfc3339(now_ms - 3_600_000), "--until", "30m"))) == 3
    assert run("tenant", "delete", "doomed", "--yes").code == 0
    assert len(lines(run("audit", "export", "--tenant", doomed))) == 2 * PAGE + 1, "an auditor still finds them"
    (deletion,) = [each for each in lines(run("audit", "export")) if each["action"] == "ostiary.tenant.delete"]
    assert deletion["target"]["id"].endswith(doomed)
    assert lines(run("audit", "export", "--since", "2999-01-01", "--until", "2999-01-02")) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--since", "yesterday"), "is no time"), (("--follow", "--until", "1h"), "has no end"),
        (("--tenant", "nobody"), "There is no tenant nobody"),
    ],
)  # fmt: skip
def test_an_export_that_cannot_be_meant_is_refused_in_one_line(
    run: Run, arguments: tuple[str, ...], complaint: str
) -> None:
    assert run("init", "--json").code == 0
    refused = run("audit", "export", *arguments)
    assert (refused.code != 0, refused.stdout, refused.stderr.count("\n")) == (True, "", 1)
    assert complaint in refused.stderr


def test_a_made_api_key_works_until_it_is_revoked(run: Run, served: Caller) -> None:
    made = run("apikey", "create", "default", "--role", "reader", "--name", "report", "--json").json()
    token = served.token(made["apikey"])
    assert ask(served, token) is grpc.StatusCode.OK
    assert run("apikey", "revoke", "DEFAULT", made["id"]).code == 0
    assert ask(served, token) is grpc.StatusCode.UNAUTHENTICATED
    listed = run("apikey", "list", "default", "--json")
    assert {key["name"]: bool(key["revokedAt"]) for key in listed.json()} == {"first manager": False, "report": True}
    assert made["apikey"] not in listed.stdout


def test_the_keys_of_operators_are_operators_and_no_others_are(run: Run, served: Caller) -> None:
    assert run("apikey", "create", "System", "--json").json()["role"] == "platform_operator"
    for tenant, role in (("System", "reader"), ("default", "platform_operator")):
        refused = run("apikey", "create", tenant, "--role", role)
        assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def test_a_disabled_tenant_is_refused_at_the_next_request_and_enabled_again(run: Run, served: Caller) -> None:
    token = served.token(served.installation.api_keys["manager"])
    assert run("tenant", "disable", "default", "--json").json()["state"] == "disabled"
    assert ask(served, token) is not grpc.StatusCode.OK
    assert run("tenant", "enable", served.installation.tenant_id).code == 0
    assert ask(served, token) is grpc.StatusCode.OK


def test_a_deleted_tenant_leaves_its_id_and_the_record_of_what_was_done(run: Run, served: Caller) -> None:
    token = served.token(served.installation.api_keys["manager"])
    tenant_id = served.installation.tenant_id
    assert run("tenant", "delete", "default").code == 130, "without --yes and without a person it deletes nothing"
    assert ask(served, token) is grpc.StatusCode.OK
    assert run("tenant", "delete", "default", "--yes", "--json").json()["state"] == "deleted"
    assert ask(served, token) is not grpc.StatusCode.OK
    with served.installation.runtime.store.read() as work:
        for table in SQLModel.metadata.sorted_tables:
            if "tenant_id" in table.columns and table.name not in ("jobs", "audit_events"):
                count = work.row(select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id))
                assert count is not None
                assert count[0] == 0, table.name
    assert run("tenant", "show", tenant_id).code == 1
    gone = {tenant["id"]: tenant["state"] for tenant in run("tenant", "list", "--deleted", "--json").json()}
    assert gone[tenant_id] == "deleted"
    assert run("tenant", "create", "default", "--json").json()["id"] != tenant_id


def test_the_operators_organization_stays(run: Run, served: Caller) -> None:
    for command in (("disable", "System"), ("delete", SYSTEM_ID, "--yes")):
        refused = run("tenant", *command)
        assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert ask(served, served.token(served.installation.api_keys["operator"])) is grpc.StatusCode.OK


def test_an_organization_with_others_below_it_is_not_deleted(run: Run, served: Caller) -> None:
    assert run("tenant", "create", "below", "--parent", "default").code == 0
    assert "organizations below it" in run("tenant", "delete", "default", "--yes").stderr


def test_rotated_keys_leave_tokens_alive_and_revoked_ones_do_not(run: Run, served: Caller) -> None:
    token = served.token(served.installation.api_keys["manager"])
    before = run("key", "rotate", "--json").json()["kid"]
    assert ask(served, token) is grpc.StatusCode.OK
    assert run("key", "rotate", "platform", "--revoke", "--json").json()["kid"] != before
    assert ask(served, token) is grpc.StatusCode.UNAUTHENTICATED
    fresh = run("apikey", "create", "default", "--json").json()["apikey"]
    assert ask(served, served.token(fresh)) is grpc.StatusCode.OK


def test_the_first_rotation_signs_with_a_key_that_everybody_could_fetch(run: Run, served: Caller) -> None:
    made = run("tenant", "create", "fresh", "--json").json()["id"]
    for tenant_id, named in ((made, "fresh"), (SYSTEM_ID, "platform")):
        before = kids(served, tenant_id)
        assert len(before) == 2
        assert run("key", "rotate", named, "--json").json()["kid"] in before
        again = run("key", "rotate", named)
        assert (again.code, again.stdout, again.stderr.count("\n")) == (1, "", 1)
        assert "--now" in again.stderr
        assert run("key", "rotate", named, "--now").code == 0


def test_keys_of_saml_change_in_two_runs(run: Run, served: Caller) -> None:
    said = [run("key", "rotate-saml", "default", "--json").json()["state"] for _ in range(3)]
    assert said == ["announced", "in use", "announced"]


def kids(caller: Caller, tenant_id: str) -> set[str]:
    """The key set of a tenant as verifiers fetch it."""
    runtime = caller.installation.runtime
    with runtime.store.read() as work:
        tenant = runtime.tenancy.find(work, tenant_id)
        assert tenant is not None
        return {key["kid"] for key in runtime.keys.jwks(work, tenant)}


REFUSING = {
    "sqlite": "CREATE TRIGGER refusing BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'refused'); END",
    "postgresql": """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
        CREATE TRIGGER refusing BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()""",
}
CHANGES = [
    ("key", "rotate", "default"), ("key", "rotate", "default", "--revoke"),
    ("key", "rewrap", "--old-master-key-file", "old.key"), ("apikey", "create", "default"),
    ("tenant", "create", "other"), ("tenant", "disable", "default"), ("tenant", "delete", "default", "--yes"),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
def test_what_cannot_be_recorded_is_not_done(
    run: Run, served: Caller, tmp_path: Path, kind: str, change: tuple[str, ...]
) -> None:
    if "rewrap" in change:
        (tmp_path / "var/master.key").rename(tmp_path / "old.key")
    store = served.installation.runtime.store
    with store.write() as work:
        work.connection.exec_driver_sql(REFUSING[kind])
    before = contents(store)
    refused = run(*change)
    assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert contents(store) == before


def contents(store: Store) -> dict[str, list[str]]:
    """Every row of every table."""
    with store.read() as work:
        tables = SQLModel.metadata.sorted_tables
        return {table.name: sorted(map(str, work.rows(select(table)))) for table in tables}


def test_everything_is_sealed_anew_under_another_master_key(run: Run, served: Caller, tmp_path: Path) -> None:
    del served
    key = tmp_path / "var/master.key"
    old = key.rename(tmp_path / "old.key")
    assert run("tenant", "list").code == 2
    sealed = run("key", "rewrap", "--old-master-key-file", str(old), "--json").json()
    assert sealed["sealed"] >= 5, "four signing keys and the secret of an application"
    assert run("tenant", "list").code == 0
    wrong = run("tenant", "list", "--master-key-file", str(old))
    assert (wrong.code, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    assert "not the one that seals this store" in wrong.stderr
    assert run("key", "rewrap", "--json").json()["sealed"] == 0


def test_the_master_key_may_come_from_the_environment_alone(run: Run, tmp_path: Path) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    assert run("init", OSTIARY_MASTER_KEY=key).code == 0
    assert not (tmp_path / "var/master.key").exists()
    assert run("tenant", "list", OSTIARY_MASTER_KEY=key).code == 0
    assert run("tenant", "list").code == 2


def test_commands_without_an_installation_say_what_to_run_and_make_nothing(run: Run, tmp_path: Path) -> None:
    refused = run("tenant", "list", OSTIARY_DATABASE=f"sqlite:///{tmp_path}/nowhere/x.sqlite3")
    assert (refused.code, refused.stdout) == (1, "")
    assert "ostiary init" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_migrate_says_where_the_schema_is(run: Run) -> None:
    first = run("migrate", "--json").json()
    assert first["before"] == 0
    assert first["after"] >= 1
    again = run("migrate", "--json").json()
    assert again["before"] == again["after"] == first["after"]
