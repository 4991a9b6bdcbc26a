"""Groups in SCIM: lists, single ones, and their changes."""

from __future__ import annotations

from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.groups.groups import GroupView, get_group
from ostiary.runtime import Runtime
from ostiary.scim.bodies import as_body, read_body
from ostiary.scim.groups.document import etag
from ostiary.scim.groups.lists import find_group_page
from ostiary.scim.schema.attributes import GROUPS
from ostiary.scim.schema.chosen import Chosen, chosen_attributes
from ostiary.scim.search import Search
from ostiary.services.scim.asked import if_match, posted_search, search_of
from ostiary.services.scim.operations import group_operations
from ostiary.transport.call import Call, current_call
from ostiary_api.scim.v2 import scim_groups_pb2 as pb
from ostiary_api.scim.v2 import scim_groups_pb2_grpc

URN = "urn:vcloud:group:"


class GroupsServicer(scim_groups_pb2_grpc.GroupsServiceServicer):
    """The groups of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._groups = group_operations(runtime)

    def ListGroups(self, request: pb.ListGroupsRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        return self._found(call, search_of(call, request, GROUPS))

    def SearchGroups(self, request: pb.SearchGroupsRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._found(current_call(), posted_search(GROUPS, request.search))

    def _found(self, call: Call, search: Search) -> httpbody_pb2.HttpBody:
        found = find_group_page(call, search, self._groups.url)
        return as_body(found.document(self._groups.written(call, call.work, found.entries, search.chosen)))

    def CreateGroup(self, request: pb.CreateGroupRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        group, document = self._groups.create(call, read_body(request.group), _chosen(request))
        call.created(self._groups.location(group))
        return _answer(call, group, document)

    def GetGroup(self, request: pb.GetGroupRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, chosen = current_call(), _chosen(request)
        group = get_group(call.work, call.tenant_id, request.id.removeprefix(URN))
        if call.has_version(etag(group)):
            return _answer(call, group, None)
        return _answer(call, group, self._groups.written(call, call.work, [group], chosen)[0])

    def ReplaceGroup(self, request: pb.ReplaceGroupRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, group_id = current_call(), request.id.removeprefix(URN)
        return _answer(
            call, *self._groups.replace(call, group_id, read_body(request.group), if_match(call), _chosen(request))
        )

    def PatchGroup(self, request: pb.PatchGroupRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, group_id = current_call(), request.id.removeprefix(URN)
        group, document = self._groups.patch(
            call, group_id, read_body(request.patch), if_match(call), _chosen(request)
        )  # fmt: skip
        if document is None:
            call.http_status = 204
        return _answer(call, group, document)

    def DeleteGroup(self, request: pb.DeleteGroupRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        self._groups.delete(call, call.work, request.id.removeprefix(URN), if_match(call))
        return empty_pb2.Empty()


def _chosen(request: Any) -> Chosen:
    return chosen_attributes(GROUPS, request.attributes, request.excluded_attributes)


def _answer(call: Call, group: GroupView, document: dict[str, Any] | None) -> httpbody_pb2.HttpBody:
    call.headers.append(("etag", etag(group)))
    return httpbody_pb2.HttpBody() if document is None else as_body(document)
