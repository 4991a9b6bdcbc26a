"""Sign-in at CSP."""

from __future__ import annotations

import grpc

from ostiary.http.forms import Form
from ostiary.oauth.platform.sessions import CSP
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.services.sign_in_context import sign_in_context
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import login_pb2 as pb
from ostiary_api.csp.v1 import login_pb2_grpc

API_TOKEN_NAME = "csp login"


class LoginServicer(login_pb2_grpc.LoginServiceServicer):
    """Signs people in by user name and password."""

    def __init__(self, runtime: Runtime) -> None:
        self._sessions = runtime.oauth.platform_sessions
        self._endpoint = runtime.oauth.token_endpoint
        self._profile = runtime.oauth.token_profiles.csp_api_tokens
        self._audience = f"{runtime.issuers.public_url}/csp"

    def Login(self, request: pb.LoginRequest, context: grpc.ServicerContext) -> pb.LoginAnswer:
        wants_all, who = current_call().flag(request, "access_token"), request.credentials
        name, audience = (API_TOKEN_NAME, self._audience) if wants_all else ("", "")
        opened = self._sessions.sign_in(
            sign_in_context(CSP), who.domain, who.username, who.password, api_token=name, audience=audience
        )
        issued = opened.issued
        if not wants_all:
            return pb.LoginAnswer(csp_auth_token=issued.access_token)
        return pb.LoginAnswer(
            scope=issued.scope, access_token=issued.access_token, refresh_token=opened.api_token,
            id_token=issued.identity_token, token_type="bearer", expires_in=issued.expires_in,
        )  # fmt: skip

    def SwapRefreshToken(self, request: pb.SwapRefreshTokenRequest, context: grpc.ServicerContext) -> pb.SwappedToken:
        call, token = current_call(), request.credentials.refresh_token
        form = Form({"grant_type": "refresh_token", "refresh_token": token})
        answer = self._endpoint(self._profile, TokenCall(call, form, call.request_id, event=call.rules.audit))
        return pb.SwappedToken(token_type="Bearer", token=answer["access_token"])
