"""App ID management: what users do for themselves, through an application's own pages (catalogue 58)."""

from __future__ import annotations

import grpc

from identity.appid.management.v4 import cloud_directory_users_pb2 as users_pb
from identity.appid.management.v4 import self_service_pb2 as pb
from identity.appid.management.v4 import self_service_pb2_grpc
from ostiary.delivery.outbox import check_language
from ostiary.directory.user_message import new_user, user_message
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call


class SelfServiceServicer(self_service_pb2_grpc.SelfServiceServiceServicer):
    """Registration on behalf of users."""

    def __init__(self, runtime: Runtime) -> None:
        self._registration = runtime.registration
        self._clock = runtime.clock

    def StartSignUp(self, request: pb.StartSignUpRequest, context: grpc.ServicerContext) -> users_pb.CloudDirectoryUser:
        call, language = current_call(), check_language(request.language)
        prepared = self._registration.prepare_sign_up(call.the_tenant, new_user(request.user), request.user.password)
        with call.transaction() as work:
            user, profile_id = self._registration.sign_up(
                work, call.the_tenant, prepared, language, with_profile=request.should_create_profile
            )
            call.audit_target = user.id
        message = user_message(user, self._clock.now_ms())
        if profile_id:
            message.profile_id = profile_id
        return message
