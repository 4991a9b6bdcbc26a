"""Users in SCIM: lists, single ones, new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import scim2_models as scim
from google.api import httpbody_pb2

from ostiary.directory.groups.membership import groups_of_users
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.roles.bindings import bind_role, roles_of_users
from ostiary.directory.roles.built_in import ORG_MEMBER
from ostiary.directory.users.external_ids import USER, external_ids_of, give_external_id
from ostiary.directory.users.input import check_user
from ostiary.directory.users.users import UserView, create_user, get_user, list_users
from ostiary.runtime import Runtime
from ostiary.scim.filters import read_filter, read_order
from ostiary.scim.resources import (
    Provisioned,
    UserContext,
    as_body,
    chosen_attributes,
    etag,
    read_user,
    write_user,
)
from ostiary.store.work import Work
from ostiary.transport.call import Call, current_call
from ostiary_api.scim.v2 import scim_users_pb2 as pb
from ostiary_api.scim.v2 import scim_users_pb2_grpc

URN = "urn:vcloud:user:"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class UsersServicer(scim_users_pb2_grpc.UsersServiceServicer):
    """The users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/scim/v2/Users"
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._passwords = runtime.directory.passwords

    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, chosen = current_call(), chosen_attributes(request.attributes, request.excluded_attributes)
        page = call.page(request)
        wanted = [read_filter(request.filter, call.tenant_id, call.principal.id)] if request.filter else []
        order = read_order(request.sort_by, request.sort_order)
        users, total = list_users(call.work, call.tenant_id, *wanted, start=page.start, count=page.size, order=order)
        resources = self._written(call, call.work, users, chosen)
        return as_body({
            "schemas": [LIST_SCHEMA], "totalResults": total, "startIndex": page.start, "itemsPerPage": len(resources),
            "Resources": resources,
        })  # fmt: skip

    def CreateUser(self, request: pb.CreateUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, chosen = current_call(), chosen_attributes(request.attributes, request.excluded_attributes)
        given = read_user(request.user)
        phc = self._hash(call, given) if given.password else None
        with call.transaction() as work:
            user = self._created(work, call, given, phc)
            resource = self._written(call, work, [user], chosen)[0]
        call.created(self._location(user))
        call.headers.append(("etag", etag(user)))
        return as_body(resource)

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, chosen = current_call(), chosen_attributes(request.attributes, request.excluded_attributes)
        user = get_user(call.work, call.tenant_id, request.id.removeprefix(URN))
        call.headers.append(("etag", etag(user)))
        if call.has_version(etag(user)):
            return httpbody_pb2.HttpBody()
        return as_body(self._written(call, call.work, [user], chosen)[0])

    def _hash(self, call: Call, given: Provisioned) -> str:
        names = [given.new.user_name, *(email.value for email in check_user(given.new).emails)]
        check_new_password(call.work, call.required_tenant, given.password, names)
        call.release()
        return self._passwords.hash(call.tenant_id, given.password)

    def _created(self, work: Work, call: Call, given: Provisioned, phc: str | None) -> UserView:
        tenant_id, now_ms = call.tenant_id, self._clock.now_ms()
        user = create_user(work, tenant_id, given.new, phc, self._entropy, now_ms)
        bind_role(work, tenant_id, user.id, ORG_MEMBER, now_ms)
        if given.external_id:
            give_external_id(work, tenant_id, call.principal.id, USER, given.external_id, user.id)
        call.audit_target = user.id
        return user

    def _written(
        self, call: Call, work: Work, users: Sequence[UserView], chosen: scim.ResponseParameters[Any]
    ) -> list[dict[str, Any]]:
        tenant_id, ids = call.tenant_id, [user.id for user in users]
        roles = roles_of_users(work, tenant_id, ids, self._clock.now_ms())
        groups = groups_of_users(work, tenant_id, ids)
        names = external_ids_of(work, tenant_id, call.principal.id, USER, ids)

        def user_context(user: UserView) -> UserContext:
            return UserContext(roles[user.id], groups[user.id], names.get(user.id, ""), self._location(user))

        return [write_user(user, user_context(user), chosen) for user in users]

    def _location(self, user: UserView) -> str:
        return f"{self._url}/{user.id}"
