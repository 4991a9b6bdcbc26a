"""App ID runtime: issue, introspection and revocation of tokens."""

from __future__ import annotations

import json
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2, struct_pb2

from ostiary.http.forms import Form, read_form_of
from ostiary.later import Later, then
from ostiary.oauth.clients.authentication import CREDENTIALS, authenticate_client
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.oauth.v4 import token_pb2 as pb
from ostiary_api.appid.oauth.v4 import token_pb2_grpc


class TokenServicer(token_pb2_grpc.TokenServiceServicer):
    """The endpoints that clients call with credentials of their own."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.oauth.token_endpoint
        self._profile = runtime.oauth.token_profiles.app
        self._inspection = runtime.oauth.inspection

    def IssueToken(  # type: ignore[override] # transport knows late answers, grpc's types do not
        self, request: pb.IssueTokenRequest, context: grpc.ServicerContext
    ) -> Later[httpbody_pb2.HttpBody] | httpbody_pb2.HttpBody:
        call, form = current_call(), read_form_of(request.form, pb.TokenForm, *CREDENTIALS)
        asked = TokenCall(call, form, call.request_id, _authorization(call), tenant=call.required_tenant)
        return then(self._endpoint.later(self._profile, asked), _json)

    def IntrospectToken(self, request: pb.IntrospectTokenRequest, context: grpc.ServicerContext) -> pb.Introspection:
        call, form = current_call(), read_form_of(request.form, pb.IntrospectionForm, *CREDENTIALS)
        _client(call, form, public=False)
        claims = self._inspection.living_claims(call.work, call.tenant_id, form.required("token"))
        if claims is None:
            return pb.Introspection(active=False)
        audience = struct_pb2.ListValue()
        audience.extend(claims["aud"])
        return pb.Introspection(
            active=True, scope=claims.get("scope"), client_id=claims["aud"][0], sub=claims["sub"], iss=claims["iss"],
            exp=claims["exp"], iat=claims["iat"], aud=audience,
        )  # fmt: skip

    def RevokeToken(self, request: pb.RevokeTokenRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, form = current_call(), read_form_of(request.form, pb.RevocationForm, *CREDENTIALS)
        client = _client(call, form, public=True)
        self._inspection.revoke(call.work, call.required_tenant, client, form.required("token"), call.request_id)
        return empty_pb2.Empty()


def _json(answer: dict[str, Any]) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(answer).encode())


def _authorization(call: Call) -> str:
    return call.metadata.get("authorization", "")


def _client(call: Call, form: Form, *, public: bool) -> ClientView:
    return authenticate_client(call.work, call.required_tenant, _authorization(call), form, public=public)
