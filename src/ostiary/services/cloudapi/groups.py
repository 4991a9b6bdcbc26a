"""Groups in cloudapi."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf import empty_pb2

from ostiary.directory.groups.groups import (
    LOCAL,
    GroupDescription,
    GroupView,
    create_group,
    delete_group,
    get_group,
    list_groups,
    lock_group,
    update_group,
)
from ostiary.directory.groups.search import EQUAL
from ostiary.directory.listing.groups import GROUP_FIELDS, group_order, users_in
from ostiary.directory.listing.users import user_fields, user_order
from ostiary.directory.roles.bindings import roles_of_groups
from ostiary.directory.roles.granting import Giver, Holder, lock_rights
from ostiary.directory.roles.replacing import replace_roles
from ostiary.directory.users.users import list_users
from ostiary.errors import conflict, invalid
from ostiary.http.fiql import read_fiql
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import paged, sorting_of
from ostiary.services.cloudapi.references import check_organization, reference, roles_referred_to
from ostiary.store.tables import GROUP
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import cloudapi_groups_pb2 as pb
from ostiary_api.cloudapi.v1 import cloudapi_groups_pb2_grpc
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference, EntityReferences


class GroupsServicer(cloudapi_groups_pb2_grpc.GroupsServiceServicer):
    """The groups of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/groups"
        self._authentication = runtime.oauth.authentication
        self._clock = runtime.clock
        self._entropy = runtime.entropy

    def ListGroups(self, request: pb.ListGroupsRequest, context: grpc.ServicerContext) -> pb.Groups:
        call, order = current_call(), sorting_of(request, "name")
        wanted = [read_fiql(request.filter, GROUP_FIELDS, encoded=request.filter_encoded)] if request.filter else []
        page, by = call.page(request), group_order(order.by, descending=order.descending)
        found, total = list_groups(call.work, call.tenant_id, *wanted, start=page.start, count=page.size, order=by)
        return pb.Groups(**paged(self._url, "UserGroups", request, total), values=self._shown(call, found))

    def CreateGroup(self, request: pb.CreateGroupRequest, context: grpc.ServicerContext) -> pb.Group:
        call, asked = current_call(), request.group
        check_organization(asked.org_entity_ref, call.tenant_id)
        lock_rights(call.work, call.tenant_id)
        _refuse_taken(call, asked.name)
        description = GroupDescription(asked.name, asked.description)
        made = create_group(
            call.work, call.tenant_id, description, self._entropy, self._clock.now_ms(),
            provider_type=asked.provider_type or LOCAL,
        )  # fmt: skip
        self._give_roles(call, made, asked)
        call.audit_target = made.id
        call.headers.append(("content-location", f"{self._url}/urn:vcloud:group:{made.id}"))
        return self._shown(call, [made])[0]

    def GetGroup(self, request: pb.GetGroupRequest, context: grpc.ServicerContext) -> pb.Group:
        call = current_call()
        return self._shown(call, [get_group(call.work, call.tenant_id, guid(request.id, "group"))])[0]

    def UpdateGroup(self, request: pb.UpdateGroupRequest, context: grpc.ServicerContext) -> pb.Group:
        call, asked = current_call(), request.group
        group = lock_group(call.work, call.tenant_id, guid(request.id, "group"))
        check_organization(asked.org_entity_ref, call.tenant_id)
        if asked.HasField("provider_type") and asked.provider_type != group.provider_type:
            raise invalid("PROVIDER_TYPE_FIXED", f"providerType of this group is {group.provider_type}, and stays.")
        _refuse_taken(call, asked.name, group.id)
        text = asked.description if asked.HasField("description") else group.description
        update_group(call.work, call.tenant_id, group.id, GroupDescription(asked.name, text), self._clock.now_ms())
        self._give_roles(call, group, asked)
        call.audit_target = group.id
        return self._shown(call, [get_group(call.work, call.tenant_id, group.id)])[0]

    def DeleteGroup(self, request: pb.DeleteGroupRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call, group_id = current_call(), guid(request.id, "group")
        delete_group(call.work, call.tenant_id, group_id, self._giver(call), self._clock.now_ms())
        call.audit_target = group_id
        return empty_pb2.Empty()

    def ListGroupUsers(self, request: pb.ListGroupUsersRequest, context: grpc.ServicerContext) -> EntityReferences:
        call, order = current_call(), sorting_of(request, "username")
        group = get_group(call.work, call.tenant_id, guid(request.id, "group"))
        fields, page = user_fields(call.tenant_id, self._clock.now_ms(), order.by), call.page(request)
        wanted = [read_fiql(request.filter, fields, encoded=request.filter_encoded)] if request.filter else []
        users, total = list_users(
            call.work, call.tenant_id, users_in(call.tenant_id, group.id), *wanted, start=page.start, count=page.size,
            order=user_order(order.by, descending=order.descending),
        )  # fmt: skip
        url = f"{self._url}/urn:vcloud:group:{group.id}/users"
        values = [reference("user", user.id, user.user_name) for user in users]
        return EntityReferences(**paged(url, "EntityReferences", request, total), values=values)

    def _give_roles(self, call: Call, group: GroupView, asked: pb.Group) -> None:
        named = _roles_of(asked, self._roles(call, group))
        if named is not None:
            roles = roles_referred_to(call.work, call.tenant_id, named)
            holder = Holder(group.id, GROUP)
            replace_roles(call.work, call.tenant_id, holder, roles, self._giver(call), self._clock.now_ms())

    def _roles(self, call: Call, group: GroupView) -> Sequence[EntityReference]:
        return self._shown(call, [group])[0].role_entity_refs

    def _giver(self, call: Call) -> Giver:
        return self._authentication.giver(call.principal, call.tenant_id)

    def _shown(self, call: Call, groups: Sequence[GroupView]) -> list[pb.Group]:
        ids, now_ms = [group.id for group in groups], self._clock.now_ms()
        held = roles_of_groups(call.work, call.tenant_id, ids, now_ms)
        roles = {of: [reference("role", role.id, role.name) for role in given] for of, given in held.items()}
        tenant = call.required_tenant
        return [
            pb.Group(
                name=group.display_name, id=f"urn:vcloud:group:{group.id}", description=group.description,
                org_entity_ref=reference("org", tenant.id, tenant.name), name_in_source=group.display_name,
                role_entity_ref=next(iter(roles[group.id]), None), role_entity_refs=roles[group.id],
                provider_type=group.provider_type,
            )
            for group in groups
        ]  # fmt: skip


def _refuse_taken(call: Call, name: str, group_id: str = "") -> None:
    """Raises GROUP_NAME_TAKEN where another group has the name. Call it under the lock of the organization's rights."""
    found, _ = list_groups(call.work, call.tenant_id, EQUAL["displayName"](call.tenant_id, name), count=2)
    if any(group.id != group_id for group in found):
        raise conflict("GROUP_NAME_TAKEN", f"There is a group named {name} already.")


def _roles_of(asked: pb.Group, held: Sequence[EntityReference]) -> Sequence[EntityReference] | None:
    """The roles that a group shall have; None where they stay."""
    if asked.role_entity_refs or not asked.HasField("role_entity_ref"):
        return asked.role_entity_refs or None
    only = asked.role_entity_ref
    if not (only.id or only.name):
        return []
    return None if held and guid(only.id, "role") == guid(held[0].id, "role") else [only]
