"""What is another organization's looks as if it did not exist, to the byte: asked of every RPC of cloudapi, csp and the
older API that names an entity, once with somebody else's and once with nobody's; made from the descriptors."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from contract.served import RPCS
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message_factory import GetMessageClass
from kit.accounts.director import CONTEXT, Director
from kit.accounts.people import new_client
from kit.callers import Caller
from kit.platform import VCLOUD

NO_SIDE_EFFECTS = MethodOptions.NO_SIDE_EFFECTS
ACCESS = "identity.access.v1.AccessService"
PACKAGES = ("identity.cloudapi.v1.", "identity.csp.v1.", "identity.vcloud.v1.")
KIND_OF_ID = {
    "OrgsService": "org", "GroupsService": "group", "RolesService": "role", "UsersService": "user",
    "PreferencesService": "user", "ServiceAccountsService": "account", "ApiTokensService": "token",
    "TaskService": "task", "AdminService": "user",
}  # fmt: skip
"""What the field `id` of a service names; rights are the same everywhere."""
KIND_OF_METHOD = {
    "GetRole": "role", "DeleteRole": "role", "UpdateRole": "role", "GetAdminOrg": "org", "UpdateAdminOrg": "org",
    "DeleteAdminOrg": "org", "CreateUser": "org", "CreateRole": "org", "GetRight": "",
}  # fmt: skip
"""The same of single RPCs of a service that names entities of several kinds."""
KINDS = {"org_id": "org", "user_id": "user", "group_id": "group", "role_id": "role", "acct": "acct"}
MEMBER = {"roleNamesToAdd": ["org_member"]}
BODIES: Mapping[str, dict[str, Any]] = {
    "UpdateGroup": {"group": {"name": "x"}}, "UpdateRole": {"role": {"name": "x"}},
    "AddRoleRights": {"rights": {"values": [{"name": "organization.read"}]}},
    "ReplaceRoleRights": {"rights": {"values": [{"name": "organization.read"}]}},
    "UpdateUser": {"user": {"username": "x", "roleEntityRefs": [{"name": "org_member"}]}},
    "UpdateUserPreference": {"preference": {"classifier": "internal:localLanguage", "value": "de"}},
    "UpdateServiceAccount": {"account": {"softwareId": "x", "role": {"name": "org_member"}}},
    "UpdateOrg": {"org": {"displayName": "x"}}, "UpdateOrganization": {"organization": {"displayName": "x"}},
    "UpdateUserRoles": {"update": MEMBER}, "UpdateMemberRoles": {"update": {"organizationRoles": MEMBER}},
    "UpdateGroupRoles": {"update": {"organizationRoles": MEMBER}},
    "UpdateUsersRoles": {"update": {"userList": [{"userName": "x", "orgRolesUpdateRequest": MEMBER}]}},
    "SearchOrganizationGroups": {"groupSearchTerm": "s"}, "SearchUsers": {"userSearchTerm": "p"},
    "RemoveGroups": {"removal": {"ids": [str(uuid.uuid4())]}},
}  # fmt: skip
"""Bodies that are good, so that the entity alone is at fault."""
XML_BODIES: Mapping[str, dict[str, Any]] = {
    method: {root.lower(): {"data": base64.b64encode(f'<{root} xmlns="{VCLOUD[1:-1]}" name="x"/>'.encode()).decode()}}
    for method, root in (("UpdateUser", "User"), ("CreateUser", "User"), ("UpdateRole", "Role"), ("CreateRole", "Role"))
} | {"UpdateAdminOrg": {"org": {"data": base64.b64encode(f'<AdminOrg xmlns="{VCLOUD[1:-1]}"/>'.encode()).decode()}}}
"""The same of Cloud Director's older API."""
NOT_FOR_OWNERS = {"GetUserByAcct", "GetUserById"}
CLASSIFIED = {"classifier": "internal:localLanguage"}


