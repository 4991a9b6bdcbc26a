"""Changes in Cloud Director's older API over native gRPC: users, roles and organizations that requests describe in
XML."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import grpc
import pytest
from google.api import httpbody_pb2
from kit.accounts.people import Made, new_person
from kit.callers import Caller, refusal
from kit.platform import VCLOUD, parsed

from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.vcloud.v1 import admin_pb2 as pb
from ostiary_api.vcloud.v1.admin_pb2_grpc import AdminServiceStub

DENIED, NOT_FOUND = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND
UNKNOWN = "00000000-0000-4000-8000-000000000000"
PASSWORD = "correct horse battery staple"
READ, OWN = "organization.read", "organization.own"


def xml(root: str, within: str = "", **attributes: str) -> httpbody_pb2.HttpBody:
    """The body of a request: an element of the namespace that holds `within`."""
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    text = f'<{root} xmlns="{VCLOUD[1:-1]}"{said}>{within}</{root}>'
    return httpbody_pb2.HttpBody(content_type="application/xml", data=text.encode())


NO_USERS = [
    (httpbody_pb2.HttpBody(), "MALFORMED_XML"),
    (httpbody_pb2.HttpBody(content_type="application/json", data=b"{}"), "UNSUPPORTED_CONTENT_TYPE"),
    (httpbody_pb2.HttpBody(data=b"<User"), "MALFORMED_XML"),
    (httpbody_pb2.HttpBody(data=b"<User name='x'>\xff</User>"), "MALFORMED_XML"),
    (httpbody_pb2.HttpBody(data="<User name='x'/>".encode("utf-16")), "MALFORMED_XML"),
    (httpbody_pb2.HttpBody(data=b"<!DOCTYPE User [<!ENTITY a 'b'>]><User name='&a;'/>"), "DOCUMENT_TYPE_REFUSED"),
    (httpbody_pb2.HttpBody(data=b"<User name='x'>&a;</User>"), "MALFORMED_XML"),
    (httpbody_pb2.HttpBody(data=b"<User name='x'/>"), "UNEXPECTED_ELEMENT"),
    (httpbody_pb2.HttpBody(data=b"<a>" * 400_000), "BODY_TOO_LARGE"),
    (xml("Role", name="x"), "UNEXPECTED_ELEMENT"), (xml("User"), "NAME_MISSING"),
    (xml("User", "<a>" * 100_000 + "</a>" * 100_000), "NAME_MISSING"),
    (xml("User", name="x"), "ROLE_MISSING"),
    (xml("User", "<Role href='http://any/x'/>", name="x"), "INVALID_ROLE_REFERENCE"),
    (xml("User", f"<Role href='http://any/{UNKNOWN}'/>", name="x"), "INVALID_ROLE_REFERENCE"),
    (xml("User", "<Role/><Role/>", name="x"), "REPEATED_ELEMENT"),
    (xml("User", "<Role name='org_member'/><IsEnabled>yes</IsEnabled>", name="x"), "NOT_A_BOOLEAN"),
    (xml("User", "<Role name='org_member'/><FullName><b/></FullName>", name="x"), "NOT_A_TEXT"),
    (xml("User", "<Role name='org_member'/><IsExternal>true</IsExternal>", name="x"), "PROVIDER_TYPE_NOT_OFFERED"),
    (xml("User", "<Role name='org_member'/>", name="x" * 257), "INVALID_USERNAME"),
    (xml("User", f"<Role name='org_member'/><FullName>{'x' * 1001}</FullName>", name="x"), "INVALID_FIELD"),
    (xml("User", "<Role name='org_member'/><Password>1</Password>", name="x"), "INVALID_PASSWORD"),
]  # fmt: skip
NO_ROLES = [
    ("<RightReferences><RightReference name='x'/></RightReferences>", "INVALID_RIGHT_REFERENCE"),
    (f"<RightReferences><RightReference href='http://any/{UNKNOWN}'/></RightReferences>", "INVALID_RIGHT_REFERENCE"),
    ("<RightReferences/><RightReferences/>", "REPEATED_ELEMENT"),
    (f"<RightReferences>{'<RightReference/>' * 101}</RightReferences>", "TOO_MANY_RIGHTS"),
]  # fmt: skip


def told(answer: httpbody_pb2.HttpBody) -> dict[str, Any]:
    """What a document says: its attributes and texts by name, the names that its references hold as a list."""
    said: dict[str, Any] = dict(parsed(answer.data).attrib)
    for one in parsed(answer.data):
        name = one.tag.removeprefix(VCLOUD)
        said[name] = [below.attrib["name"] for below in one] or one.attrib.get("name", one.text or "")
    return said


@dataclass
class Place:
    """An organization of a test's own with an owner and a member, and an operator; `admin` asks about it."""

    admin: AdminServiceStub
    caller: Caller
    id: str
    owner: Made
    member: Made
    operator: Made

    def create(self, name: str, role: str, within: str = "", who: Made | None = None) -> dict[str, Any]:
        """Creates a user with a role of the organization, named by the role's address."""
        body = xml("User", f'<Role href="http://any/api/admin/role/{self.role(role)}"/>{within}', name=name)
        return told(self.admin.CreateUser(pb.CreateUserRequest(id=self.id, user=body), **(who or self.owner).call))

    def update(self, user_id: str, within: str, who: Made | None = None, **attributes: str) -> dict[str, Any]:
        """Changes a user."""
        asked = pb.UpdateUserRequest(id=user_id, user=xml("User", within, **attributes))
        return told(self.admin.UpdateUser(asked, **(who or self.owner).call))

    def define(self, name: str, *rights: str, who: Made | None = None) -> dict[str, Any]:
        """Defines a role with rights, which are named by name."""
        named = "".join(f'<RightReference name="{right}"/>' for right in rights)
        body = xml("Role", f"<Description>d</Description><RightReferences>{named}</RightReferences>", name=name)
        return told(self.admin.CreateRole(pb.CreateRoleRequest(id=self.id, role=body), **(who or self.owner).call))

    def redefine(self, role_id: str, within: str, who: Made | None = None, **attributes: str) -> dict[str, Any]:
        """Changes a role."""
        asked = pb.UpdateRoleRequest(id=role_id, role=xml("Role", within, **attributes))
        return told(self.admin.UpdateRole(asked, **(who or self.owner).call))

    def role(self, name: str) -> str:
        """The id of a role."""
        answer = self.admin.GetAdminOrg(pb.GetAdminOrgRequest(id=self.id), **self.operator.call)
        return next(one for one in parsed(answer.data).iter() if one.attrib.get("name") == name).attrib["href"][-36:]

    def user(self, user_id: str, who: Made | None = None) -> dict[str, Any]:
        """A user as somebody reads it."""
        return told(self.admin.GetUser(pb.GetUserRequest(id=user_id), **(who or self.owner).call))


