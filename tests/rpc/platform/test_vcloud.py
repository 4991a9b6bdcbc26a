"""Cloud Director's older API over native gRPC: who sees what in XML, filters, pages, and the session of a token."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import grpc
import pytest
from kit.accounts.people import Made, new_person
from kit.callers import Caller, refusal
from kit.patience import PATIENCE_S
from kit.platform import VCLOUD, parsed
from kit.servers.installation import ENTROPY

from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role
from ostiary.directory.tenants.tenants import create_tenant
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.cloudapi.v1 import sessions_pb2
from ostiary_api.cloudapi.v1.sessions_pb2_grpc import SessionsServiceStub
from ostiary_api.vcloud.v1 import admin_pb2, query_pb2, session_pb2, vcloud_orgs_pb2
from ostiary_api.vcloud.v1.admin_pb2_grpc import AdminServiceStub
from ostiary_api.vcloud.v1.query_pb2_grpc import QueryServiceStub
from ostiary_api.vcloud.v1.session_pb2_grpc import SessionServiceStub
from ostiary_api.vcloud.v1.vcloud_orgs_pb2_grpc import OrgsServiceStub

DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass
class Place:
    """An organization of a test's own with an owner, the organization below it, an operator, and questions to ask."""

    caller: Caller
    id: str
    name: str
    below: str
    owner: Made
    operator: Made

    def query(self, who: Made, **asked: Any) -> ET.Element:
        """The answer to a query."""
        stub = QueryServiceStub(self.caller.channel)
        answer = stub.Query(query_pb2.QueryRequest(format="records", **asked), **who.call)
        assert answer.content_type == parsed(answer.data).attrib["type"]
        return parsed(answer.data)

    def names(self, who: Made, kind: str, **asked: Any) -> list[str]:
        """The names of what a query finds."""
        return [one.attrib["name"] for one in records(self.query(who, type=kind, **asked))]

    def org(self, who: Made, tenant_id: str) -> ET.Element:
        """The description of an organization."""
        stub = OrgsServiceStub(self.caller.channel)
        return parsed(stub.GetOrg(vcloud_orgs_pb2.GetOrgRequest(id=tenant_id), **who.call).data)

    def orgs(self, who: Made) -> list[str]:
        """The names of all organizations that somebody sees."""
        answer = OrgsServiceStub(self.caller.channel).ListOrgs(vcloud_orgs_pb2.ListOrgsRequest(), **who.call)
        return [one.attrib["name"] for one in parsed(answer.data)]


def records(answer: ET.Element) -> list[ET.Element]:
    return [one for one in answer if one.tag != f"{VCLOUD}Link"]


@pytest.fixture
def place(shared_caller: Caller) -> Place:
    made, name = shared_caller.installation, f"org-{uuid.uuid4().hex[:8]}"
    with made.runtime.store.write() as work:
        tenant = create_tenant(work, name, ENTROPY, made.clock.now_ms()).id
        below = create_tenant(work, f"{name}-below", ENTROPY, made.clock.now_ms(), parent_id=tenant).id
    operator = new_person(made, SYSTEM_ID, f"root-{name}", "platform_operator")
    return Place(shared_caller, tenant, name, below, new_person(made, tenant, "ann", "org_owner"), operator)


def test_an_owner_reads_its_organization_and_those_below(place: Place) -> None:
    assert place.orgs(place.owner) == [place.name, f"{place.name}-below"]
    own = place.org(place.owner, place.id)
    assert (own.attrib["name"], own.attrib["id"]) == (place.name, f"urn:vcloud:org:{place.id}")
    assert own.find(f"{VCLOUD}FullName") is not None
    assert place.org(place.owner, place.below).attrib["name"] == f"{place.name}-below"
    assert {place.name, "System"} <= set(place.orgs(place.operator))


