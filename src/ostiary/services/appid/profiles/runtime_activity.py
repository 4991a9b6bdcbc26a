"""App ID management: setting whether runtime events are recorded."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as pb
from ostiary_api.appid.management.v4 import runtime_activity_pb2_grpc


class RuntimeActivityServicer(runtime_activity_pb2_grpc.RuntimeActivityServiceServicer):
    """Whether runtime events of a tenant are recorded in the audit ledger."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetRuntimeActivityConfig(
        self, request: pb.GetRuntimeActivityConfigRequest, context: grpc.ServicerContext
    ) -> pb.RuntimeActivityConfig:
        call = current_call()
        return CAPTURE_RUNTIME_ACTIVITY.document(call.work, call.required_tenant)

    def PutRuntimeActivityConfig(
        self, request: pb.PutRuntimeActivityConfigRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        CAPTURE_RUNTIME_ACTIVITY.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
        return empty_pb2.Empty()
