"""Every documented operation is answered by exactly one RPC, with the documented verb, path, status and access."""

from __future__ import annotations

import json
import re
from typing import Any

from contract.served import DATA, RPCS, Rpc, documented, without_names
from kit.cases import in_one_test

from ostiary.directory.roles.built_in import BUILT_IN

Facts = dict[str, Any]
APPID = documented("appid_management")
IDENTITY_SERVICE = documented("identity_service")
TENANT_MANAGER = documented("tenant_manager")
OPERATIONS: list[Facts] = [*APPID, *IDENTITY_SERVICE, *TENANT_MANAGER]
CALLERS = ("reader", "writer", "manager", "platform_operator", "org_owner", "org_member", "service_account")
APPID_CALLERS = ("reader", "writer", "manager")


def name_of(facts: Facts) -> str:
    return str(facts.get("number") or f"{facts['verb']} {facts['path']}")


def named(rpc: Rpc) -> set[str]:
    """The operations that an RPC says it answers."""
    return {without_names(name) for name in rpc.rules.catalogue}


def answering(facts: Facts) -> list[Rpc]:
    """The RPCs that say that they answer an operation."""
    return [rpc for rpc in RPCS if name_of(facts) in named(rpc)]


def is_at(template: str, path: str) -> bool:
    """Whether a path is documented as it is in the template, or with a word where the template takes any."""
    return path == template or re.fullmatch(re.escape(template).replace(r"\{\}", "[^/]+"), path) is not None


each_operation = in_one_test("facts", OPERATIONS, name_of)


@each_operation
def test_exactly_one_rpc_answers_it_at_its_verb_and_path(facts: Facts) -> None:
    found = answering(facts)
    assert len(found) == 1, [rpc.name for rpc in found]
    assert any(verb == facts["verb"] and is_at(path, facts["path"]) for verb, path in found[0].routes)


@each_operation
def test_it_succeeds_with_a_documented_status(facts: Facts) -> None:
    assert [rpc.rules.success_status in facts["statuses"] for rpc in answering(facts)] == [True]


@each_operation
def test_exactly_the_documented_roles_may_call_it(facts: Facts) -> None:
    asked = APPID_CALLERS if facts in APPID else [name for name in CALLERS if name not in APPID_CALLERS]
    for rpc in answering(facts):
        anonymous = ["anonymous"] * rpc.rules.need.anonymous
        allowed, on_oneself = (
            [name for name in asked if need.permissions & BUILT_IN[name].permissions] + anonymous
            for need in (rpc.rules.need, rpc.rules.need_on_oneself)
        )
        assert facts["roles"] in (allowed, on_oneself)


@in_one_test("facts", APPID, name_of)
def test_it_is_recorded_under_its_documented_name(facts: Facts) -> None:
    for rpc in answering(facts):
        recorded = rpc.rules.audit
        assert recorded, f"{rpc.name} names no audit event in its rules; reads have one too"
        assert recorded == (facts["audit"] or recorded)


def test_every_operation_of_csp_is_deprecated_and_names_one_of_its_documented_successors() -> None:
    for facts in IDENTITY_SERVICE:
        for rpc in answering(facts):
            assert rpc.rules.deprecated, name_of(facts)
            assert without_names(rpc.rules.successor) in (facts["successors"] or [""]), name_of(facts)


def test_every_rpc_of_csp_is_deprecated_but_the_one_of_clients_that_have_no_other() -> None:
    living = {rpc.name for rpc in RPCS if rpc.package == "identity.csp.v1" and not rpc.rules.deprecated}
    assert living == {"identity.csp.v1.LoginService/SwapRefreshToken"}


def test_the_page_of_deprecated_operations_has_each_with_two_curls() -> None:
    lines = {line["number"]: line for line in json.loads((DATA / "deprecated_curls.json").read_text())}
    assert list(lines) == [facts["number"] for facts in IDENTITY_SERVICE]
    for facts in IDENTITY_SERVICE:
        line = lines[facts["number"]]
        assert called(facts["path"], line["old"]), line
        assert any(called(path, line["new"]) for path in facts["successors"]) or (line["new"], facts["successors"]) == (
            "", []
        ), line  # fmt: skip


def called(path: str, command: str) -> bool:
    """Whether a curl calls a path, with something in each gap."""
    return bool(re.search(re.escape(path).replace(r"\{\}", "[^/]+") + '[?" /]', command))


def test_rpcs_name_documented_operations_only() -> None:
    assert set().union(*map(named, RPCS)) <= set(map(name_of, OPERATIONS))