def body_of(method: str) -> dict[str, Any]:
    """The body of a request, by the field that it is."""
    bodies = XML_BODIES if method.startswith("identity.vcloud.") else BODIES
    return bodies.get(method.rpartition("/")[2], {})


def asked_about() -> Iterator[tuple[str, str, str]]:
    """Every RPC, the field that names an entity, and its kind."""
    for rpc in RPCS:
        service, _, method = rpc.name.rpartition(".")[2].partition("/")
        for field in rpc.descriptor.input_type.fields if rpc.name.startswith(PACKAGES) else ():
            kind = (
                KIND_OF_METHOD.get(method, KIND_OF_ID.get(service, ""))
                if field.name == "id"
                else KINDS.get(field.name, "")
            )
            if kind:
                yield rpc.name, field.name, kind


ASKED = sorted(asked_about())


class Place:
    """Two organizations; `theirs` are entities of the other one by kind, `ours` those of one's own."""

    def __init__(self, caller: Caller) -> None:
        self.here, self.there = Director(caller), Director(caller)
        self.robot = new_client(caller.installation, self.here.tenant_id, service_account=True)
        self.ours, self.theirs = (self._entities(one) for one in (self.here, self.there))

    def _entities(self, one: Director) -> dict[str, str]:
        registered = "RegistrationService/RegisterTenantClient"
        asked = {"client_name": "x", "software_id": "x", "scope": "urn:vcloud:role:org_member"}
        person = one.person(f"p{one.number}", "org_member")
        gone = one.person(f"g{one.number}")
        _, headers = one.answered("UsersService/DeleteUser", id=gone.id)
        made = {
            "org": one.tenant_id, "user": person.id, "acct": person.name, "task": headers["location"][-36:],
            "group": one.ask("GroupsService/CreateGroup", group={"name": "staff"})["id"],
            "role": one.ask("RolesService/CreateRole", role={"name": "clerk"})["id"],
            "token": one.ask(registered, tenant=one.name, registration={"client_name": "x"})["client_id"],
            "account": one.ask(registered, tenant=one.name, registration=asked)["client_id"],
        }  # fmt: skip
        return {kind: named.rpartition(":")[2] for kind, named in made.items()}

    def seen(self, method: str, request: dict[str, Any], *named: str, context: str = "", role: str = "") -> str:
        """All that the caller sees of an answer, without what names the request and the entities."""
        service, _, name = method.rpartition("/")
        descriptor = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
        asked, answer = (GetMessageClass(part) for part in (descriptor.input_type, descriptor.output_type))
        made = self.here.caller.channel.unary_stream(f"/{method}", asked.SerializeToString, answer.FromString)
        who = self.robot if name in NOT_FOR_OWNERS else self.here.owner
        credentials = self.here.caller.as_role(role) if role else who.call
        headers = (*credentials["metadata"], *(((CONTEXT, context),) if context else ()))
        call = made(json_format.ParseDict(request, asked()), **{**credentials, "metadata": headers})
        try:
            told = [str(message) for message in call]
        except grpc.RpcError as refused:
            told = [str(refused)]
            call = refused
        metadata = [(key, value) for key, value in (*call.initial_metadata(), *call.trailing_metadata())]
        shown = f"{call.code()} {call.details()} {metadata} {told if call.code() is grpc.StatusCode.OK else ''}"
        for each in named:
            shown = shown.replace(each, "…")
        return re.sub(r"[0-9a-f]{32}", "", shown)


@pytest.fixture(scope="module")
def place(shared_caller: Caller) -> Place:
    return Place(shared_caller)


def test_the_table_is_made_of_all_that_names_an_entity() -> None:
    assert len(ASKED) > 60
    assert {kind for _, _, kind in ASKED} == {*KIND_OF_ID.values(), *KINDS.values()}