@pytest.fixture
def place(shared_caller: Caller) -> Place:
    made, name = shared_caller.installation, f"org-{uuid.uuid4().hex[:8]}"
    tenant = made.new_tenant(name)
    people = [new_person(made, tenant, one, f"org_{one}") for one in ("owner", "member")]
    operator = new_person(made, SYSTEM_ID, f"root-{name}", "platform_operator")
    return Place(AdminServiceStub(shared_caller.channel), shared_caller, tenant, *people, operator)


def test_an_owner_creates_a_user_and_changes_what_it_names(place: Place) -> None:
    within = f"<FullName>Ann &lt;3</FullName><EmailAddress>a@b.example</EmailAddress><Password>{PASSWORD}</Password>"
    made = place.create("ann", "org_member", f"{within}<IsEnabled>false</IsEnabled><StoredVmQuota>0</StoredVmQuota>")
    ann = made["href"][-36:]
    assert (made["name"], made["FullName"], made["EmailAddress"]) == ("ann", "Ann <3", "a@b.example")
    assert (made["IsEnabled"], made["Role"], made["IsLocked"], "Password" in made) == (
        "false", "org_member", "false", False,
    )  # fmt: skip
    role = f'<Role href="http://any/api/admin/role/{place.role("org_member")}"/>'
    after = place.update(ann, f"<IsEnabled> 1 </IsEnabled>{role}", name="ANN")
    assert (after["name"], after["IsEnabled"], after["FullName"], after["EmailAddress"]) == (
        "ann", "true", "Ann <3", "a@b.example",
    )  # fmt: skip
    owner = f'<Role href="http://any/api/admin/role/{place.role("org_owner")}"/>'
    assert place.update(ann, f"<EmailAddress/>{owner}", name="anna")["RoleNames"] == "org_owner"
    read = place.user(ann)
    assert (read["name"], read["EmailAddress"], read["Role"]) == ("anna", "", "org_owner")


def test_a_role_that_a_user_has_among_others_is_no_change_of_its_roles(place: Place) -> None:
    clerk, both = place.define("clerk", READ)["href"][-36:], new_person(
        place.caller.installation, place.id, "both", "org_member", "org_owner"
    )  # fmt: skip
    shown = place.user(both.id)
    assert (shown["Role"], shown["RoleNames"]) == ("org_member", "org_member,org_owner")
    same = f'<Role href="http://any/api/admin/role/{place.role("org_owner")}"/>'
    assert place.update(both.id, same)["RoleNames"] == "org_member,org_owner"
    assert place.update(both.id, f'<Role href="http://any/api/admin/role/{clerk}"/>')["RoleNames"] == "clerk"


