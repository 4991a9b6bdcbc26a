"""App ID management: single sign-on."""

from __future__ import annotations

import grpc

from ostiary.oauth.clients.sso import SSO
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import sso_pb2 as pb
from ostiary_api.appid.management.v4 import sso_pb2_grpc


class SsoServicer(sso_pb2_grpc.SsoServiceServicer):
    """Whether one sign-in opens all applications of a tenant."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetSsoConfig(self, request: pb.GetSsoConfigRequest, context: grpc.ServicerContext) -> pb.SsoConfig:
        call = current_call()
        return SSO.document(call.work, call.required_tenant)

    def PutSsoConfig(self, request: pb.PutSsoConfigRequest, context: grpc.ServicerContext) -> pb.SsoConfig:
        return SSO.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
