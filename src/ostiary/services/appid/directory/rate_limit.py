"""App ID management: limits of sign-ups and sign-ins."""

from __future__ import annotations

import grpc

from ostiary.directory.signin.rate_limits import RATE_LIMITS
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import rate_limit_pb2 as pb
from ostiary_api.appid.management.v4 import rate_limit_pb2_grpc


class RateLimitServicer(rate_limit_pb2_grpc.RateLimitServiceServicer):
    """The limits of sign-ups and sign-ins, for all users of a tenant together."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetRateLimitConfig(
        self, request: pb.GetRateLimitConfigRequest, context: grpc.ServicerContext
    ) -> pb.RateLimitConfig:
        call = current_call()
        return RATE_LIMITS.document(call.work, call.required_tenant)

    def PutRateLimitConfig(
        self, request: pb.PutRateLimitConfigRequest, context: grpc.ServicerContext
    ) -> pb.RateLimitConfig:
        return RATE_LIMITS.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
