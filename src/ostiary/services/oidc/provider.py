"""The platform as an OpenID Connect provider."""

from __future__ import annotations

import grpc

from ostiary.access.callers import CallerView, caller_view
from ostiary.http.forms import read_form_of
from ostiary.oauth.clients.authentication import CREDENTIALS
from ostiary.oauth.platform.accounts import is_verified
from ostiary.oauth.platform.metadata import oidc_configuration
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.services.platform_keys import platform_keys
from ostiary.transport.call import current_call
from ostiary_api.oidc.v1 import keys_pb2, metadata_pb2, provider_pb2_grpc
from ostiary_api.oidc.v1 import provider_pb2 as pb


class ProviderServicer(provider_pb2_grpc.ProviderServiceServicer):
    """Tokens, keys, metadata and the claims of the caller."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.oauth.token_endpoint
        self._profile = runtime.oauth.token_profiles.oidc
        self._keys = runtime.keys
        described = oidc_configuration(runtime.issuers, runtime.oauth.token_profiles.oidc.grants)
        self._configuration = metadata_pb2.OpenidConfiguration(**described)

    def IssueToken(self, request: pb.IssueTokenRequest, context: grpc.ServicerContext) -> pb.TokenAnswer:
        call, form = current_call(), read_form_of(request.form, pb.TokenForm, "orgId", *CREDENTIALS)
        authorization = call.metadata.get("authorization", "")
        answer = self._endpoint(
            self._profile, TokenCall(call, form, call.request_id, authorization, event=call.rules.audit)
        )
        return pb.TokenAnswer(
            access_token=answer["access_token"], token_type="Bearer", expires_in=answer["expires_in"],
            refresh_token=answer.get("refresh_token"), id_token=answer.get("id_token"), scope=answer.get("scope"),
        )  # fmt: skip

    def ListKeys(self, request: pb.ListKeysRequest, context: grpc.ServicerContext) -> keys_pb2.JwkSet:
        call = current_call()
        return platform_keys(call.work, call.tenancy, self._keys)

    def GetConfiguration(
        self, request: pb.GetConfigurationRequest, context: grpc.ServicerContext
    ) -> metadata_pb2.OpenidConfiguration:
        return self._configuration

    def GetUserInfo(self, request: pb.GetUserInfoRequest, context: grpc.ServicerContext) -> pb.UserInfo:
        return _user_info()

    def PostUserInfo(self, request: pb.PostUserInfoRequest, context: grpc.ServicerContext) -> pb.UserInfo:
        return _user_info()


def _user_info() -> pb.UserInfo:
    call = current_call()
    return _claims(caller_view(call.work, call.required_tenant, call.principal))


def _claims(caller: CallerView) -> pb.UserInfo:
    answer = pb.UserInfo(
        sub=caller.id, name=caller.name, org=caller.tenant.id, roles=[role.name for role in caller.roles],
        groups=[group.display_name for group in caller.groups],
    )  # fmt: skip
    if (user := caller.user) is not None:
        about = pb.UserInfo(
            name=user.display_name, preferred_username=user.user_name, given_name=user.given_name or None,
            family_name=user.family_name or None, email=user.email or None, email_verified=is_verified(user),
        )  # fmt: skip
        answer.MergeFrom(about)
    return answer
