"""API tokens of people over native gRPC: taken in every place again and again, until what they stand on ends."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from kit.accounts.people import PASSWORD, Made
from kit.callers import Caller
from kit.platform import (
    CALL,
    INVALID,
    api_token_of,
    claims_of,
    csp_login,
    form,
    is_dead,
    me,
    swap,
)

from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.oauth.sessions.refresh import revoke_grants_of
from ostiary.store.tables import User
from ostiary_api.cloudapi.v1 import tenant_token_pb2
from ostiary_api.cloudapi.v1.tenant_token_pb2_grpc import TenantTokenServiceStub
from ostiary_api.csp.v1 import authentication_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

# They name tenants, or count what an installation has.
pytestmark = pytest.mark.own_installation


def test_an_api_token_is_taken_in_every_place_again_and_again(caller: Caller, ann: Made) -> None:
    token = api_token_of(caller, ann)
    stub = AuthenticationServiceStub(caller.channel)
    for request in (
        authentication_pb2.AuthorizeApiTokenRequest(form=form(api_token=token)),
        authentication_pb2.AuthorizeApiTokenRequest(form=form(refresh_token=token)),
        authentication_pb2.AuthorizeApiTokenRequest(api_token=token),
        authentication_pb2.AuthorizeApiTokenRequest(refresh_token=token),
    ):
        answer = stub.AuthorizeApiToken(request, **CALL)
        assert (answer.token_type, answer.refresh_token) == ("bearer", token)
        assert me(caller, answer.access_token).id == ann.id
    issued = stub.IssueToken(
        authentication_pb2.IssueTokenRequest(form=form(grant_type="refresh_token", refresh_token=token)), **CALL
    )
    tenant = TenantTokenServiceStub(caller.channel).IssueTenantToken(
        tenant_token_pb2.IssueTenantTokenRequest(
            tenant="Acme", form=form(grant_type="refresh_token", refresh_token=token)
        ),
        **CALL,
    )
    oidc = ProviderServiceStub(caller.channel).IssueToken(
        provider_pb2.IssueTokenRequest(form=form(grant_type="refresh_token", refresh_token=token)), **CALL
    )
    assert (tenant.token_type, tenant.expires_in, tenant.HasField("refresh_token")) == ("Bearer", 3600, False)
    assert claims_of(oidc.access_token)["iss"].endswith("/oidc")
    for access in (issued.access_token, tenant.access_token, oidc.access_token):
        assert me(caller, access).id == ann.id


def test_revoking_an_api_token_kills_what_it_gave_but_not_the_password_session(caller: Caller, ann: Made) -> None:
    login = csp_login(caller, "ann", PASSWORD, flag="x")
    access = swap(caller, login.refresh_token).access_token
    with caller.installation.runtime.store.write() as work:
        revoke_grants_of(work, ann.tenant_id, caller.installation.clock.now_ms(), user_id=ann.id)
    assert is_dead(caller, access)
    assert not is_dead(caller, login.access_token)
    with pytest.raises(grpc.RpcError):
        swap(caller, login.refresh_token)


def deactivate(caller: Caller, ann: Made) -> None:
    with caller.installation.runtime.store.write() as work:
        user = work.get(User, ann.id, lock=True)
        assert user is not None
        user.active = False


def expire(caller: Caller, ann: Made) -> None:
    caller.installation.clock.advance(91 * 86_400)


def disable(caller: Caller, ann: Made) -> None:
    with caller.installation.runtime.store.write() as work:
        set_tenant_state(work, ann.tenant_id, "disabled", caller.installation.clock.now_ms())


@pytest.mark.parametrize("happening", [deactivate, expire, disable])
def test_an_api_token_dies_with_what_it_stands_on(caller: Caller, ann: Made, happening: Any) -> None:
    token = api_token_of(caller, ann)
    happening(caller, ann)
    with pytest.raises(grpc.RpcError) as refused:
        swap(caller, token)
    assert refused.value.code() is INVALID


def test_an_api_token_is_worth_nothing_in_another_organization_or_cut_short(caller: Caller, ann: Made) -> None:
    caller.installation.new_tenant("other")
    token, stub = api_token_of(caller, ann), TenantTokenServiceStub(caller.channel)
    seen = set()
    for org, value in (("other", token), ("nowhere", token), ("acme", token[:-1]), ("acme", "x"), ("\0", token)):
        with pytest.raises(grpc.RpcError) as refused:
            stub.IssueTenantToken(
                tenant_token_pb2.IssueTenantTokenRequest(
                    tenant=org, form=form(grant_type="refresh_token", refresh_token=value)
                ),
                **CALL,
            )
        seen.add((refused.value.code(), refused.value.details()))
    assert len(seen) == 1
    with pytest.raises(grpc.RpcError):
        stub.IssueProviderToken(
            tenant_token_pb2.IssueProviderTokenRequest(form=form(grant_type="refresh_token", refresh_token=token)),
            **CALL,
        )
