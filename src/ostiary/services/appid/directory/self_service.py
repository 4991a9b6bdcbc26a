"""App ID management: self-service of users, through an application's own pages."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.audit.runtime_events import user_created
from ostiary.delivery.addresses import one_line
from ostiary.delivery.outbox import message_language
from ostiary.delivery.texts.templates import RESET_PASSWORD, USER_VERIFICATION
from ostiary.directory.users.message import new_user
from ostiary.directory.users.users import UserView, get_user
from ostiary.errors import invalid
from ostiary.http.forms import read_fields
from ostiary.runtime import Runtime
from ostiary.self_service.one_time_codes import EXPIRED, take_result
from ostiary.services.appid.directory.user_messages import user_message
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as users_pb
from ostiary_api.appid.management.v4 import self_service_pb2 as pb
from ostiary_api.appid.management.v4 import self_service_pb2_grpc

QUEUED = "Email is queued to be delivered."
MAX_IP_ADDRESS = 100
_DESCRIPTIONS = {EXPIRED: "link expired"}


class SelfServiceServicer(self_service_pb2_grpc.SelfServiceServiceServicer):
    """The registration and recovery of users, through an application."""

    def __init__(self, runtime: Runtime) -> None:
        self._registration = runtime.directory.registration
        self._clock = runtime.clock
        self._messages = runtime.messages.users
        self._self_service = runtime.directory.self_service
        self._events = runtime.events
        self._password_change = runtime.directory.password_change

    def StartSignUp(self, request: pb.StartSignUpRequest, context: grpc.ServicerContext) -> users_pb.CloudDirectoryUser:
        call, language = current_call(), message_language(request.language)
        prepared = self._registration.prepare_sign_up(
            call.required_tenant, new_user(request.user), request.user.password, call.counted_ip
        )
        with call.transaction() as work:
            user, profile_id = self._registration.sign_up(
                work, call.required_tenant, prepared, language, with_profile=request.should_create_profile
            )
            call.audit_target = user.id
            self._events.emit(work, user_created(call.tenant_id, user.id, call.request_id), call.required_tenant)
        message = user_message(user, self._clock.now_ms())
        if profile_id:
            message.profile_id = profile_id
        return message

    def GetSignUpConfirmationResult(
        self, request: pb.GetSignUpConfirmationResultRequest, context: grpc.ServicerContext
    ) -> pb.ConfirmationResult:
        return self._result(USER_VERIFICATION, request.form)

    def StartForgotPassword(
        self, request: pb.StartForgotPasswordRequest, context: grpc.ServicerContext
    ) -> users_pb.CloudDirectoryUser:
        call, language = current_call(), message_language(request.language)
        fields = read_fields(request.form, "user", "email")
        login = fields.required("email" if "email" in fields else "user")
        user = self._self_service.get_user_who_may_reset(call.work, call.required_tenant, login)
        self._send(RESET_PASSWORD, user, language)
        return user_message(user, self._clock.now_ms())

    def GetForgotPasswordConfirmationResult(
        self, request: pb.GetForgotPasswordConfirmationResultRequest, context: grpc.ServicerContext
    ) -> pb.ConfirmationResult:
        return self._result(RESET_PASSWORD, request.form)

    def ChangePassword(
        self, request: pb.ChangePasswordRequest, context: grpc.ServicerContext
    ) -> users_pb.CloudDirectoryUser:
        call, language = current_call(), message_language(request.language)
        fields = read_fields(request.form, "uuid", "newPassword", "changedIpAddress")
        ip_address = _ip_address(fields.get("changedIpAddress"))
        call.audit_target = fields.required("uuid")
        prepared = self._password_change.prepare(
            call.required_tenant, call.audit_target, fields.required("newPassword")
        )
        with call.transaction() as work:
            user = self._self_service.set_password(
                work, call.required_tenant, prepared, language, ip_address, call.request_id
            )
        return user_message(user, self._clock.now_ms())

    def ResendNotification(
        self, request: pb.ResendNotificationRequest, context: grpc.ServicerContext
    ) -> pb.ResendNotificationResponse:
        call, language = current_call(), message_language(request.language)
        found = get_user(call.work, request.tenant_id, read_fields(request.form, "uuid").required("uuid"))
        user = self._self_service.may_get(call.work, call.required_tenant, found, request.template_name)
        self._send(request.template_name, user, language)
        return pb.ResendNotificationResponse(message=QUEUED)

    def _send(self, template: str, user: UserView, language: str) -> None:
        """Puts a message into the outbox, under the caps of messages."""
        call = current_call()
        call.audit_target = user.id
        call.release()
        self._messages.count(call.tenant_id, user.email, call.counted_ip)
        with call.transaction() as work:
            self._messages.by_template[template](work, call.required_tenant, user, language)

    def _result(self, link_kind: str, form: httpbody_pb2.HttpBody) -> pb.ConfirmationResult:
        call, wanted = current_call(), read_fields(form, "context").required("context")
        result = take_result(call.work, call.tenant_id, link_kind, wanted, self._clock.now_ms())
        call.audit_target = result.user_id
        message = pb.ConfirmationResult(success=not result.outcome, uuid=result.user_id)
        if result.outcome:
            message.error.code = result.outcome
            message.error.description = _DESCRIPTIONS.get(result.outcome, "link used already")
        return message


def _ip_address(text: str) -> str:
    """Returns the address that the mail shows. Clients send what they know, also 0.0.0.0, so only its form is
    checked."""
    if len(text) > MAX_IP_ADDRESS or not one_line(text):
        raise invalid("INVALID_IP_ADDRESS", f"changedIpAddress has at most {MAX_IP_ADDRESS} characters on one line.")
    return text
