"""Token settings over native gRPC."""

from __future__ import annotations

import grpc
import pytest
from kit.callers import Caller

from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub


@pytest.fixture
def stub(caller: Caller) -> TokensServiceStub:
    return TokensServiceStub(caller.channel)


def test_a_new_tenant_has_the_documented_defaults(caller: Caller, stub: TokensServiceStub) -> None:
    request = pb.GetTokensConfigRequest(tenant_id=caller.installation.tenant_id)
    config = stub.GetTokensConfig(request, **caller.as_role("reader"))
    assert (config.access.expires_in, config.refresh.enabled, config.anonymous_access.enabled) == (3600, False, False)


def test_what_a_writer_puts_is_read_on_the_next_request(caller: Caller, stub: TokensServiceStub) -> None:
    tenant_id = caller.installation.tenant_id
    config = pb.TokensConfig(access=pb.AccessTokenConfig(expires_in=600))
    request = pb.PutTokensConfigRequest(tenant_id=tenant_id, config=config)
    stub.PutTokensConfig(request, **caller.as_role("writer"))
    read = stub.GetTokensConfig(pb.GetTokensConfigRequest(tenant_id=tenant_id), **caller.as_role("operator"))
    assert read.access.expires_in == 600
    assert read.refresh.expires_in == 2_592_000


@pytest.mark.parametrize(
    ("role", "code"), [("reader", grpc.StatusCode.PERMISSION_DENIED), (None, grpc.StatusCode.UNAUTHENTICATED)]
)
def test_nobody_below_writer_changes_them(
    caller: Caller, stub: TokensServiceStub, role: str | None, code: grpc.StatusCode
) -> None:
    # The document is invalid too: access is decided first, so that a stranger learns nothing from validation.
    config = pb.TokensConfig(access=pb.AccessTokenConfig(expires_in=1))
    request = pb.PutTokensConfigRequest(tenant_id=caller.installation.tenant_id, config=config)
    with pytest.raises(grpc.RpcError) as refused:
        stub.PutTokensConfig(request, **(caller.as_role(role) if role else {}))
    assert refused.value.code() is code


def test_another_tenant_looks_like_an_unknown_one(caller: Caller, stub: TokensServiceStub) -> None:
    seen = []
    for tenant_id in (caller.installation.new_tenant("other"), "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetTokensConfig(pb.GetTokensConfigRequest(tenant_id=tenant_id), **caller.as_role("manager"))
        seen.append((refused.value.code(), refused.value.details(), refused.value.trailing_metadata()))
    assert seen[0] == seen[1]
    assert seen[0][0] is grpc.StatusCode.NOT_FOUND
