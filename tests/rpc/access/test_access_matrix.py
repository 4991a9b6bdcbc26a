"""Who may call what: every RPC, asked by every kind of caller on its own tenant, as the access matrix says; and those
that act on a tenant with IAM roles against somebody else's tenant and one that does not exist."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from contract.served import RPCS, Rpc, access_matrix
from google.protobuf.message_factory import GetMessageClass
from kit.accounts.people import new_client, new_person, new_scim_token
from kit.accounts.platform_browser import PlatformBrowser, new_relying_party, redeem
from kit.callers import Caller, bearer, refusal
from kit.oauth import Runtime
from kit.patience import PATIENCE_S

from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.options.v1 import rules_pb2 as rules

MATRIX = access_matrix()
ENDS_THE_SESSION = ("/DeleteCurrentSession", "/DeleteSession", "/DeleteMe")
TENANT_CONTEXT = "x-vmware-vcloud-tenant-context"
HOME_NAME, SYSTEM_NAME = "acme", "System"
"""The names of the installation's own tenant, and of that of its operators."""
OF_SYSTEM = "/RegisterProviderClient"
"""Its path is at System, where of these callers only the operator is at home."""
OF_PEOPLE = "NOT_A_USER"
"""The refusal of an operation that lets in whom its rules name, and then is only for people."""
NOBODY = "00000000-0000-4000-8000-000000000000"
MANAGED = [
    rpc
    for rpc in RPCS
    if rpc.rules.tenant_field and not rpc.rules.own_credentials
    and rpc.rules.roles & {rules.ROLE_READER, rules.ROLE_WRITER, rules.ROLE_MANAGER}
]  # fmt: skip
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
OUTSIDE = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
UNKNOWN = (grpc.StatusCode.NOT_FOUND, "TENANT_NOT_FOUND")


class Matrix:
    """Calls an RPC with nothing but a tenant id: access is decided before anything else is looked at."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def ask(self, rpc: Rpc, tenant_id: str, org: str = HOME_NAME, **credentials: Any) -> tuple[grpc.StatusCode, str]:
        fields = {rpc.rules.tenant_field: tenant_id} if rpc.rules.tenant_field else {}
        if "tenant" in rpc.descriptor.input_type.fields_by_name:  # the organization by its name, which its path has
            fields["tenant"] = org
        request = GetMessageClass(rpc.descriptor.input_type)(**fields)
        credentials = {"timeout": PATIENCE_S, **credentials}
        if rpc.rules.tenant_context:
            named = (TENANT_CONTEXT, tenant_id)
            credentials["metadata"] = (*credentials.get("metadata", ()), named)
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


def test_the_matrix_has_a_line_for_every_rpc() -> None:
    assert set(MATRIX) == {rpc.name for rpc in RPCS}


def everybody(caller: Caller, suffix: str = "") -> dict[str, dict[str, Any]]:
    """Each kind of caller at home, by its name in the matrix, with its credentials."""
    made, home = caller.installation, caller.installation.tenant_id
    runtime = Runtime(caller)
    runtime.user(f"end{suffix}@example.com")
    signed_in = runtime.sign_in(runtime.application(f"app{suffix}"), f"end{suffix}@example.com")
    return {
        **{name: caller.as_role(name) for name in ("reader", "writer", "manager")},
        "platform_operator": new_person(made, SYSTEM_ID, f"root{suffix}", "platform_operator").call,
        "org_owner": new_person(made, home, f"owner{suffix}", "org_owner").call,
        "org_member": new_person(made, home, f"member{suffix}", "org_member").call,
        "service_account": new_client(made, home, service_account=True).call,
        "user": new_person(made, home, f"nobody{suffix}").call,
        "end_user": bearer(signed_in["access_token"]),
        "relying_party": relying_party(caller, f"visitor{suffix}"),
        "provisioner": new_scim_token(made, home).call,
        "provisioning_reader": new_scim_token(made, home, read_only=True).call,
        "anyone": {},
    }


def relying_party(caller: Caller, name: str) -> dict[str, Any]:
    """An application with the access token that it got for a person, who owns the organization."""
    home = caller.installation.tenant_id
    web = PlatformBrowser(caller, new_person(caller.installation, home, name, "org_owner"))
    party = new_relying_party(caller, home)
    return bearer(redeem(caller, party, web.sign_in(party)).access_token)


def got_in(asked: tuple[grpc.StatusCode, str]) -> bool:
    assert asked[0] not in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL), asked
    return asked[1] == OF_PEOPLE or (asked[0] not in OUTSIDE and asked != UNKNOWN)


# On both databases the roles are walked by tests/rest/test_every_operation.py.
@pytest.mark.parametrize("shared_caller", ["sqlite"], indirect=True, scope="module")
@pytest.mark.own_installation
def test_at_home_everybody_gets_in_where_the_matrix_says_so_and_nowhere_else(matrix: Matrix) -> None:
    callers, home = everybody(matrix.caller), matrix.caller.installation.tenant_id
    guarded = [rpc for rpc in RPCS if MATRIX[rpc.name] != {"anyone"}]
    assert len(guarded) > 100
    for rpc in sorted(guarded, key=lambda each: each.name.endswith(ENDS_THE_SESSION)):
        let_in = {
            name
            for name, credentials in callers.items()
            if got_in(matrix.ask(rpc, home, SYSTEM_NAME if name == "platform_operator" else HOME_NAME, **credentials))
        }
        at_home = {"platform_operator"} if rpc.name.endswith(OF_SYSTEM) else MATRIX[rpc.name]
        assert let_in == at_home, rpc.name
        if rpc.name.endswith(ENDS_THE_SESSION):
            matrix.caller.forget_tokens()
            callers = everybody(matrix.caller, suffix=rpc.name.rpartition("/")[2])


def test_who_needs_no_token_is_not_asked_for_one(matrix: Matrix) -> None:
    for rpc in RPCS:
        if MATRIX[rpc.name] == {"anyone"}:
            asked = matrix.ask(rpc, matrix.caller.installation.tenant_id)
            assert asked[1] not in ("UNAUTHENTICATED", "FORBIDDEN", "TENANT_NOT_FOUND"), (rpc.name, asked)


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
