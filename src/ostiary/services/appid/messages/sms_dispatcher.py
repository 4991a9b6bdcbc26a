"""App ID management: test of text messages."""

from __future__ import annotations

import grpc

from ostiary.delivery.caps import SMS
from ostiary.delivery.channels.sms import phone_number
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import sms_dispatcher_pb2 as pb
from ostiary_api.appid.management.v4 import sms_dispatcher_pb2_grpc


class SmsDispatcherServicer(sms_dispatcher_pb2_grpc.SmsDispatcherServiceServicer):
    """The service that delivers a tenant's text messages."""

    def __init__(self, runtime: Runtime) -> None:
        self._text_messages = runtime.messages.text_messages
        self._caps = runtime.messages.caps

    def TestSmsDispatcher(
        self, request: pb.TestSmsDispatcherRequest, context: grpc.ServicerContext
    ) -> pb.SmsDispatcherTestResult:
        call, number = current_call(), phone_number("phone_number", request.test.phone_number)
        account = self._text_messages.stored_account(request.tenant_id)
        call.release()
        self._caps.spend(request.tenant_id, number, call.counted_ip, channel=SMS)
        code = self._text_messages.try_out(account, number)
        with call.transaction():
            return pb.SmsDispatcherTestResult(confirmation_code=code, phone_number=request.test.phone_number)
