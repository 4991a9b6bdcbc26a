"""App ID management: whether mobile apps register themselves."""

from __future__ import annotations

import grpc

from ostiary.oauth.clients.mobile_registration import MOBILE_REGISTRATION
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import mobile_registration_pb2 as pb
from ostiary_api.appid.management.v4 import mobile_registration_pb2_grpc


class MobileRegistrationServicer(mobile_registration_pb2_grpc.MobileRegistrationServiceServicer):
    """The switch for registrations of mobile apps."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetMobileRegistrationConfig(
        self, request: pb.GetMobileRegistrationConfigRequest, context: grpc.ServicerContext
    ) -> pb.MobileRegistrationConfig:
        return MOBILE_REGISTRATION.document(current_call().work, current_call().required_tenant)

    def PutMobileRegistrationConfig(
        self, request: pb.PutMobileRegistrationConfigRequest, context: grpc.ServicerContext
    ) -> pb.MobileRegistrationConfig:
        work, now_ms = current_call().work, self._clock.now_ms()
        return MOBILE_REGISTRATION.replace(work, request.tenant_id, request.config, now_ms)
