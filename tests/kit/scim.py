"""What tests of SCIM need: users created, found and read over native gRPC, and how a refusal is written."""

from __future__ import annotations

import itertools
import json
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from google.rpc import error_details_pb2, status_pb2
from kit.callers import Caller

from ostiary_api.scim.v2 import scim_groups_pb2 as groups_pb
from ostiary_api.scim.v2 import scim_users_pb2 as pb
from ostiary_api.scim.v2.scim_groups_pb2_grpc import GroupsServiceStub
from ostiary_api.scim.v2.scim_users_pb2_grpc import UsersServiceStub

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CODES = grpc.StatusCode
NUMBERS = itertools.count()


def create(caller: Caller, call: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """The user that was created."""
    return json.loads(raw_create(caller, call, json.dumps({"schemas": [USER], **attributes}).encode()).data)  # type: ignore[no-any-return]


def raw_create(caller: Caller, call: dict[str, Any], data: bytes, kind: str = "application/scim+json") -> Any:
    """The answer to a body as it is."""
    body = httpbody_pb2.HttpBody(content_type=kind, data=data)
    return UsersServiceStub(caller.channel).CreateUser(pb.CreateUserRequest(user=body), **call)


def find(caller: Caller, call: dict[str, Any], **request: Any) -> dict[str, Any]:
    """The page of a list."""
    answer = UsersServiceStub(caller.channel).ListUsers(pb.ListUsersRequest(**request), **call)
    assert answer.content_type == "application/scim+json"
    return json.loads(answer.data)  # type: ignore[no-any-return]


def get(caller: Caller, call: dict[str, Any], identifier: str, **request: Any) -> dict[str, Any]:
    """One user."""
    answer = UsersServiceStub(caller.channel).GetUser(pb.GetUserRequest(id=identifier, **request), **call)
    return json.loads(answer.data)  # type: ignore[no-any-return]


def put(caller: Caller, call: dict[str, Any], identifier: str, **attributes: Any) -> dict[str, Any]:
    """The user that took the place of the one before."""
    body = _body({"schemas": [USER], **attributes})
    answer = UsersServiceStub(caller.channel).ReplaceUser(pb.ReplaceUserRequest(id=identifier, user=body), **call)
    return json.loads(answer.data)  # type: ignore[no-any-return]


def patch(caller: Caller, call: dict[str, Any], identifier: str, *operations: dict[str, Any]) -> dict[str, Any]:
    """The user after these operations."""
    body = _body({"schemas": [PATCH], "Operations": operations})
    answer = UsersServiceStub(caller.channel).PatchUser(pb.PatchUserRequest(id=identifier, patch=body), **call)
    return json.loads(answer.data)  # type: ignore[no-any-return]


def delete(caller: Caller, call: dict[str, Any], identifier: str) -> None:
    """Deletes a user."""
    UsersServiceStub(caller.channel).DeleteUser(pb.DeleteUserRequest(id=identifier), **call)


def _body(document: dict[str, Any]) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/scim+json", data=json.dumps(document).encode())


def with_header(call: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """The same caller, with one more header."""
    return {**call, "metadata": (*call["metadata"], (name, value))}


def refusal(function: Any, *arguments: Any, **named: Any) -> tuple[grpc.StatusCode, str, str]:
    """Code, reason and scimType of what is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        function(*arguments, **named)
    binary = dict(refused.value.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(binary).details[0].Unpack(info)
    return refused.value.code(), info.reason, info.metadata.get("scim_type", "")


def in_context(call: dict[str, Any], tenant_id: str) -> dict[str, Any]:
    """The same caller, acting on an organization."""
    return {**call, "metadata": (*call["metadata"], ("x-vmware-vcloud-tenant-context", tenant_id))}


class GroupClient:
    """Groups over native gRPC, as one caller."""

    def __init__(self, caller: Caller, call: dict[str, Any]) -> None:
        self.stub = GroupsServiceStub(caller.channel)
        self.call = call

    def create(self, name: str, *members: str, **attributes: Any) -> dict[str, Any]:
        """A group with these members."""
        document = {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members]}
        body = _body(document | attributes)
        return json.loads(self.stub.CreateGroup(groups_pb.CreateGroupRequest(group=body), **self.call).data)  # type: ignore[no-any-return]

    def get(self, identifier: str, **request: Any) -> dict[str, Any]:
        """One group."""
        return json.loads(self.stub.GetGroup(groups_pb.GetGroupRequest(id=identifier, **request), **self.call).data)  # type: ignore[no-any-return]

    def find(self, **request: Any) -> dict[str, Any]:
        """The page of a list."""
        return json.loads(self.stub.ListGroups(groups_pb.ListGroupsRequest(**request), **self.call).data)  # type: ignore[no-any-return]

    def put(self, identifier: str, **attributes: Any) -> dict[str, Any]:
        """The group that took the place of the one before."""
        request = groups_pb.ReplaceGroupRequest(id=identifier, group=_body({"schemas": [GROUP], **attributes}))
        return json.loads(self.stub.ReplaceGroup(request, **self.call).data)  # type: ignore[no-any-return]

    def patch(self, identifier: str, *operations: dict[str, Any], **request: Any) -> dict[str, Any]:
        """The group after these operations; empty where it was not sent back."""
        body = _body({"schemas": [PATCH], "Operations": operations})
        answer = self.stub.PatchGroup(groups_pb.PatchGroupRequest(id=identifier, patch=body, **request), **self.call)
        return json.loads(answer.data) if answer.data else {}

    def delete(self, identifier: str) -> None:
        """Deletes a group."""
        self.stub.DeleteGroup(groups_pb.DeleteGroupRequest(id=identifier), **self.call)
