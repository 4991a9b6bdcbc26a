"""Every guarded RPC of csp, cloudapi, SCIM and oidc, those that no document knows too: closed to strangers, open to
operators. The documented cells are walked in tests/rest/test_every_operation.py."""

from __future__ import annotations

from typing import Any

import grpc
from contract.served import RPCS, Rpc
from google.protobuf.message_factory import GetMessageClass
from kit.accounts.people import cast, new_client
from kit.callers import Caller

DIALECTS = ("identity.csp.", "identity.cloudapi.", "identity.scim.", "identity.oidc.")
GUARDED = [rpc for rpc in RPCS if rpc.package.startswith(DIALECTS) and not rpc.rules.need.anonymous]
OUTSIDE = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
UNKNOWN = (grpc.StatusCode.NOT_FOUND, "Not Found")


def ask(caller: Caller, rpc: Rpc, tenant_id: str, call: dict[str, Any]) -> tuple[grpc.StatusCode, str]:
    """Calls an RPC on a tenant, named where its rules say, and with a filler for what else the path names."""
    fields = {field.name: "x" for field in rpc.descriptor.input_type.fields if field.name == "id"}
    metadata = call.get("metadata", ())
    if rpc.rules.tenant_field:
        fields[rpc.rules.tenant_field] = tenant_id
    elif rpc.rules.tenant_context:
        metadata = (*metadata, ("x-vmware-vcloud-tenant-context", tenant_id))
    answer = GetMessageClass(rpc.descriptor.output_type)
    request = GetMessageClass(rpc.descriptor.input_type)(**fields)
    method = caller.channel.unary_unary(f"/{rpc.name}", type(request).SerializeToString, answer.FromString)
    try:
        method(request, metadata=metadata, timeout=20)
    except grpc.RpcError as refused:
        return refused.code(), refused.details()
    return grpc.StatusCode.OK, ""


def names_a_tenant(rpc: Rpc) -> bool:
    return bool(rpc.rules.tenant_field or rpc.rules.tenant_context)


def test_the_matrix_is_not_empty() -> None:
    assert len(GUARDED) >= 8


def test_nobody_gets_in_without_a_token_or_with_that_of_an_application_that_is_no_service_account(
    caller: Caller,
) -> None:
    home = caller.installation.tenant_id
    application = new_client(caller.installation, home, service_account=False).call
    for rpc in GUARDED:
        for call in ({}, application, {"metadata": (("authorization", "Bearer made.up.token"),)}):
            assert ask(caller, rpc, home, call)[0] is grpc.StatusCode.UNAUTHENTICATED, rpc.name


def test_an_operator_gets_into_every_organization(caller: Caller) -> None:
    people, foreign = cast(caller), caller.installation.new_tenant("far")
    for rpc in filter(names_a_tenant, GUARDED):
        asked = ask(caller, rpc, foreign, people["platform_operator"])
        assert asked != UNKNOWN, rpc.name
        assert asked[0] not in OUTSIDE, rpc.name
