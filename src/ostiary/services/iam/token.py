"""Exchange of an API key for an access token."""

from __future__ import annotations

import json

import grpc
from google.api import httpbody_pb2

from ostiary.access.exchange import ApiKeyExchange
from ostiary.http.forms import read_form_of
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.iam.v1 import iam_token_pb2 as pb
from ostiary_api.iam.v1 import iam_token_pb2_grpc


class TokenServicer(iam_token_pb2_grpc.TokenServiceServicer):
    """Exchanges API keys for access tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._exchange = ApiKeyExchange(runtime.platform_tokens, runtime.group_commit, runtime.clock)

    def ExchangeApiKey(self, request: pb.ExchangeApiKeyRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, form = current_call(), read_form_of(request.form, pb.ApiKeyForm)
        answer = self._exchange(call, form, call.rules.audit, call.request_id)
        return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(answer).encode())
