"""Users in cloudapi."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.access.policy import permissions_on
from ostiary.delivery.outbox import message_language
from ostiary.directory.groups.groups import list_groups
from ostiary.directory.listing.groups import GROUP_FIELDS, group_order, groups_of
from ostiary.directory.listing.users import user_fields, user_order
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.roles.granting import Giver, Holder
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.replacing import replace_roles
from ostiary.directory.tasks.tasks import Target
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.input import check_user
from ostiary.directory.users.users import UserView, create_user, get_user, list_users, lock_user, user_count
from ostiary.http.fiql import read_fiql
from ostiary.oauth.sessions.access_revocation import end_access_of_user, remove_user_and_profile
from ostiary.runtime import Runtime
from ostiary.self_service.password_change import PreparedPassword
from ostiary.services.cloudapi.paging import paged, sorting_of
from ostiary.services.cloudapi.references import check_organization, guid, reference, roles_referred_to
from ostiary.services.cloudapi.tasks import Tasks
from ostiary.services.cloudapi.users.user_input import (
    change_of,
    check_new,
    new_user,
    password_of,
    refuse_other_changes,
    role_missing,
)
from ostiary.services.cloudapi.users.user_messages import shown_users
from ostiary.store.work import Work
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2 as pb
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2_grpc, entity_pb2


class UsersServicer(cloudapi_users_pb2_grpc.UsersServiceServicer):
    """The users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/users"
        self._authentication = runtime.oauth.authentication
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._passwords = runtime.directory.passwords
        self._password_change = runtime.directory.password_change
        self._self_service = runtime.directory.self_service
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
        call, asked = current_call(), request.user
        check_new(asked)
        check_organization(asked.org_entity_ref, call.tenant_id)
        new = check_user(new_user(asked))
        phc = self._hash(call, asked) if password_of(asked) else None
        with call.transaction() as work:
            user = create_user(work, call.tenant_id, new, phc, self._entropy, self._clock.now_ms())
            self._give_roles(work, call, user, asked)
            call.audit_target = user.id
            call.headers.append(("content-location", f"{self._url}/urn:vcloud:user:{user.id}"))
            return self._shown(work, call, user)

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> pb.User:
        call = current_call()
        return self._shown(call.work, call, get_user(call.work, call.tenant_id, guid(request.id, "user")))

    def UpdateUser(self, request: pb.UpdateUserRequest, context: grpc.ServicerContext) -> pb.User:
        call, asked, user_id = current_call(), request.user, guid(request.id, "user")
        is_owner = Permission.ORGANIZATION_OWN in permissions_on(call.principal, call.tenant_id)
        check_organization(asked.org_entity_ref, call.tenant_id)
        password = self._prepared(call, user_id, password_of(asked)) if password_of(asked) else None
        with call.transaction() as work:
            lock_user(work, call.tenant_id, user_id)
            user = get_user(work, call.tenant_id, user_id)
            if is_owner:
                self._change(work, call, user, asked)
            else:
                refuse_other_changes(self._shown(work, call, user), asked)
            if password is not None:
                self._set_password(work, call, password, by_user=not is_owner)
            call.audit_target = user_id
            return self._shown(work, call, get_user(work, call.tenant_id, user_id))

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

    def _hash(self, call: Call, asked: pb.User) -> str:
        password = password_of(asked)
        check_new_password(call.work, call.required_tenant, password, [asked.username, asked.email])
        call.release()
        return self._passwords.hash(call.tenant_id, password)

    def _prepared(self, call: Call, user_id: str, password: str) -> PreparedPassword:
        call.release()
        return self._password_change.prepare(call.required_tenant, user_id, password)

    def _set_password(self, work: Work, call: Call, password: PreparedPassword, *, by_user: bool) -> None:
        self._self_service.set_password(
            work, call.required_tenant, password, message_language(""), call.client_ip, call.request_id,
            by_user=by_user,
        )  # fmt: skip

    def _change(self, work: Work, call: Call, user: UserView, asked: pb.User) -> None:
        now_ms = self._clock.now_ms()
        change = change_of(user, asked, is_locked=is_locked(user, now_ms))
        after = update_user(work, call.tenant_id, user.id, change, now_ms)
        self._give_roles(work, call, user, asked)
        if user.active and not after.active:
            end_access_of_user(work, call.tenant_id, user.id, now_ms)

    def _give_roles(self, work: Work, call: Call, user: UserView, asked: pb.User) -> None:
        shown = self._shown(work, call, user)
        if shown.role_entity_refs and not asked.role_entity_refs and not asked.inherit_group_roles:
            raise role_missing()
        roles = roles_referred_to(work, call.tenant_id, asked.role_entity_refs)
        replace_roles(work, call.tenant_id, Holder(user.id), roles, self._giver(call), self._clock.now_ms())

    def _giver(self, call: Call) -> Giver:
        return self._authentication.giver(call.principal, call.tenant_id)

    def _shown(self, work: Work, call: Call, user: UserView) -> pb.User:
        return shown_users(work, call.required_tenant, [user], self._clock.now_ms())[0]
