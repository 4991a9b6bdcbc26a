"""App ID management: token settings."""

from __future__ import annotations

import grpc

from ostiary.oauth.token.settings import TOKENS
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4 import tokens_pb2_grpc


class TokensServicer(tokens_pb2_grpc.TokensServiceServicer):
    """The lifetimes and claims of a tenant's tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetTokensConfig(self, request: pb.GetTokensConfigRequest, context: grpc.ServicerContext) -> pb.TokensConfig:
        call = current_call()
        return TOKENS.document(call.work, call.required_tenant)

    def PutTokensConfig(self, request: pb.PutTokensConfigRequest, context: grpc.ServicerContext) -> pb.TokensConfig:
        return TOKENS.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