def test_a_member_changes_its_own_password_and_nothing_else(place: Place) -> None:
    place.update(place.member.id, f"<Password>another {PASSWORD}</Password>", place.member)
    again = new_person(place.caller.installation, place.id, "again", "org_member")
    for within in ("<FullName>x</FullName>", "<IsEnabled>false</IsEnabled>"):
        assert refusal(lambda within=within: place.update(again.id, within, again)) == (DENIED, "FORBIDDEN")
    assert refusal(lambda: place.update(place.owner.id, f"<Password>{PASSWORD}</Password>", again))[0] is DENIED


def test_roles_are_defined_and_changed_with_their_rights(place: Place) -> None:
    made = place.define("clerk", READ)
    role = made["href"][-36:]
    assert (made["name"], made["Description"], made["RightReferences"]) == ("clerk", "d", [READ])
    more = f'<RightReferences><RightReference name="{READ}"/><RightReference name="{OWN}"/></RightReferences>'
    assert place.redefine(role, more)["RightReferences"] == [OWN, READ]
    after = place.redefine(role, "<Description/>", name="boss")
    assert (after["name"], after["Description"], after["RightReferences"]) == ("boss", "", [OWN, READ])
    assert place.redefine(role, "<RightReferences/>")["RightReferences"] == ""
    built_in = place.role("org_member")
    assert refusal(lambda: place.redefine(built_in, "", name="x"))[1] == "ROLE_READ_ONLY"


def test_nobody_gives_by_xml_what_it_does_not_hold(place: Place) -> None:
    beyond = "tenant.change"
    assert refusal(lambda: place.define("more", beyond)) == (DENIED, "FORBIDDEN")
    above = place.define("above", beyond, who=place.operator)["href"][-36:]
    for do in (
        lambda: place.redefine(above, "<RightReferences/>"),
        lambda: place.create("eve", "above"),
        lambda: place.update(place.member.id, f'<Role href="http://any/{above}"/>'),
        lambda: place.create("eve", "org_member", who=place.member),
        lambda: place.define("mine", READ, who=place.member),
    ):
        assert refusal(do) == (DENIED, "FORBIDDEN")
    chief = place.create("chief", "above", who=place.operator)["href"][-36:]
    assert refusal(lambda: place.update(chief, f"<Password>{PASSWORD}</Password>")) == (DENIED, "FORBIDDEN")


def test_foreign_and_unknown_entities_are_refused_alike(place: Place) -> None:
    stranger = new_person(place.caller.installation, place.caller.installation.new_tenant(uuid.uuid4().hex), "eve",
                          "org_owner")  # fmt: skip
    role = place.define("clerk", READ)["href"][-36:]

    def create(org: str) -> object:
        return place.admin.CreateUser(pb.CreateUserRequest(id=org, user=xml("User", name="x")), **stranger.call)

    def define(org: str) -> object:
        return place.admin.CreateRole(pb.CreateRoleRequest(id=org, role=xml("Role", name="x")), **stranger.call)

    def change(org: str) -> object:
        return place.admin.UpdateAdminOrg(pb.UpdateAdminOrgRequest(id=org, org=xml("AdminOrg")), **stranger.call)

    for do, known in (
        (create, place.id), (define, place.id), (change, place.id),
        (lambda at: place.update(at, "", stranger), place.owner.id),
        (lambda at: place.redefine(at, "", stranger), role), (lambda at: place.user(at, stranger), place.owner.id),
    ):  # fmt: skip
        seen = {refusal(lambda do=do, at=at: do(at)) for at in (known, UNKNOWN, "x")}
        assert len(seen) == 1, seen
        assert seen.pop()[0] in (DENIED, NOT_FOUND)


def test_an_operator_acts_on_users_and_roles_where_they_are(place: Place) -> None:
    clerk = place.define("clerk", READ, who=place.operator)["href"][-36:]
    ann = place.create("ann", "clerk", who=place.operator)["href"][-36:]
    assert place.user(ann, place.operator)["Role"] == "clerk"
    assert place.update(ann, "<IsEnabled>false</IsEnabled>", place.operator)["IsEnabled"] == "false"
    assert place.redefine(clerk, "", place.operator, name="scribe")["name"] == "scribe"
    built_in = pb.GetRoleRequest(id=place.role("org_owner"))
    assert told(place.admin.GetRole(built_in, **place.operator.call))["name"] == "org_owner"
    clerk_of_system = new_person(place.caller.installation, SYSTEM_ID, f"c-{place.id}", "org_owner")
    assert refusal(lambda: place.user(ann, clerk_of_system))[1] == "USER_NOT_FOUND"
    place.admin.DeleteUser(pb.DeleteUserRequest(id=ann), **place.operator.call)
    place.admin.DeleteRole(pb.DeleteRoleRequest(id=clerk), **place.operator.call)
    assert refusal(lambda: place.user(ann))[1] == "USER_NOT_FOUND"


