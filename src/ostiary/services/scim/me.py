"""The user who calls, under the alias `/Me` (RFC 7644 §3.11)."""

from __future__ import annotations

from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.access.principals import PrincipalKind
from ostiary.directory.users.users import UserView, get_user, no_such_user
from ostiary.runtime import Runtime
from ostiary.scim.bodies import as_body, read_body
from ostiary.scim.schema.attributes import USERS
from ostiary.scim.schema.chosen import Chosen, chosen_attributes
from ostiary.scim.users.document import etag
from ostiary.services.scim.asked import if_match
from ostiary.services.scim.operations import user_operations
from ostiary.transport.call import Call, current_call
from ostiary_api.scim.v2 import scim_me_pb2 as pb
from ostiary_api.scim.v2 import scim_me_pb2_grpc


class MeServicer(scim_me_pb2_grpc.MeServiceServicer):
    """The operations on users, on the caller itself."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = user_operations(runtime)

    def GetMe(self, request: pb.GetMeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, chosen = current_call(), _chosen(request)
        known = self._users.belongings(call, chosen)
        user = get_user(call.work, call.tenant_id, _me(call), known.read)
        if call.has_version(etag(user)):
            call.headers.append(("etag", etag(user)))
            return httpbody_pb2.HttpBody()
        return self._answer(call, user, self._users.document(user, known, chosen))

    def ReplaceMe(self, request: pb.ReplaceMeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        body = read_body(request.user)
        return self._answer(call, *self._users.replace(call, _me(call), body, if_match(call), _chosen(request)))

    def PatchMe(self, request: pb.PatchMeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        body = read_body(request.patch)
        return self._answer(call, *self._users.patch(call, _me(call), body, if_match(call), _chosen(request)))

    def DeleteMe(self, request: pb.DeleteMeRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        self._users.delete(call, call.work, _me(call), if_match(call))
        return empty_pb2.Empty()

    def _answer(self, call: Call, user: UserView, document: dict[str, Any]) -> httpbody_pb2.HttpBody:
        call.created(self._users.location(user))
        call.headers.append(("etag", etag(user)))
        return as_body(document)


def _me(call: Call) -> str:
    """The directory id of the caller; raises USER_NOT_FOUND for one that is no user."""
    if call.principal.kind is not PrincipalKind.USER:
        raise no_such_user()
    return call.principal.id


def _chosen(request: Any) -> Chosen:
    return chosen_attributes(USERS, request.attributes, request.excluded_attributes)
