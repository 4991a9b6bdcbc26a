"""Exchange of an API key for an access token."""

from __future__ import annotations

import json

import grpc
from google.api import httpbody_pb2

from ostiary.http.forms import read_form_of
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.iam.v1 import iam_token_pb2 as pb
from ostiary_api.iam.v1 import iam_token_pb2_grpc


class TokenServicer(iam_token_pb2_grpc.TokenServiceServicer):
    """Exchanges API keys for access tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.oauth.token_endpoint
        self._profile = runtime.oauth.token_profiles.iam

    def ExchangeApiKey(self, request: pb.ExchangeApiKeyRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, form = current_call(), read_form_of(request.form, pb.ApiKeyForm)
        asked = TokenCall(call, form, call.request_id, event=call.rules.audit)
        answer = self._endpoint(self._profile, asked)
        return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(answer).encode())
