"""App ID management: settings of advanced password management."""

from __future__ import annotations

import grpc

from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import advanced_password_management_pb2 as pb
from ostiary_api.appid.management.v4 import advanced_password_management_pb2_grpc


class AdvancedPasswordManagementServicer(
    advanced_password_management_pb2_grpc.AdvancedPasswordManagementServiceServicer
):
    """The settings of reuse, expiry and lockout of a tenant's passwords."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetAdvancedPasswordManagement(
        self, request: pb.GetAdvancedPasswordManagementRequest, context: grpc.ServicerContext
    ) -> pb.AdvancedPasswordManagementConfig:
        call = current_call()
        return ADVANCED_PASSWORDS.document(call.work, call.required_tenant)

    def PutAdvancedPasswordManagement(
        self, request: pb.PutAdvancedPasswordManagementRequest, context: grpc.ServicerContext
    ) -> pb.AdvancedPasswordManagementConfig:
        return ADVANCED_PASSWORDS.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
