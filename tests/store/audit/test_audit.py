"""The audit event of a change stands in its own transaction, or the change fails; reads and refusals follow."""

from __future__ import annotations

from typing import Any

import pytest
from kit.audited import audited
from kit.servers.installation import Installation

from ostiary.access.principals import ANONYMOUS, Principal, PrincipalKind
from ostiary.errors import DomainError, conflict, denied, limited, unavailable
from ostiary.transport.call import Call
from ostiary.transport.rules import Rules, read_rules
from ostiary.transport.steps.audit import Audit
from ostiary.transport.steps.unit_of_work import unit_of_work
from ostiary_api.appid.management.v4 import tokens_pb2 as pb

RULES = read_rules([pb.DESCRIPTOR.services_by_name["TokensService"]], ["management"])
GET, PUT = (RULES[f"/identity.appid.management.v4.TokensService/{verb}TokensConfig"] for verb in ("Get", "Put"))
MANAGER = Principal(PrincipalKind.API_KEY, "key", "tenant")


def called(installation: Installation, rules: Rules, principal: Principal = MANAGER) -> Call:
    """A call of an operation, past the access decision."""
    runtime = installation.runtime
    with runtime.store.read() as work:
        tenant = runtime.tenancy.find(work, installation.tenant_id)
    return Call(rules, runtime.store, runtime.tenancy, {}, "r1", tenant=tenant, principal=principal)


@pytest.fixture
def call(installation: Installation) -> Call:
    """A call of an operation that changes something."""
    return called(installation, PUT)


def recorded(installation: Installation) -> list[tuple[str, str, int]]:
    return [(row.action, row.target_id, row.reason_code) for row in audited(installation)]


def run(installation: Installation, call: Call, servicer: Any, *, own: bool, reads: bool = True) -> Any:
    """The step and the innermost one around a servicer."""
    request = pb.PutTokensConfigRequest(tenant_id=installation.tenant_id)
    inner = servicer if own else lambda call, request: unit_of_work(call, request, servicer)
    return Audit(installation.runtime.events, reads=reads)(call, request, inner)


def test_the_unit_of_work_records_once_after_the_servicer(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        call.audit_target = "made"
        return "answer"

    assert run(installation, call, servicer, own=False) == "answer"
    assert recorded(installation) == [("appid.tokens-config.update", "made", 200)]


def test_an_operation_with_a_transaction_of_its_own_records_in_it(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        with call.transaction():
            call.audit_target = "made"
        return "answer"

    run(installation, call, servicer, own=True)
    assert recorded(installation) == [("appid.tokens-config.update", "made", 200)]


def test_what_is_refused_leaves_its_failure_and_not_what_it_named(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        with call.transaction():
            call.audit_target = "jane@example.com"
            raise conflict("TAKEN", "taken")

    with pytest.raises(DomainError, match="TAKEN"):
        run(installation, call, servicer, own=True)
    assert recorded(installation) == [("appid.tokens-config.update", "unknown", 409)]


@pytest.mark.parametrize(
    ("error", "principal"),
    [
        (limited("SLOW", "slow", 1), MANAGER),
        (unavailable("AWAY", "away"), MANAGER),
        (denied("NO", "no"), ANONYMOUS),
        (denied("NO", "no"), Principal(PrincipalKind.END_USER, "p", "tenant")),
    ],
)
def test_overload_and_strangers_cannot_fill_the_ledger(
    installation: Installation, error: DomainError, principal: Principal
) -> None:
    def servicer(call: Call, request: Any) -> str:
        raise error

    with pytest.raises(DomainError):
        run(installation, called(installation, PUT, principal), servicer, own=True)
    assert recorded(installation) == []


@pytest.mark.parametrize("reads", [True, False])
def test_a_read_is_recorded_where_the_operator_wants_it(installation: Installation, reads: bool) -> None:
    run(installation, called(installation, GET), lambda call, request: "answer", own=False, reads=reads)
    assert recorded(installation) == [("appid.tokens-config.read", installation.tenant_id, 200)] * reads


def test_a_change_past_the_calls_transaction_is_a_fault(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        with call.store.write():
            return "unrecorded"

    with pytest.raises(LookupError, match="unrecorded"):
        run(installation, call, servicer, own=True)
    assert recorded(installation) == []
