"""`ostiary operator`: people of System with a password, from the command line to csp and cloudapi."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from kit.audited import audited
from kit.callers import Caller, bearer, serving
from kit.platform import csp_login, vcd_login
from kit.servers.command import Ended, ostiary_here
from kit.servers.databases import place_schema
from kit.servers.installation import Installation

from ostiary.clock import FixedClock, SystemClock
from ostiary.config import Settings
from ostiary.runtime import open_runtime
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub
from ostiary_api.cloudapi.v1 import orgs_pb2
from ostiary_api.cloudapi.v1.orgs_pb2_grpc import OrgsServiceStub

Run = Callable[..., Ended]
PASSWORD = "analytical engine 7"


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    def command(*arguments: str, typed: str = "") -> Ended:
        return ostiary_here(
            *arguments, cwd=tmp_path, typed=typed, OSTIARY_DATABASE=database, OSTIARY_ARGON2_MEMORY_KIB="64"
        )

    return command


@pytest.fixture
def served(run: Run, database: str, tmp_path: Path) -> Iterator[Caller]:
    place_schema(database)
    made = run("init", "--json").json()
    clock = FixedClock(SystemClock().now_ms())
    runtime = open_runtime(Settings(database=database, data=tmp_path / "var"), clock=clock)
    with serving(Installation(runtime, clock, made["tenantId"], {"manager": made["apikey"]})) as caller:
        yield caller


def is_refused(caller: Caller, password: str) -> bool:
    try:
        vcd_login(caller, "jane@System", password, provider=True)
    except grpc.RpcError as refused:
        return refused.code() is grpc.StatusCode.UNAUTHENTICATED
    return False


def test_an_operator_signs_in_and_may_do_what_operators_may(run: Run, served: Caller) -> None:
    made = run("operator", "create", "jane", "--generate", "--json").json()
    session, token = vcd_login(served, "Jane@system", made["password"], provider=True)
    assert list(session.roles) == ["platform_operator"]
    orgs = OrgsServiceStub(served.channel).ListOrgs(orgs_pb2.ListOrgsRequest(), **bearer(token))
    assert {org.name for org in orgs.values} == {"System", "default"}
    tenant_id = served.installation.tenant_id
    management = TokensServiceStub(served.channel)
    management.GetTokensConfig(pb.GetTokensConfigRequest(tenant_id=tenant_id), **bearer(token))
    answer = csp_login(served, "jane", made["password"], domain="System", flag="")
    management.GetTokensConfig(pb.GetTokensConfigRequest(tenant_id=tenant_id), **bearer(answer.access_token))


def test_a_password_comes_from_standard_input_and_stands_nowhere(run: Run, served: Caller) -> None:
    made = run(
        "operator", "create", "jane", "--email", "jane@example.com", "--password-stdin", typed=f"{PASSWORD}\r\nx"
    )
    assert made.code == 0, made.stderr
    assert PASSWORD not in made.stdout + made.stderr
    assert not is_refused(served, PASSWORD)
    again = run("operator", "create", "Jane", "--password-stdin", typed=PASSWORD)
    assert (again.code, again.stdout, again.stderr.count("\n")) == (1, "", 1)


def test_what_was_done_is_recorded(run: Run, served: Caller) -> None:
    made = run("operator", "create", "jane", "--generate", "--json").json()
    assert run("operator", "password", "jane", "--generate").code == 0
    assert run("operator", "remove", "JANE").code == 0
    records = [(row.action, row.target_id) for row in audited(served.installation, SYSTEM_ID)]
    for action in ("create", "password", "remove"):
        assert (f"ostiary.operator.{action}", made["id"]) in records
    assert made["password"] not in json.dumps(records)


def test_a_removed_operator_and_an_old_password_are_refused_at_once(run: Run, served: Caller) -> None:
    first = run("operator", "create", "jane", "--generate", "--json").json()["password"]
    _, token = vcd_login(served, "jane@System", first, provider=True)
    second = run("operator", "password", "jane", "--generate", "--json").json()["password"]
    assert is_refused(served, first)
    _, other = vcd_login(served, "jane@System", second, provider=True)
    assert [one["name"] for one in run("operator", "list", "--json").json()] == ["jane"]
    assert run("operator", "remove", "jane").code == 0
    assert is_refused(served, second)
    assert run("operator", "list", "--json").json() == []
    for dead in (token, other):
        with pytest.raises(grpc.RpcError) as refused:
            OrgsServiceStub(served.channel).ListOrgs(orgs_pb2.ListOrgsRequest(), **bearer(dead))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


MEANINGLESS = [
    (("create", "jane"), "--password-stdin or --generate"),
    (("create", "jane", "--generate", "--password-stdin"), "exclude each other"),
    (("create", "jane", "--password-stdin"), "holds no password"),
    (("create", "", "--generate"), ""),
    (("create", "jane", "--email", "nonsense", "--generate"), "mail address"),
    (("remove", "nobody"), "There is no operator nobody"),
    (("password", "nobody", "--generate"), "There is no operator nobody"),
]
"""A command and a part of what it is told."""


def test_what_cannot_be_meant_is_refused_in_one_line(run: Run) -> None:
    assert run("init").code == 0
    for arguments, says in MEANINGLESS:
        refused = run("operator", *arguments)
        assert refused.code in (1, 2), refused
        assert (refused.stdout, refused.stderr.count("\n")) == ("", 1)
        assert says in refused.stderr
    assert run("operator", "list", "--json").json() == []
