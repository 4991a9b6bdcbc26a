"""Exchange of what was registered at an organization for tokens, as Cloud Director does it."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.http.forms import Form, read_form_of
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.cloudapi.v1 import tenant_token_pb2 as pb
from ostiary_api.cloudapi.v1 import tenant_token_pb2_grpc


class TenantTokenServicer(tenant_token_pb2_grpc.TenantTokenServiceServicer):
    """Swaps API tokens, each organization under its own name."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.oauth.token_endpoint
        self._profile = runtime.oauth.token_profiles.cloudapi

    def IssueTenantToken(self, request: pb.IssueTenantTokenRequest, context: grpc.ServicerContext) -> pb.TenantToken:
        return self._swapped(request.form, request.tenant)

    def IssueProviderToken(
        self, request: pb.IssueProviderTokenRequest, context: grpc.ServicerContext
    ) -> pb.TenantToken:
        return self._swapped(request.form, SYSTEM_NAME)

    def _swapped(self, body: httpbody_pb2.HttpBody, org: str) -> pb.TenantToken:
        call, form = current_call(), read_form_of(body, pb.ApiTokenForm)
        asked = TokenCall(call, form, call.request_id, event=call.rules.audit, organization=org)
        answer = self._endpoint(self._profile, asked)
        return pb.TenantToken(
            access_token=answer["access_token"], token_type="Bearer", expires_in=answer["expires_in"],
            refresh_token=_new(answer.get("refresh_token"), form),
        )  # fmt: skip


def _new(token: str | None, form: Form) -> str | None:
    """A refresh token that the client does not have yet."""
    return token if token != form.get("refresh_token") else None
