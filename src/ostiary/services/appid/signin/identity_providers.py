"""App ID management: the identity providers of a tenant."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY, replace_cloud_directory
from ostiary.runtime import Runtime
from ostiary.services.json_body import json_body
from ostiary.transport.call import current_call
from ostiary.upstream.custom import CUSTOM
from ostiary.upstream.listing import identity_providers
from ostiary.upstream.saml import SAML, validity
from ostiary.upstream.social import SOCIAL, with_callback
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb
from ostiary_api.appid.management.v4 import identity_providers_pb2_grpc


class IdentityProvidersServicer(identity_providers_pb2_grpc.IdentityProvidersServiceServicer):
    """The settings of a tenant's identity providers."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._sealing = runtime.sealing
        self._issuers = runtime.issuers

    def GetFacebookProvider(
        self, request: pb.GetFacebookProviderRequest, context: grpc.ServicerContext
    ) -> pb.SocialProvider:
        return self._social("facebook")

    def PutFacebookProvider(
        self, request: pb.PutFacebookProviderRequest, context: grpc.ServicerContext
    ) -> pb.SocialProvider:
        return self._replace_social("facebook", request.provider)

    def GetGoogleProvider(
        self, request: pb.GetGoogleProviderRequest, context: grpc.ServicerContext
    ) -> pb.SocialProvider:
        return self._social("google")

    def PutGoogleProvider(
        self, request: pb.PutGoogleProviderRequest, context: grpc.ServicerContext
    ) -> pb.SocialProvider:
        return self._replace_social("google", request.provider)

    def GetCustomProvider(
        self, request: pb.GetCustomProviderRequest, context: grpc.ServicerContext
    ) -> pb.CustomProvider:
        call = current_call()
        return CUSTOM.read(call.work, call.required_tenant)

    def PutCustomProvider(
        self, request: pb.PutCustomProviderRequest, context: grpc.ServicerContext
    ) -> pb.CustomProvider:
        return CUSTOM.replace(current_call().work, request.tenant_id, request.provider, self._clock.now_ms())

    def GetSamlProvider(self, request: pb.GetSamlProviderRequest, context: grpc.ServicerContext) -> pb.SamlProvider:
        call = current_call()
        return SAML.read(call.work, call.required_tenant)

    def PutSamlProvider(self, request: pb.PutSamlProviderRequest, context: grpc.ServicerContext) -> pb.SamlProvider:
        now_ms = self._clock.now_ms()
        stored = SAML.replace(current_call().work, request.tenant_id, request.provider, now_ms)
        stored.validation_data.CopyFrom(validity(stored, now_ms))
        return stored

    def GetCloudDirectoryProvider(
        self, request: pb.GetCloudDirectoryProviderRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryProvider:
        call = current_call()
        return CLOUD_DIRECTORY.read(call.work, call.required_tenant)

    def PutCloudDirectoryProvider(
        self, request: pb.PutCloudDirectoryProviderRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryProvider:
        return replace_cloud_directory(current_call().work, request.tenant_id, request.provider, self._clock.now_ms())

    def ListIdentityProviders(
        self, request: pb.ListIdentityProvidersRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call = current_call()
        sealing = self._sealing if call.shows_secrets else None
        return json_body({"idps": identity_providers(call.work, call.required_tenant, sealing)})

    def _social(self, name: str) -> pb.SocialProvider:
        call, setting = current_call(), SOCIAL[name]
        secret = call.shows_secrets
        found = (
            setting.opened(call.work, self._sealing, call.tenant_id)
            if secret
            else setting.read(call.work, call.required_tenant)
        )
        return with_callback(found, name, self._issuers.tenant(call.tenant_id))

    def _replace_social(self, name: str, provider: pb.SocialProvider) -> pb.SocialProvider:
        call = current_call()
        return SOCIAL[name].replace_sealed(
            call.work, self._sealing, self._entropy, call.tenant_id, provider, self._clock.now_ms()
        )
