"""Who may call what, asked of every RPC that acts on a tenant with IAM roles, made from the descriptors: each
caller against its own tenant, somebody else's and one that does not exist."""

from __future__ import annotations

import grpc
import pytest
from contract.served import RPCS, Rpc
from google.protobuf.message_factory import GetMessageClass
from kit.callers import Caller, bearer, refusal

from ostiary.directory.roles.built_in import BUILT_IN
from ostiary_api.options.v1 import rules_pb2 as rules

ROLES = {
    "reader": "reader",
    "writer": "writer",
    "manager": "manager",
    "operator": "platform_operator",
}
NOBODY = "00000000-0000-4000-8000-000000000000"
MANAGED = [
    rpc
    for rpc in RPCS
    if rpc.rules.tenant_field and not rpc.rules.own_credentials
    and rpc.rules.roles & {rules.ROLE_READER, rules.ROLE_WRITER, rules.ROLE_MANAGER}
]  # fmt: skip
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
UNKNOWN = (grpc.StatusCode.NOT_FOUND, "TENANT_NOT_FOUND")


class Matrix:
    """Calls an RPC with nothing but a tenant id: access is decided before anything else is looked at."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def ask(self, rpc: Rpc, tenant_id: str, **credentials: object) -> tuple[grpc.StatusCode, str]:
        request = GetMessageClass(rpc.descriptor.input_type)(**{rpc.rules.tenant_field: tenant_id})
        shape = f"{_arity(rpc.descriptor.client_streaming)}_{_arity(rpc.descriptor.server_streaming)}"
        answer = GetMessageClass(rpc.descriptor.output_type)
        call = getattr(self.caller.channel, shape)(f"/{rpc.name}", type(request).SerializeToString, answer.FromString)
        if rpc.descriptor.server_streaming:
            return refusal(lambda: list(call(request, **credentials)))
        if rpc.descriptor.client_streaming:
            return refusal(lambda: call(iter([request]), **credentials))
        return refusal(lambda: call(request, **credentials))


def _arity(streams: bool) -> str:
    return "stream" if streams else "unary"


@pytest.fixture
def matrix(caller: Caller) -> Matrix:
    return Matrix(caller)


def test_the_matrix_is_not_empty() -> None:
    assert len(MANAGED) >= 28


def test_nobody_gets_in_without_a_token_or_with_a_made_up_one(matrix: Matrix) -> None:
    tenant_id = matrix.caller.installation.tenant_id
    for rpc in MANAGED:
        assert matrix.ask(rpc, tenant_id, timeout=20)[0] is grpc.StatusCode.UNAUTHENTICATED, rpc.name
        assert matrix.ask(rpc, tenant_id, **bearer("made.up.token"))[0] is grpc.StatusCode.UNAUTHENTICATED, rpc.name


def test_at_home_each_role_may_do_what_its_rules_say_and_nothing_else(matrix: Matrix) -> None:
    tenant_id = matrix.caller.installation.tenant_id
    for rpc in MANAGED:
        for name, role in ROLES.items():
            may = bool(rpc.rules.need.permissions & BUILT_IN[role].permissions)
            asked = matrix.ask(rpc, tenant_id, **matrix.caller.as_role(name))
            assert (asked[0] is grpc.StatusCode.PERMISSION_DENIED) != may, (rpc.name, name, asked)
            assert asked != UNKNOWN, (rpc.name, name)


def test_elsewhere_nobody_but_operators_can_tell_a_tenant_from_none(matrix: Matrix) -> None:
    foreign = matrix.caller.installation.new_tenant("other")
    for rpc in MANAGED:
        for name in ("reader", "writer", "manager"):
            credentials = matrix.caller.as_role(name)
            assert matrix.ask(rpc, foreign, **credentials) == matrix.ask(rpc, NOBODY, **credentials) == UNKNOWN, (
                rpc.name
            )
        operator = matrix.caller.as_role("operator")
        assert matrix.ask(rpc, NOBODY, **operator) == UNKNOWN, rpc.name
        assert matrix.ask(rpc, foreign, **operator) not in (UNKNOWN, DENIED), rpc.name
