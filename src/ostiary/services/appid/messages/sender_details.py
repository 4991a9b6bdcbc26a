"""App ID management: the sender of mails."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.delivery.sender_details import SENDER_DETAILS, sender_details
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import sender_details_pb2 as pb
from ostiary_api.appid.management.v4 import sender_details_pb2_grpc


class SenderDetailsServicer(sender_details_pb2_grpc.SenderDetailsServiceServicer):
    """The sender of a tenant's mails."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._operators_address = runtime.settings.mail_sender

    def GetSenderDetails(
        self, request: pb.GetSenderDetailsRequest, context: grpc.ServicerContext
    ) -> pb.SenderDetailsConfig:
        call = current_call()
        return sender_details(call.work, call.required_tenant, self._operators_address)

    def PutSenderDetails(self, request: pb.PutSenderDetailsRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        SENDER_DETAILS.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
        return empty_pb2.Empty()
