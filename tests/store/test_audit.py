"""The audit event of a change stands in the change's own transaction, or the change fails."""

from __future__ import annotations

from typing import Any

import pytest
from kit.installation import Installation
from sqlalchemy import select

from identity.appid.management.v4 import tokens_pb2 as pb
from ostiary.errors import DomainError, conflict
from ostiary.store.tables import AuditEvent, table_of
from ostiary.transport.call import Call
from ostiary.transport.rules import read_rules
from ostiary.transport.steps.audit import Audit
from ostiary.transport.steps.unit_of_work import unit_of_work

RULES = read_rules([pb.DESCRIPTOR.services_by_name["TokensService"]], ["management"])
PUT = RULES["/identity.appid.management.v4.TokensService/PutTokensConfig"]


@pytest.fixture
def call(installation: Installation) -> Call:
    """A call of an audited operation."""
    runtime = installation.runtime
    with runtime.store.read() as work:
        tenant = runtime.tenancy.get(work, installation.tenant_id)
    return Call(PUT, runtime.store, runtime.tenancy, {}, "r1", tenant=tenant)


def recorded(installation: Installation) -> list[tuple[str, str]]:
    events = table_of(AuditEvent)
    with installation.runtime.store.read() as work:
        return [(row.action, row.target_id) for row in work.rows(select(events).order_by(events.c.id))]


def run(installation: Installation, call: Call, servicer: Any, *, own: bool) -> Any:
    """The two innermost steps around a servicer."""
    request = pb.PutTokensConfigRequest(tenant_id=installation.tenant_id)
    inner = servicer if own else lambda call, request: unit_of_work(call, request, servicer)
    return Audit(installation.clock)(call, request, inner)


def test_the_unit_of_work_records_once_after_the_servicer(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        call.audit_target = "made"
        return "answer"

    assert run(installation, call, servicer, own=False) == "answer"
    assert recorded(installation) == [("appid.tokens-config.update", "made")]


def test_an_operation_with_a_transaction_of_its_own_records_in_it(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        with call.transaction():
            call.audit_target = "made"
        return "answer"

    run(installation, call, servicer, own=True)
    assert recorded(installation) == [("appid.tokens-config.update", "made")]


def test_what_is_refused_leaves_no_event(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        with call.transaction():
            raise conflict("TAKEN", "taken")

    with pytest.raises(DomainError, match="TAKEN"):
        run(installation, call, servicer, own=True)
    assert recorded(installation) == []


def test_a_change_past_the_calls_transaction_is_a_fault(installation: Installation, call: Call) -> None:
    def servicer(call: Call, request: Any) -> str:
        with call.store.write():
            return "unrecorded"

    with pytest.raises(LookupError, match="unrecorded"):
        run(installation, call, servicer, own=True)
    assert recorded(installation) == []
