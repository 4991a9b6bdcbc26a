"""App ID management: the service that delivers a tenant's mails."""

from __future__ import annotations

import json

import grpc
from google.protobuf import json_format, struct_pb2

from ostiary.delivery.addresses import Mailbox, mailbox
from ostiary.delivery.channels.channel import Receipt
from ostiary.delivery.channels.email_dispatcher import (
    EMAIL_DISPATCHER,
    check_email_dispatcher,
)
from ostiary.delivery.sender_details import check_sender_details, envelope_of
from ostiary.http.forms import read_fields
from ostiary.names import email_key
from ostiary.runtime import Runtime
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.management.v4 import email_dispatcher_pb2 as pb
from ostiary_api.appid.management.v4 import email_dispatcher_pb2_grpc, sender_details_pb2

MAX_HEADERS, MAX_HEADER = 50, 1_000


class EmailDispatcherServicer(email_dispatcher_pb2_grpc.EmailDispatcherServiceServicer):
    """The service that delivers a tenant's mails."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._sealing = runtime.sealing
        self._outgoing = runtime.outgoing
        self._mail = runtime.messages.mail
        self._caps = runtime.messages.caps

    def GetEmailDispatcher(
        self, request: pb.GetEmailDispatcherRequest, context: grpc.ServicerContext
    ) -> pb.EmailDispatcherConfig:
        call = current_call()
        if call.shows_secrets:
            return EMAIL_DISPATCHER.opened_document(call.work, self._sealing, request.tenant_id)
        return EMAIL_DISPATCHER.document(call.work, call.required_tenant)

    def PutEmailDispatcher(
        self, request: pb.PutEmailDispatcherRequest, context: grpc.ServicerContext
    ) -> pb.EmailDispatcherConfig:
        config, now_ms = request.config, self._clock.now_ms()
        check_email_dispatcher(config)
        if config.HasField("custom"):
            self._outgoing.check_url(config.custom.url)
        with current_call().transaction() as work:
            return EMAIL_DISPATCHER.replace_sealed(
                work, self._sealing, self._entropy, request.tenant_id, config, now_ms
            )  # fmt: skip

    def TestEmailSettings(
        self, request: pb.TestEmailSettingsRequest, context: grpc.ServicerContext
    ) -> pb.EmailSettingsTestResult:
        test, call = request.test, current_call()
        # The same fields but for what provider may be.
        settings = pb.EmailDispatcherConfig.FromString(test.email_settings.SerializeToString())
        check_email_dispatcher(settings)
        sender = sender_details_pb2.SenderDetailsConfig(sender_details=_sender(test.sender_details))
        check_sender_details(sender)
        recipient = self._counted(call, test.email_to, "emailTo")
        receipt = self._mail.try_out(
            request.tenant_id, EMAIL_DISPATCHER.value_of(settings), envelope_of(sender), recipient
        )  # fmt: skip
        with call.transaction():
            return pb.EmailSettingsTestResult(
                success=receipt.taken, dispatcher_status_code=receipt.status,
                dispatcher_response=None if receipt.taken else _response_of(receipt),
            )  # fmt: skip

    def TestEmailDispatcher(
        self, request: pb.TestEmailDispatcherRequest, context: grpc.ServicerContext
    ) -> pb.DispatcherTestResult:
        call = current_call()
        recipient = self._counted(call, read_fields(request.form, "email").required("email"), "email")
        service, envelope = self._mail.stored(call.required_tenant)
        receipt = self._mail.try_out(request.tenant_id, service, envelope, recipient)
        with call.transaction():
            return pb.DispatcherTestResult(status_code=receipt.status, headers=_shown(receipt))

    def _counted(self, call: Call, address: str, field: str) -> Mailbox:
        """The recipient of a test, under the same caps as everybody."""
        recipient = mailbox(field, address)
        call.release()
        self._caps.spend(call.tenant_id, email_key(address), call.counted_ip)
        return recipient


def _sender(sender: pb.TestSender) -> sender_details_pb2.SenderDetails:
    if not sender.HasField("reply_to"):
        return sender_details_pb2.SenderDetails(sender=sender.sender)
    return sender_details_pb2.SenderDetails(sender=sender.sender, reply_to=sender.reply_to)


def _shown(receipt: Receipt) -> dict[str, str]:
    return {name: value[:MAX_HEADER] for name, value in list(receipt.headers.items())[:MAX_HEADERS]}


def _response_of(receipt: Receipt) -> struct_pb2.Value:
    text = receipt.body.decode("utf-8", "replace")
    try:
        return json_format.ParseDict(json.loads(text), struct_pb2.Value())
    except (ValueError, RecursionError, json_format.ParseError):
        return struct_pb2.Value(string_value=text)
