"""App ID management: the identity providers of a tenant."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.runtime import Runtime
from ostiary.services.appid.signin.identity_field import replace_cloud_directory
from ostiary.services.json_body import json_body
from ostiary.transport.call import current_call
from ostiary.upstream.custom import CUSTOM
from ostiary.upstream.members import MEMBER_PROVIDERS
from ostiary.upstream.openid.settings import CALLBACK, OPENID
from ostiary.upstream.saml.settings import SAML, CertificateValidity, validity
from ostiary.upstream.social import CALLBACKS, SOCIAL
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

    def GetOpenIdProvider(
        self, request: pb.GetOpenIdProviderRequest, context: grpc.ServicerContext
    ) -> pb.OpenIdProvider:
        call = current_call()
        work, shows = call.work, call.shows_secrets
        opened = OPENID.opened_document(work, self._sealing, call.tenant_id) if shows else None
        found = opened or OPENID.document(work, call.required_tenant)
        found.redirect_url = f"{self._issuers.tenant(call.tenant_id)}/{CALLBACK}"
        return found

    def PutOpenIdProvider(
        self, request: pb.PutOpenIdProviderRequest, context: grpc.ServicerContext
    ) -> pb.OpenIdProvider:
        call, now = current_call(), self._clock.now_ms()
        return OPENID.replace_sealed(call.work, self._sealing, self._entropy, call.tenant_id, request.provider, now)

    def GetMemberProviders(
        self, request: pb.GetMemberProvidersRequest, context: grpc.ServicerContext
    ) -> pb.MemberProviders:
        return MEMBER_PROVIDERS.document(current_call().work, current_call().required_tenant)

    def PutMemberProviders(
        self, request: pb.PutMemberProvidersRequest, context: grpc.ServicerContext
    ) -> pb.MemberProviders:
        return MEMBER_PROVIDERS.replace(current_call().work, request.tenant_id, request.rule, self._clock.now_ms())

    def GetCustomProvider(
        self, request: pb.GetCustomProviderRequest, context: grpc.ServicerContext
    ) -> pb.CustomProvider:
        call = current_call()
        return CUSTOM.document(call.work, call.required_tenant)

    def PutCustomProvider(
        self, request: pb.PutCustomProviderRequest, context: grpc.ServicerContext
    ) -> pb.CustomProvider:
        return CUSTOM.replace(current_call().work, request.tenant_id, request.provider, self._clock.now_ms())

    def GetSamlProvider(self, request: pb.GetSamlProviderRequest, context: grpc.ServicerContext) -> pb.SamlProvider:
        call = current_call()
        return SAML.document(call.work, call.required_tenant)

    def PutSamlProvider(self, request: pb.PutSamlProviderRequest, context: grpc.ServicerContext) -> pb.SamlProvider:
        now_ms = self._clock.now_ms()
        stored = SAML.replace(current_call().work, request.tenant_id, request.provider, now_ms)
        validities = map(_validity, validity(stored.config.certificates, now_ms))
        stored.validation_data.CopyFrom(pb.SamlValidationData(certificates=validities))
        return stored

    def GetCloudDirectoryProvider(
        self, request: pb.GetCloudDirectoryProviderRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryProvider:
        call = current_call()
        return CLOUD_DIRECTORY.document(call.work, call.required_tenant)

    def PutCloudDirectoryProvider(
        self, request: pb.PutCloudDirectoryProviderRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryProvider:
        return replace_cloud_directory(current_call().work, request.tenant_id, request.provider, self._clock.now_ms())

    def ListIdentityProviders(
        self, request: pb.ListIdentityProvidersRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call = current_call()
        work, tenant = call.work, call.required_tenant
        documents: dict[str, Message] = {name: self._stored_social(name) for name in SOCIAL}
        documents["cloud_directory"] = CLOUD_DIRECTORY.document(work, tenant)
        documents["saml"] = SAML.document(work, tenant)
        documents["custom"] = CUSTOM.document(work, tenant)
        listed = [
            {"idpName": name, **MessageToDict(document, always_print_fields_with_no_presence=True)}
            for name, document in documents.items()
        ]
        return json_body({"idps": listed})

    def _social(self, name: str) -> pb.SocialProvider:
        """The settings, with the callback to register at the provider."""
        found = self._stored_social(name)
        found.redirect_url = f"{self._issuers.tenant(current_call().tenant_id)}/{CALLBACKS[name]}"
        return found

    def _stored_social(self, name: str) -> pb.SocialProvider:
        """The settings; the secret only for those who may change it."""
        call, setting = current_call(), SOCIAL[name]
        if call.shows_secrets:
            return setting.opened_document(call.work, self._sealing, call.tenant_id)
        return setting.document(call.work, call.required_tenant)

    def _replace_social(self, name: str, provider: pb.SocialProvider) -> pb.SocialProvider:
        call = current_call()
        return SOCIAL[name].replace_sealed(
            call.work, self._sealing, self._entropy, call.tenant_id, provider, self._clock.now_ms()
        )


def _validity(found: CertificateValidity) -> pb.CertificateValidity:
    return pb.CertificateValidity(
        certificate_index=found.position, expiration_timestamp=found.expires_s, warning=found.warning or None
    )  # fmt: skip
