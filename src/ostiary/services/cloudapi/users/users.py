"""Users in cloudapi."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.directory.groups.groups import list_groups
from ostiary.directory.listing.groups import GROUP_FIELDS, group_order, groups_of
from ostiary.directory.listing.users import user_fields, user_order
from ostiary.directory.tasks.tasks import Target
from ostiary.directory.users.users import get_user, list_users, user_count
from ostiary.http.fiql import read_fiql
from ostiary.ids import guid
from ostiary.oauth.sessions.access_revocation import remove_user_and_profile
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import paged, sorting_of
from ostiary.services.cloudapi.references import reference
from ostiary.services.cloudapi.tasks import Tasks
from ostiary.services.cloudapi.users.user_changes import UserChanges
from ostiary.services.cloudapi.users.user_messages import shown_users
from ostiary.transport.call import current_call
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2 as pb
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2_grpc, entity_pb2


class UsersServicer(cloudapi_users_pb2_grpc.UsersServiceServicer):
    """The users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/users"
        self._changes = UserChanges(runtime)
        self._clock = runtime.clock
        self._tasks = Tasks(runtime)

    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> pb.Users:
        call, now_ms, order = current_call(), self._clock.now_ms(), sorting_of(request, "username")
        fields, page = user_fields(call.tenant_id, now_ms, order.by), call.page(request)
        wanted = [read_fiql(request.filter, fields, encoded=request.filter_encoded)] if request.filter else []
        users, total = list_users(
            call.work, call.tenant_id, *wanted, start=page.start, count=page.size,
            order=user_order(order.by, descending=order.descending),
            about=user_count(call.work, call.required_tenant),
        )  # fmt: skip
        values = shown_users(call.work, call.required_tenant, users, now_ms)
        return pb.Users(**paged(self._url, "Users", request, total), values=values)

    def CreateUser(self, request: pb.CreateUserRequest, context: grpc.ServicerContext) -> pb.User:
        user = self._changes.create(request.user)
        current_call().headers.append(("content-location", f"{self._url}/{user.id}"))
        return user

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> pb.User:
        call = current_call()
        user = get_user(call.work, call.tenant_id, guid(request.id, "user"))
        return shown_users(call.work, call.required_tenant, [user], self._clock.now_ms())[0]

    def UpdateUser(self, request: pb.UpdateUserRequest, context: grpc.ServicerContext) -> pb.User:
        return self._changes.update(guid(request.id, "user"), request.user)

    def DeleteUser(self, request: pb.DeleteUserRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, user_id, now_ms = current_call(), guid(request.id, "user"), self._clock.now_ms()
        remove_user_and_profile(call.work, call.tenant_id, user_id, now_ms)
        call.audit_target = user_id
        self._tasks.began(call, Target("user", user_id), now_ms)
        return empty_pb2.Empty()

    def ListUserGroups(
        self, request: pb.ListUserGroupsRequest, context: grpc.ServicerContext
    ) -> entity_pb2.EntityReferences:
        call, order = current_call(), sorting_of(request, "name")
        user = get_user(call.work, call.tenant_id, guid(request.id, "user"))
        wanted = [read_fiql(request.filter, GROUP_FIELDS, encoded=request.filter_encoded)] if request.filter else []
        page, inside = call.page(request), groups_of(call.tenant_id, user.id)
        groups, total = list_groups(
            call.work, call.tenant_id, inside, *wanted, start=page.start, count=page.size,
            order=group_order(order.by, descending=order.descending),
        )  # fmt: skip
        url = f"{self._url}/urn:vcloud:user:{user.id}/groups"
        values = [reference("group", group.id, group.display_name) for group in groups]
        return entity_pb2.EntityReferences(**paged(url, "EntityReferences", request, total), values=values)