def test_one_entity_of_others_looks_like_none(place: Place) -> None:
    differ, unasked = {}, []
    for method, field, kind in ASKED:
        rpc = next(rpc for rpc in RPCS if rpc.name == method)
        known = {each.name for each in rpc.descriptor.input_type.fields}
        good = {name: place.ours[KINDS[name]] for name in known & KINDS.keys()}
        request = {**good, **(CLASSIFIED if "classifier" in known else {}), **body_of(method)}
        theirs, nobody = place.theirs[kind], str(uuid.uuid4()) if kind != "acct" else "nobody"
        first, second = (place.seen(method, {**request, field: named}, named) for named in (theirs, nobody))
        if first != second:
            differ[method, field] = (first, second)
        own = {**request, field: place.ours[kind]}
        if rpc.descriptor.GetOptions().idempotency_level == NO_SIDE_EFFECTS:
            answer = place.seen(method, own)
            unasked += [] if "StatusCode.OK" in answer else [f"{method} {answer[:200]}"]
    assert differ == {}
    assert unasked == []


def test_those_that_a_body_names_look_like_none(place: Place) -> None:
    csp, org = "identity.csp.v1", place.here.tenant_id
    for method, field, kind, body in (
        ("OrganizationGroupsService/RemoveGroups", "removal", "group", lambda named: {"ids": [named]}),
        ("OrganizationService/UpdateUsersRoles", "update", "acct",
         lambda named: {"userList": [{"userName": named, "orgRolesUpdateRequest": MEMBER}]}),
        ("UserServiceV3/UpdateMemberRoles", "update", "role",
         lambda named: {"organizationRoles": {"rolesToAdd": [{"id": named}]}}),
    ):  # fmt: skip
        method = next(rpc.name for rpc in RPCS if rpc.name.startswith(csp) and rpc.name.endswith(method.split("/")[1]))
        good = {"org_id": org} | ({"user_id": place.ours["user"]} if kind == "role" else {})
        nobody = str(uuid.uuid4()) if kind != "acct" else "nobody"
        seen = [place.seen(method, {**good, field: body(named)}, named) for named in (place.theirs[kind], nobody)]
        assert seen[0] == seen[1], method


def test_an_organization_named_by_the_header_looks_like_none(place: Place) -> None:
    differ = {}
    for method in sorted({rpc.name for rpc in RPCS if rpc.rules.tenant_context and rpc.name.startswith(PACKAGES)}):
        theirs, none = place.theirs["org"], str(uuid.uuid4())
        first, second = (place.seen(method, {}, named, context=named) for named in (theirs, none))
        if first != second:
            differ[method] = (first, second)
    assert differ == {}


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("ServiceAccountsService/ListServiceAccounts", "account"), ("ApiTokensService/ListApiTokens", "token"),
        ("GroupsService/ListGroups", "group"), ("UsersService/ListUsers", "user"), ("OrgsService/ListOrgs", "org"),
        ("RolesService/ListRoles", "role"),
    ],
)  # fmt: skip
def test_a_filter_finds_nothing_of_others(place: Place, method: str, kind: str) -> None:
    name = f"identity.cloudapi.v1.{method}"
    theirs, none, ours = place.theirs[kind], str(uuid.uuid4()), place.ours[kind]
    first, second = (place.seen(name, {"filter": f"id=={named}"}, named) for named in (theirs, none))
    assert first == second
    assert place.seen(name, {"filter": f"id=={ours}"}, ours) != first


def test_a_client_of_others_has_no_number_of_groups(place: Place) -> None:
    caller, other = place.here.caller, place.theirs["org"]
    made, none, method = caller.installation, str(uuid.uuid4()), f"{ACCESS}/SetMaxGroupsInIdToken"
    theirs = new_client(made, other, service_account=False)

    def seen(tenant_id: str, client_id: str) -> str:
        request = {"tenant_id": tenant_id, "client_id": client_id, "max_groups_in_id_token": 3}
        return place.seen(method, request, tenant_id, client_id, role="manager")

    assert seen(made.tenant_id, theirs.id) == seen(made.tenant_id, none)
    assert seen(other, theirs.id) == seen(none, theirs.id) == seen(none, none)