def test_foreign_and_unknown_entities_are_refused_alike(place: Place) -> None:
    made, admin = place.caller.installation, AdminServiceStub(place.caller.channel)
    stranger = new_person(made, made.new_tenant(f"s-{place.name}"), "eve", "org_owner")
    assert {refusal(lambda at=at: place.org(stranger, at)) for at in (place.id, UNKNOWN, "x")} == {
        (grpc.StatusCode.NOT_FOUND, "ORG_NOT_FOUND")
    }  # fmt: skip

    def user(user_id: str) -> bytes:
        return bytes(admin.GetUser(admin_pb2.GetUserRequest(id=user_id), **stranger.call).data)

    assert len({refusal(lambda at=at: user(at)) for at in (place.owner.id, UNKNOWN, "x")}) == 1
    assert stranger.id in user(stranger.id).decode()
    assert place.names(stranger, "user") == ["eve"]
    assert place.names(stranger, "user", filter=f"org=={place.id}") == []


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("name==ANN", ["ann"]), ("name==*n*", ["ann", "dan(x)"]), (r"name==dan\(x\)", ["dan(x)"]),
        ("isEnabled==true", ["ann", "dan(x)"]), ("name==ann,name==dan*", ["ann", "dan(x)"]),
        ("fullName==Ann Other", ["ann", "dan(x)"]), ("name!=ann", ["dan(x)"]), ("name==nobody", []),
    ],
)  # fmt: skip
def test_users_are_found_by_filter(place: Place, filter: str, expected: list[str]) -> None:
    new_person(place.caller.installation, place.id, "dan(x)")
    assert place.names(place.owner, "user", filter=filter) == expected


def test_an_operator_finds_users_and_roles_of_any_organization(place: Place) -> None:
    made = place.caller.installation
    with made.runtime.store.write() as work:
        role = RoleDefinition("auditor", "Auditor", "reads")
        create_stored_role(work, place.id, role, installation_operator, ENTROPY, made.clock.now_ms())
    for reference in (place.id, f"urn:vcloud:org:{place.id}", f"http://any/api/org/{place.id}"):
        assert place.names(place.operator, "adminUser", filter=f"org=={reference}") == ["ann"]
    roles = place.query(place.operator, type="adminRole", filter=f"org=={place.id}", sort_desc="name")
    assert [(one.attrib["name"], one.attrib["isReadOnly"]) for one in records(roles)] == [
        ("org_owner", "true"), ("org_member", "true"), ("auditor", "false"),
    ]  # fmt: skip
    assert place.names(place.owner, "role", filter="isReadOnly==false") == ["auditor"]
    (user,) = records(place.query(place.operator, type="adminUser", filter=f"id=={place.owner.id}"))
    assert (user.attrib["orgName"], user.attrib["roleNames"]) == (place.name, "org_owner")


def test_pages_follow_one_another_by_their_links(place: Place) -> None:
    for name in ("b", "c", "d", "e"):
        new_person(place.caller.installation, place.id, name)
    asked: dict[str, Any] = {"type": "user", "page_size": 2, "filter": "name!=x"}
    seen = []
    while asked:
        answer = place.query(place.owner, **asked)
        assert (answer.attrib["total"], answer.attrib["pageSize"]) == ("5", "2")
        seen += [one.attrib["name"] for one in records(answer)]
        found = [one.attrib["href"] for one in answer if one.attrib.get("rel") == "nextPage"]
        query = {name: values[0] for name, values in parse_qs(urlsplit(found[0]).query).items()} if found else {}
        assert not query or query["format"] == "records"
        asked = {"type": "user", "page_size": 2, "page": int(query["page"]), "filter": query["filter"]} if query else {}
    assert seen == ["ann", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"type": "vm"}, INVALID), ({"type": "user", "filter": "password==x"}, INVALID),
        ({"type": "user", "filter": "name"}, INVALID), ({"type": "user", "sort_asc": "password"}, INVALID),
        ({"type": "user", "sort_asc": "name", "sort_desc": "name"}, INVALID), ({"type": "user", "page": 0}, INVALID),
        ({"type": "user", "page_size": 129}, INVALID), ({"type": "role", "filter": "fullName==x"}, INVALID),
        ({"type": "right", "sort_asc": "id"}, INVALID), ({"type": "adminUser"}, DENIED),
        ({"type": "adminRole"}, DENIED),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(place: Place, asked: dict[str, Any], code: grpc.StatusCode) -> None:
    assert refusal(lambda: place.query(place.owner, **asked))[0] is code


def test_the_list_of_queries_names_what_the_caller_may_ask(place: Place) -> None:
    def kinds(who: Made) -> set[str]:
        answer = QueryServiceStub(place.caller.channel).Query(query_pb2.QueryRequest(), **who.call)
        return {one.attrib["name"] for one in parsed(answer.data)}

    assert kinds(place.owner) == {"user", "role", "right", "orgVdc", "catalog"}
    assert kinds(place.operator) == {"user", "role", "right", "orgVdc", "catalog", "adminUser", "adminRole"}
    assert place.names(place.owner, "right", filter="name==tenant.*") == [
        "tenant.change",
        "tenant.manage",
        "tenant.read",
    ]
    assert (place.names(place.owner, "orgVdc"), place.names(place.owner, "catalog")) == ([], [])


