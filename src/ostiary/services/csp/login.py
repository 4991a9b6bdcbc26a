"""Sign-in at CSP."""

from __future__ import annotations

import grpc

from ostiary.errors import invalid
from ostiary.oauth.platform.sessions import CSP, OpenedSession
from ostiary.runtime import Runtime
from ostiary.services.sign_in_context import sign_in_context
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import login_pb2 as pb
from ostiary_api.csp.v1 import login_pb2_grpc

API_TOKEN_NAME = "csp login"


class LoginServicer(login_pb2_grpc.LoginServiceServicer):
    """Signs people in by user name and password."""

    def __init__(self, runtime: Runtime) -> None:
        self._sessions = runtime.platform_sessions
        self._audience = f"{runtime.issuers.public_url}/csp"

    def Login(self, request: pb.LoginRequest, context: grpc.ServicerContext) -> pb.LoginAnswer:
        wants_all, who = current_call().flag(request, "access_token"), request.credentials
        name = API_TOKEN_NAME if wants_all else ""
        opened = self._sessions.sign_in(sign_in_context(CSP), who.domain, who.username, who.password, api_token=name)
        return self._all(opened) if wants_all else pb.LoginAnswer(csp_auth_token=opened.access.token)

    def SwapRefreshToken(self, request: pb.SwapRefreshTokenRequest, context: grpc.ServicerContext) -> pb.SwappedToken:
        token = request.credentials.refresh_token
        if not token:
            raise invalid("MISSING_FIELD", "The field refreshToken is missing.")
        opened = self._sessions.use_api_token(sign_in_context(CSP), token, "")
        return pb.SwappedToken(token_type="Bearer", token=opened.access.token)

    def _all(self, opened: OpenedSession) -> pb.LoginAnswer:
        return pb.LoginAnswer(
            scope=" ".join(opened.account.perms), access_token=opened.access.token, refresh_token=opened.api_token,
            id_token=self._sessions.identity_token(opened, self._audience), token_type="bearer",
            expires_in=opened.access.expires_in,
        )  # fmt: skip
