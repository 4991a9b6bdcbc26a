"""Tokens and keys of CSP."""

from __future__ import annotations

import grpc

from ostiary.errors import invalid
from ostiary.http.forms import read_form_of
from ostiary.oauth.clients.authentication import CREDENTIALS
from ostiary.oauth.platform.metadata import platform_keys
from ostiary.oauth.platform.sessions import CSP
from ostiary.oauth.platform.token_endpoint import PlatformTokenRequest, PlatformTokenResponse, answer_of
from ostiary.runtime import Runtime
from ostiary.services.sign_in_context import sign_in_context
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import authentication_pb2 as pb
from ostiary_api.csp.v1 import authentication_pb2_grpc
from ostiary_api.oidc.v1 import keys_pb2


class AuthenticationServicer(authentication_pb2_grpc.AuthenticationServiceServicer):
    """Swaps grants and API tokens for access tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.platform_token_endpoint
        self._sessions = runtime.platform_sessions
        self._issuers = runtime.issuers
        self._keys = runtime.keys

    def IssueToken(self, request: pb.IssueTokenRequest, context: grpc.ServicerContext) -> pb.AccessToken:
        authorization = current_call().metadata.get("authorization", "")
        form = read_form_of(request.form, pb.GrantForm, *CREDENTIALS)
        wanted = PlatformTokenRequest(authorization, form, self._issuers.public_url, sign_in_context(CSP))
        return _access_token(self._endpoint(wanted))

    def AuthorizeApiToken(self, request: pb.AuthorizeApiTokenRequest, context: grpc.ServicerContext) -> pb.AccessToken:
        token = _api_token(request)
        opened = self._sessions.use_api_token(sign_in_context(CSP), token, self._issuers.public_url)
        return _access_token(answer_of(opened, refresh_token=token))

    def ListKeys(self, request: pb.ListKeysRequest, context: grpc.ServicerContext) -> keys_pb2.JwkSet:
        call = current_call()
        return platform_keys(call.work, call.tenancy, self._keys)


def _api_token(request: pb.AuthorizeApiTokenRequest) -> str:
    """The one API token, by its new or its old name, in the form or in the query."""
    form = read_form_of(request.form, pb.ApiTokenForm)
    places = (form.get("api_token"), form.get("refresh_token"), request.api_token, request.refresh_token)
    given = {token for token in places if token}
    if len(given) > 1:
        raise invalid("REPEATED_FIELD", "Send one API token, as api_token; there are several.")
    if not given:
        raise invalid("MISSING_FIELD", "The field api_token is missing.")
    return given.pop()


def _access_token(answer: PlatformTokenResponse) -> pb.AccessToken:
    return pb.AccessToken(
        scope=answer.scope or None, access_token=answer.access_token, refresh_token=answer.refresh_token or None,
        id_token=answer.identity_token or None, token_type="bearer", expires_in=answer.expires_in,
    )  # fmt: skip
