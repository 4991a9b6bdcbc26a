"""Discovery and public keys of a tenant."""

from __future__ import annotations

import grpc
import pytest
from joserfc.jwk import RSAKey
from kit.callers import Caller, refusal
from kit.servers.installation import ENTROPY
from sqlalchemy import update

from ostiary.directory.tenants.tenants import create_tenant
from ostiary.store.tables import Tenant, table_of
from ostiary.store.tenancy import LATELY_MS, touch
from ostiary_api.appid.oauth.v4 import discovery_pb2 as pb
from ostiary_api.appid.oauth.v4.discovery_pb2_grpc import DiscoveryServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub


@pytest.fixture
def stub(caller: Caller) -> DiscoveryServiceStub:
    return DiscoveryServiceStub(caller.channel)


def test_every_endpoint_stands_under_the_issuer(caller: Caller, stub: DiscoveryServiceStub) -> None:
    tenant_id = caller.installation.tenant_id
    document = stub.GetConfiguration(pb.GetConfigurationRequest(tenant_id=tenant_id))
    assert document.issuer == f"{caller.installation.runtime.settings.base_url}/oauth/v4/{tenant_id}"
    endpoints = ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"]
    names = ["authorization", "token", "userinfo", "publickeys"]
    assert [getattr(document, field) for field in endpoints] == [f"{document.issuer}/{name}" for name in names]
    assert document.service_documentation == f"{caller.installation.runtime.settings.base_url}/openapi.json"
    assert list(document.code_challenge_methods_supported) == ["S256"]


def test_the_metadata_lists_the_grant_types_that_the_token_endpoint_takes(
    caller: Caller, stub: DiscoveryServiceStub
) -> None:
    tenant_id, profiles = caller.installation.tenant_id, caller.installation.runtime.oauth.token_profiles
    app = stub.GetConfiguration(pb.GetConfigurationRequest(tenant_id=tenant_id))
    assert sorted(app.grant_types_supported) == sorted(profiles.app.grants)
    oidc = ProviderServiceStub(caller.channel).GetConfiguration(provider_pb2.GetConfigurationRequest())
    assert list(oidc.grant_types_supported) == list(profiles.oidc.grants)


def test_a_tenant_without_a_key_gets_one_when_its_keys_are_first_read(
    caller: Caller, stub: DiscoveryServiceStub
) -> None:
    made = caller.installation
    with made.runtime.store.write() as work:
        tenant_id = create_tenant(work, "young", ENTROPY, made.clock.now_ms()).id
    first, second = (stub.GetPublicKeys(pb.GetPublicKeysRequest(tenant_id=tenant_id)) for _ in range(2))
    assert first == second
    assert len({key.kid for key in first.keys}) == 2, "the one that signs, and the next one"
    for key in first.keys:
        assert (key.kty, key.use, key.alg) == ("RSA", "sig", "RS256")
        assert key.kid.startswith(f"appId-{tenant_id}-")
        assert RSAKey.import_key({"kty": key.kty, "n": key.n, "e": key.e}).public_key.key_size == 2048


def test_an_unknown_tenant_has_neither(stub: DiscoveryServiceStub) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for call, request in (
        (stub.GetConfiguration, pb.GetConfigurationRequest(tenant_id=unknown)),
        (stub.GetPublicKeys, pb.GetPublicKeysRequest(tenant_id=unknown)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(request)
        assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.NOT_FOUND, "Not Found")


def test_public_documents_may_be_a_moment_old_and_nothing_else(caller: Caller, stub: DiscoveryServiceStub) -> None:
    made = caller.installation
    asked = pb.GetPublicKeysRequest(tenant_id=made.tenant_id)
    setting, reader = "identity.appid.management.v4.TokensService/GetTokensConfig", caller.as_role("reader")
    assert len(stub.GetPublicKeys(asked).keys) == 2
    with made.runtime.store.write() as work:  # what another worker does
        work.run(update(table_of(Tenant)).where(table_of(Tenant).c.id == made.tenant_id).values(state="disabled"))
        touch(work, made.tenant_id)
    assert len(stub.GetPublicKeys(asked).keys) == 2
    refused_at_once, _ = refusal(lambda: caller.ask(setting, {"tenantId": made.tenant_id}, **reader))
    assert refused_at_once in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.NOT_FOUND)
    made.clock.advance(LATELY_MS / 1000)
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetPublicKeys(asked)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