@pytest.mark.parametrize("header", ["authorization", "x-vmware-vcloud-access-token", "x-vcloud-authorization"])
def test_a_session_is_known_by_each_of_the_headers_and_ends(place: Place, header: str) -> None:
    ann = new_person(place.caller.installation, place.id, "cell")
    value = f"Bearer {ann.token}" if header == "authorization" else ann.token
    call: dict[str, Any] = {"metadata": ((header, value),), "timeout": PATIENCE_S}
    stub = SessionServiceStub(place.caller.channel)
    answer, told = stub.GetSession.with_call(session_pb2.GetSessionRequest(), **call)
    session = parsed(answer.data)
    assert (session.attrib["user"], session.attrib["org"]) == ("cell", place.name)
    assert dict(told.initial_metadata())["x-vcloud-authorization"] == ann.token
    own = [one.attrib["href"] for one in session if one.attrib.get("type", "").endswith("vcloud.org+xml")]
    assert [href.rpartition("/")[2] for href in own] == [place.id]
    stub.DeleteSession(session_pb2.DeleteSessionRequest(), **call)
    current = SessionsServiceStub(place.caller.channel).GetCurrentSession
    request = sessions_pb2.GetCurrentSessionRequest()
    assert refusal(lambda: current(request, **call))[0] is grpc.StatusCode.UNAUTHENTICATED


def test_what_xml_cannot_hold_is_replaced(place: Place) -> None:
    made = place.caller.installation
    with made.runtime.store.write() as work:
        role = RoleDefinition("r<&>", "x", "a\x01b\nc ärger")
        create_stored_role(work, place.id, role, installation_operator, ENTROPY, made.clock.now_ms())
    (found,) = records(place.query(place.owner, type="role", filter="name==r<&>"))
    assert (found.attrib["name"], found.attrib["description"]) == ("r<&>", "a\ufffdb\nc ärger")


def test_an_owner_reads_the_installation_with_what_it_sees(place: Place) -> None:
    admin = AdminServiceStub(place.caller.channel)
    answer = parsed(admin.GetAdmin(admin_pb2.GetAdminRequest(), **place.owner.call).data)
    assert [one.attrib["name"] for one in answer[0]] == [place.name, f"{place.name}-below"]
    user = admin.GetUser(admin_pb2.GetUserRequest(id=place.owner.id), **place.operator.call)
    assert parsed(user.data).attrib["name"] == "ann"


def test_an_owner_reads_and_deletes_roles_and_users(place: Place) -> None:
    made, admin = place.caller.installation, AdminServiceStub(place.caller.channel)
    other = new_person(made, place.id, "other", "org_member")
    with made.runtime.store.write() as work:
        definition = RoleDefinition("auditor", "Auditor", "reads", frozenset({Permission.ORGANIZATION_READ}))
        role = create_stored_role(work, place.id, definition, installation_operator, ENTROPY, made.clock.now_ms()).id
    org = parsed(admin.GetAdminOrg(admin_pb2.GetAdminOrgRequest(id=place.id), **place.owner.call).data)
    assert (org.tag, org.attrib["name"]) == (f"{VCLOUD}AdminOrg", place.name)
    names = [one.attrib["name"] for one in org.findall(f"{VCLOUD}RoleReferences/{VCLOUD}RoleReference")]
    assert names == ["auditor", "org_member", "org_owner"]
    for who in (place.owner, other, place.operator):
        seen = parsed(admin.GetRole(admin_pb2.GetRoleRequest(id=role), **who.call).data)
        rights = [one.attrib["name"] for one in seen.findall(f"{VCLOUD}RightReferences/{VCLOUD}RightReference")]
        assert (seen.attrib["name"], rights) == ("auditor", ["organization.read"])
    drop_role, drop_user = admin_pb2.DeleteRoleRequest(id=role), admin_pb2.DeleteUserRequest(id=other.id)
    chief = admin_pb2.DeleteUserRequest(id=new_person(made, SYSTEM_ID, f"c-{place.name}", "platform_operator").id)
    clerk = new_person(made, SYSTEM_ID, f"clerk-{place.name}", "org_owner")
    assert refusal(lambda: admin.DeleteUser(chief, **clerk.call)) == (DENIED, "FORBIDDEN")
    assert refusal(lambda: admin.DeleteRole(drop_role, **other.call))[0] is DENIED
    admin.DeleteRole(drop_role, **place.owner.call)
    admin.DeleteUser(drop_user, **place.owner.call)
    assert refusal(lambda: admin.DeleteRole(drop_role, **place.owner.call))[1] == "ROLE_NOT_FOUND"
    assert refusal(lambda: admin.DeleteUser(drop_user, **place.owner.call))[1] == "USER_NOT_FOUND"
