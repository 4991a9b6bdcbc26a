"""App ID management: the sender of mails."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.delivery.sender_details import LINK_SECONDS, NAME, SENDER_DETAILS
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
        stored = SENDER_DETAILS.document(call.work, call.required_tenant)
        return stored if stored.sender_details.sender.email else _default(self._operators_address)

    def PutSenderDetails(self, request: pb.PutSenderDetailsRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        SENDER_DETAILS.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
        return empty_pb2.Empty()


def _default(operators_address: str) -> pb.SenderDetailsConfig:
    """The sender of a tenant that has set none."""
    sender = pb.Mailbox(name=NAME, email=operators_address)
    return pb.SenderDetailsConfig(
        sender_details=pb.SenderDetails(sender=sender, link_expiration_sec=LINK_SECONDS)
    )  # fmt: skip
