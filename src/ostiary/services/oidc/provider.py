"""The platform as an OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import grpc

from ostiary.access.callers import CallerView, asked_claims, caller_view
from ostiary.http.forms import read_form_of
from ostiary.oauth.clients.authentication import CREDENTIALS
from ostiary.oauth.platform.identity import user_claims
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
    return _claims(caller_view(call.work, call.required_tenant, call.principal), asked_claims(call.principal))


def _claims(caller: CallerView, asked: Collection[str] | None) -> pb.UserInfo:
    """The claims of a caller, all of them where nothing was asked for."""
    known: dict[str, Any] = {
        "name": caller.name, "org": caller.tenant.id, "roles": [role.name for role in caller.roles],
        "groups": [group.display_name for group in caller.groups], "group_ids": [group.id for group in caller.groups],
        **(user_claims(caller.user) if caller.user is not None else {}),
    }  # fmt: skip
    return pb.UserInfo(sub=caller.id, **{name: known[name] for name in known if asked is None or name in asked})
