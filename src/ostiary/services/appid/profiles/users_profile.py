"""App ID management: setting whether custom attributes are stored."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.directory.profiles.attribute_storage import USERS_PROFILE
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import users_profile_pb2 as pb
from ostiary_api.appid.management.v4 import users_profile_pb2_grpc


class UsersProfileServicer(users_profile_pb2_grpc.UsersProfileServiceServicer):
    """Whether a tenant stores custom attributes of its users."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetUsersProfileConfig(
        self, request: pb.GetUsersProfileConfigRequest, context: grpc.ServicerContext
    ) -> pb.UsersProfileConfig:
        call = current_call()
        return USERS_PROFILE.document(call.work, call.required_tenant)

    def PutUsersProfileConfig(
        self, request: pb.PutUsersProfileConfigRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        USERS_PROFILE.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
        return empty_pb2.Empty()