def test_an_operator_makes_disables_enables_and_deletes_an_organization(place: Place) -> None:
    admin, operator = place.admin, place.operator.call
    name = f"new-{place.id[:8]}"
    body = xml("AdminOrg", "<FullName>New</FullName><IsEnabled>false</IsEnabled><Settings/>", name=name)
    made = told(admin.CreateAdminOrg(pb.CreateAdminOrgRequest(org=body), **operator))
    org = made["href"][-36:]
    assert (made["name"], made["FullName"], made["IsEnabled"]) == (name, "New", "false")
    assert made["RoleReferences"] == ["org_member", "org_owner"]
    for enabled in ("true", "false"):
        asked = pb.UpdateAdminOrgRequest(id=org, org=xml("AdminOrg", f"<IsEnabled>{enabled}</IsEnabled>", name=name))
        assert told(admin.UpdateAdminOrg(asked, **operator))["IsEnabled"] == enabled
    taken = pb.CreateAdminOrgRequest(org=xml("AdminOrg", "<FullName>x</FullName>", name=name.upper()))
    assert refusal(lambda: admin.CreateAdminOrg(taken, **operator))[1] == "TENANT_NAME_TAKEN"
    task = told(admin.DeleteAdminOrg(pb.DeleteAdminOrgRequest(id=org, force="False", recursive="True"), **operator))
    assert (task["status"], task["operationName"]) == ("running", "orgDelete")
    assert refusal(lambda: admin.GetAdminOrg(pb.GetAdminOrgRequest(id=org), **operator))[1] == "ORG_NOT_FOUND"


def test_an_owner_changes_what_its_organization_is_called_and_no_more(place: Place) -> None:
    def change(within: str) -> dict[str, Any]:
        asked = pb.UpdateAdminOrgRequest(id=place.id, org=xml("AdminOrg", within))
        return told(place.admin.UpdateAdminOrg(asked, **place.owner.call))

    assert change("<FullName>Ours</FullName><IsEnabled>true</IsEnabled>")["FullName"] == "Ours"
    assert refusal(lambda: change("<IsEnabled>false</IsEnabled>")) == (DENIED, "FORBIDDEN")


def test_rights_are_read_by_their_addresses(place: Place) -> None:
    org = place.admin.GetAdminOrg(pb.GetAdminOrgRequest(id=place.id), **place.owner.call)
    rights: list[ET.Element] = parsed(org.data).findall(f"{VCLOUD}RightReferences/{VCLOUD}RightReference")
    for right in rights:
        read = told(place.admin.GetRight(pb.GetRightRequest(id=right.attrib["href"][-36:]), **place.member.call))
        assert read["name"] == right.attrib["name"]
    unknown = pb.GetRightRequest(id=UNKNOWN)
    assert refusal(lambda: place.admin.GetRight(unknown, **place.member.call))[1] == "RIGHT_NOT_FOUND"


def test_what_is_no_description_of_a_user_or_a_role_is_refused(place: Place) -> None:
    for body, reason in NO_USERS:
        user = pb.CreateUserRequest(id=place.id, user=body)
        seen = refusal(lambda user=user: place.admin.CreateUser(user, **place.owner.call))
        assert seen == (grpc.StatusCode.INVALID_ARGUMENT, reason), body.data[:200]
    for within, reason in NO_ROLES:
        role = pb.CreateRoleRequest(id=place.id, role=xml("Role", within, name="x"))
        assert refusal(lambda role=role: place.admin.CreateRole(role, **place.owner.call))[1] == reason, within[:200]


def test_what_is_too_long_is_named_as_the_request_names_it(place: Place) -> None:
    """The bounds are those of cloudapi, which calls the same fields username, fullName and description."""
    admin, call = place.admin, place.owner.call
    full_name = f"<Role name='org_member'/><FullName>{'x' * 1001}</FullName>"
    asked = {
        "FullName": lambda: admin.CreateUser(
            pb.CreateUserRequest(id=place.id, user=xml("User", full_name, name="x")), **call
        ),
        "The attribute name": lambda: admin.CreateUser(
            pb.CreateUserRequest(id=place.id, user=xml("User", "<Role name='org_member'/>", name="x" * 257)), **call
        ),
        "Description": lambda: admin.CreateRole(
            pb.CreateRoleRequest(id=place.id, role=xml("Role", f"<Description>{'x' * 5000}</Description>", name="x")),
            **call,
        ),
    }
    for name, ask in asked.items():
        with pytest.raises(grpc.RpcError) as refused:
            ask()
        assert refused.value.details().startswith(f"{name} "), name
