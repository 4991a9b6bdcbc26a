"""Users in XML: read, made, changed and deleted."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.users.users import get_user
from ostiary.ids import guid
from ostiary.oauth.sessions.access_revocation import remove_user_and_profile
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.users.user_changes import UserChanges
from ostiary.services.cloudapi.users.user_messages import shown_users
from ostiary.services.vcloud.admin.user_documents import completed, read_changed_user, read_new_user, user_document
from ostiary.transport.call import current_call
from ostiary_api.vcloud.v1 import admin_pb2 as pb


class AdminUsers:
    """Operations on users: the same as at cloudapi."""

    def __init__(self, runtime: Runtime, api: str) -> None:
        self._api = api
        self._changes = UserChanges(runtime)
        self._clock = runtime.clock

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        user = get_user(call.work, call.tenant_id, guid(request.id, "user"))
        return user_document(self._api, shown_users(call.work, call.required_tenant, [user], self._clock.now_ms())[0])

    def CreateUser(self, request: pb.CreateUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        user = self._changes.create(read_new_user(request.user))
        current_call().created(f"{self._api}/admin/user/{guid(user.id, 'user')}")
        return user_document(self._api, user)

    def UpdateUser(self, request: pb.UpdateUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        asked = read_changed_user(request.user)
        return user_document(self._api, self._changes.update(guid(request.id, "user"), asked, completed))

    def DeleteUser(self, request: pb.DeleteUserRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, user_id = current_call(), guid(request.id, "user")
        remove_user_and_profile(call.work, call.tenant_id, user_id, self._clock.now_ms())
        call.audit_target = user_id
        return empty_pb2.Empty()
