"""Users in SCIM: lists, single ones, and their changes."""

from __future__ import annotations

from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.users.users import UserView, get_user
from ostiary.runtime import Runtime
from ostiary.scim.bodies import as_body, read_body
from ostiary.scim.schema.attributes import USERS
from ostiary.scim.schema.chosen import Chosen, chosen_attributes
from ostiary.scim.search import Search
from ostiary.scim.users.document import etag
from ostiary.scim.users.lists import find_page
from ostiary.scim.users.operations import URN
from ostiary.services.scim.asked import if_match, posted_search, search_of
from ostiary.services.scim.operations import user_operations
from ostiary.transport.call import Call, current_call
from ostiary_api.scim.v2 import scim_users_pb2 as pb
from ostiary_api.scim.v2 import scim_users_pb2_grpc


class UsersServicer(scim_users_pb2_grpc.UsersServiceServicer):
    """The users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = user_operations(runtime)
        self._clock = runtime.clock

    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        return self._found(call, search_of(call, request, USERS))

    def SearchUsers(self, request: pb.SearchUsersRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._found(current_call(), posted_search(USERS, request.search))

    def _found(self, call: Call, search: Search) -> httpbody_pb2.HttpBody:
        known = self._users.belongings(call, search.chosen)
        found = find_page(call, search, self._clock.now_ms(), self._users.url, known.read)
        return as_body(found.document([self._users.document(user, known, search.chosen) for user in found.entries]))

    def CreateUser(self, request: pb.CreateUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        user, document = self._users.create(call, read_body(request.user), _chosen(request))
        call.created(self._users.location(user))
        return _answer(call, user, document)

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, chosen = current_call(), _chosen(request)
        known = self._users.belongings(call, chosen)
        user = get_user(call.work, call.tenant_id, request.id.removeprefix(URN), known.read)
        if call.has_version(etag(user)):
            call.headers.append(("etag", etag(user)))
            return httpbody_pb2.HttpBody()
        return _answer(call, user, self._users.document(user, known, chosen))

    def ReplaceUser(self, request: pb.ReplaceUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, user_id = current_call(), request.id.removeprefix(URN)
        return _answer(
            call, *self._users.replace(call, user_id, read_body(request.user), if_match(call), _chosen(request))
        )

    def PatchUser(self, request: pb.PatchUserRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, user_id = current_call(), request.id.removeprefix(URN)
        return _answer(
            call, *self._users.patch(call, user_id, read_body(request.patch), if_match(call), _chosen(request))
        )

    def DeleteUser(self, request: pb.DeleteUserRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        self._users.delete(call, call.work, request.id.removeprefix(URN), if_match(call))
        return empty_pb2.Empty()


def _chosen(request: Any) -> Chosen:
    return chosen_attributes(USERS, request.attributes, request.excluded_attributes)


def _answer(call: Call, user: UserView, document: dict[str, Any]) -> httpbody_pb2.HttpBody:
    call.headers.append(("etag", etag(user)))
    return as_body(document)
