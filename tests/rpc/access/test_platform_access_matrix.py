"""Who may call what in csp, cloudapi, SCIM and oidc, asked of every RPC by every caller that their documentation knows,
at home, elsewhere and nowhere. What is expected is made from the documented access, not from the rules."""

from __future__ import annotations

from typing import Any

import grpc
from contract.served import RPCS, Rpc, documented, without_names
from google.protobuf.message_factory import GetMessageClass
from kit.accounts.people import cast, new_client
from kit.callers import Caller

from ostiary_api.options.v1 import rules_pb2 as rules

NOBODY = "00000000-0000-4000-8000-000000000000"
FACTS = {
    str(facts.get("number") or f"{facts['verb']} {facts['path']}"): facts
    for facts in (*documented("identity_service"), *documented("tenant_manager"))
}
DIALECTS = ("identity.csp.", "identity.cloudapi.", "identity.scim.", "identity.oidc.")
GUARDED = [rpc for rpc in RPCS if rpc.package.startswith(DIALECTS) and not rpc.rules.need.anonymous]
DOCUMENTED = [rpc for rpc in GUARDED if rpc.rules.catalogue]
OUTSIDE = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
UNKNOWN = (grpc.StatusCode.NOT_FOUND, "Not Found")
PEOPLE = ("org_owner", "org_member", "service_account", "platform_operator")


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


def documented_callers(rpc: Rpc) -> set[str]:
    """Whom the documentation of the RPC's operations lets in, also where it acts on others than the caller."""
    found = {name for number in rpc.rules.catalogue for name in FACTS[without_names(number)]["roles"]}
    return found - {"org_member"} if rpc.rules.options.access.roles_on_oneself else found


def names_a_tenant(rpc: Rpc) -> bool:
    return bool(rpc.rules.tenant_field or rpc.rules.tenant_context)


def test_the_matrix_is_not_empty() -> None:
    assert len(GUARDED) >= 8


def test_at_home_exactly_the_documented_callers_get_in(caller: Caller) -> None:
    people, home = cast(caller), caller.installation.tenant_id
    for rpc in DOCUMENTED:
        entered = {
            name for name in PEOPLE
            if (asked := ask(caller, rpc, home, people[name])) != UNKNOWN and asked[0] not in OUTSIDE
        }  # fmt: skip
        assert entered == documented_callers(rpc) & set(PEOPLE), rpc.name
        if rpc.name.endswith("/DeleteCurrentSession"):
            people = cast(caller, suffix="2")  # those of before have signed out


def test_nobody_gets_in_without_a_token_or_with_that_of_an_application_that_is_no_service_account(
    caller: Caller,
) -> None:
    home = caller.installation.tenant_id
    application = new_client(caller.installation, home, service_account=False).call
    for rpc in GUARDED:
        for call in ({}, application, {"metadata": (("authorization", "Bearer made.up.token"),)}):
            assert ask(caller, rpc, home, call)[0] is grpc.StatusCode.UNAUTHENTICATED, rpc.name


def test_somebody_elses_organization_looks_like_none(caller: Caller) -> None:
    people, home = cast(caller), caller.installation.tenant_id
    for rpc in filter(names_a_tenant, GUARDED):
        answers = {ask(caller, rpc, tenant_id, people["stranger"]) for tenant_id in (home, NOBODY)}
        hides = rpc.rules.options.access.foreign_tenant == rules.FOREIGN_TENANT_FORBIDDEN
        assert {code for code, _ in answers} == {
            grpc.StatusCode.PERMISSION_DENIED if hides else grpc.StatusCode.NOT_FOUND
        }, rpc.name
        assert len(answers) == 1, rpc.name


def test_an_operator_gets_into_every_organization(caller: Caller) -> None:
    people, foreign = cast(caller), caller.installation.new_tenant("far")
    for rpc in filter(names_a_tenant, GUARDED):
        asked = ask(caller, rpc, foreign, people["platform_operator"])
        assert asked != UNKNOWN, rpc.name
        assert asked[0] not in OUTSIDE, rpc.name
