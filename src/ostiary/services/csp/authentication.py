"""Tokens and keys of CSP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from ostiary.errors import invalid
from ostiary.http.forms import Form, read_form_of
from ostiary.oauth.clients.authentication import CREDENTIALS
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.services.platform_keys import platform_key, platform_keys
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import authentication_pb2 as pb
from ostiary_api.csp.v1 import authentication_pb2_grpc
from ostiary_api.oidc.v1 import keys_pb2

LOGOUT_TOKEN = "ex-identity-auth-token"
"""The header with the token that a logout ends."""


class AuthenticationServicer(authentication_pb2_grpc.AuthenticationServiceServicer):
    """Swaps grants and API tokens for access tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.oauth.token_endpoint
        self._profiles = runtime.oauth.token_profiles
        self._keys = runtime.keys
        self._signing_out = runtime.oauth.signing_out
        self._issuer = runtime.issuers.public_url
        self._signed_out = runtime.issuers.signed_out

    def IssueToken(self, request: pb.IssueTokenRequest, context: grpc.ServicerContext) -> pb.AccessToken:
        call, form = current_call(), read_form_of(request.form, pb.GrantForm, *CREDENTIALS)
        authorization = call.metadata.get("authorization", "")
        asked = TokenCall(call, form, call.request_id, authorization, event=call.rules.audit)
        return _access_token(self._endpoint(self._profiles.csp, asked))

    def AuthorizeApiToken(self, request: pb.AuthorizeApiTokenRequest, context: grpc.ServicerContext) -> pb.AccessToken:
        call, token = current_call(), _api_token(request)
        form = Form({"grant_type": "refresh_token", "refresh_token": token})
        asked = TokenCall(call, form, call.request_id, event=call.rules.audit)
        return _access_token(self._endpoint(self._profiles.csp_api_tokens, asked))

    def Authorize(self, request: pb.AuthorizeRequest, context: grpc.ServicerContext) -> pb.AccessToken:
        call, form = current_call(), read_form_of(request.form, pb.AuthorizationForm, *CREDENTIALS)
        form.required("state")
        authorization = call.metadata.get("authorization", "")
        form = form.without(*CREDENTIALS) if authorization else form
        asked = TokenCall(call, form, call.request_id, authorization, event=call.rules.audit)
        return _access_token(self._endpoint(self._profiles.csp, asked))

    def Logout(self, request: pb.LogoutRequest, context: grpc.ServicerContext) -> pb.NextUrl:
        call = current_call()
        form = read_form_of(request.form, pb.LogoutForm)
        tokens = dict.fromkeys((call.metadata.get(LOGOUT_TOKEN, "").strip(), form.get("id_token"), form.get("idToken")))
        carried = [self._signing_out.held_by(call.reading, token) for token in tokens if token]
        call.release()
        for held in carried:
            if held is not None:
                self._signing_out.end(held, call.rules.audit, call.request_id)
        return pb.NextUrl(url=self._signed_out)

    def ListKeys(self, request: pb.ListKeysRequest, context: grpc.ServicerContext) -> keys_pb2.JwkSet:
        call = current_call()
        return platform_keys(call.work, call.tenancy, self._keys)

    def GetTokenPublicKey(
        self, request: pb.GetTokenPublicKeyRequest, context: grpc.ServicerContext
    ) -> pb.TokenPublicKey:
        call = current_call()
        if request.format == "jwks":
            return pb.TokenPublicKey(keys=platform_keys(call.work, call.tenancy, self._keys).keys)
        pem = platform_key(call.work, call.tenancy, self._keys)
        return pb.TokenPublicKey(alg="SHA256withRSA", value=pem, issuer=self._issuer)


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


def _access_token(answer: Mapping[str, Any]) -> pb.AccessToken:
    return pb.AccessToken(
        scope=answer.get("scope"), access_token=answer["access_token"], refresh_token=answer.get("refresh_token"),
        id_token=answer.get("id_token"), token_type="bearer", expires_in=answer["expires_in"],
    )  # fmt: skip
