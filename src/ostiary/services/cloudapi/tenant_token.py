"""Exchange of an organization's API tokens for access tokens, as Cloud Director does it."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.http.forms import read_form_of
from ostiary.oauth.platform.sessions import CLOUDAPI
from ostiary.oauth.platform.token_endpoint import unsupported_grant_type
from ostiary.runtime import Runtime
from ostiary.services.sign_in_context import sign_in_context
from ostiary_api.cloudapi.v1 import tenant_token_pb2 as pb
from ostiary_api.cloudapi.v1 import tenant_token_pb2_grpc


class TenantTokenServicer(tenant_token_pb2_grpc.TenantTokenServiceServicer):
    """Swaps API tokens, each organization under its own name."""

    def __init__(self, runtime: Runtime) -> None:
        self._sessions = runtime.platform_sessions
        self._issuer = runtime.issuers.public_url

    def IssueTenantToken(self, request: pb.IssueTenantTokenRequest, context: grpc.ServicerContext) -> pb.TenantToken:
        return self._swapped(request.form, request.tenant)

    def IssueProviderToken(
        self, request: pb.IssueProviderTokenRequest, context: grpc.ServicerContext
    ) -> pb.TenantToken:
        return self._swapped(request.form, SYSTEM_NAME)

    def _swapped(self, body: httpbody_pb2.HttpBody, org: str) -> pb.TenantToken:
        form = read_form_of(body, pb.ApiTokenForm)
        if form.required("grant_type") != "refresh_token":
            raise unsupported_grant_type("refresh_token")
        opened = self._sessions.use_api_token(
            sign_in_context(CLOUDAPI), form.required("refresh_token"), self._issuer, org=org
        )
        access = opened.access
        return pb.TenantToken(access_token=access.token, token_type="Bearer", expires_in=access.expires_in)
