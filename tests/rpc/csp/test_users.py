"""Users of an organization in csp: lists, searches, and one user with all that it holds."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import grpc
import pytest
from kit.accounts.organization import Organization
from kit.accounts.people import Made
from kit.servers.installation import ENTROPY

from ostiary.directory.roles.granting import Holder
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user

LISTS = {
    "OrganizationUsersService/ListUsers": "/csp/gateway/am/api/orgs/{}/users",
    "OrganizationUsersService/ListUsersV2": "/csp/gateway/am/api/v2/orgs/{}/users",
}
SEARCH, SEARCH_IDP = "OrganizationUsersService/SearchUsers", "UserV2Service/SearchIdpUsers"
GONE = (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def add(org: Organization, name: str, email: str = "", **facts: Any) -> str:
    """A user who never signs in; its id."""
    emails = (Contact(email, primary=True),) if email else ()
    with org.made.runtime.store.write() as work:
        new = NewUser(user_name=name, emails=emails, **facts)
        return create_user(work, org.id, new, None, ENTROPY, org.clock.now_ms()).id


def names(found: dict[str, Any]) -> list[str]:
    return [one.get("user", one)["username"] for one in found.get("results", [])]


@pytest.mark.parametrize("method", LISTS)
def test_pages_are_walked_by_their_links_which_keep_the_flags(org: Organization, method: str) -> None:
    for number in range(3):
        add(org, f"user{number}", locale="de-CH")
    path, asked, seen = LISTS[method].format(org.id), {"pageLimit": "2", "expandProfile": ""}, []
    while True:
        page = org.ask(method, org.member, orgId=org.id, **asked)
        seen.append(names(page))
        assert page["totalResults"] == 5
        if "nextLink" not in page:
            break
        link = urlsplit(page["nextLink"])
        assert link.path == path
        asked = dict(parse_qsl(link.query))
        assert asked.pop("expandProfile") == "true"
        asked["expandProfile"] = "true"
    assert seen == [["member", "owner"], ["user0", "user1"], ["user2"]]
    assert page["results"][0]["user"]["userProfile"] == {"locale": "de-CH", "language": "de"}
    assert dict(parse_qsl(urlsplit(page["prevLink"]).query))["pageStart"] == "3"
    for bad in ({"pageStart": 0}, {"pageLimit": 0}, {"pageLimit": 129}):
        refused = org.refusal(method, org.member, orgId=org.id, **bad)
        assert refused == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_OUT_OF_RANGE")


@pytest.mark.parametrize("method", LISTS)
def test_a_list_shows_every_role_once_and_how_it_is_held(org: Organization, method: str) -> None:
    ann, now_ms = org.person("ann", "org_member"), org.clock.now_ms()
    service = org.service()
    inner = org.group("inner", Holder(ann.id), role="org_owner", until=now_ms + 60_000)
    outer = org.group("outer", inner, role="org_member")
    org.group("other", Holder(org.member.id), role=service.roles[0].id)
    found = org.ask(method, org.member, orgId=org.id, includeGroupIdsInRoles="")
    shown = {one["user"]["username"]: one for one in found["results"]}
    by_name = {role["name"]: role for role in shown["ann"]["organizationRoles"]}
    assert {name: (role["membershipType"], role.get("groupIds")) for name, role in by_name.items()} == {
        "org_member": ("DIRECT", [outer.id]), "org_owner": ("GROUP", [inner.id]),
    }  # fmt: skip
    assert by_name["org_owner"]["expiresAt"] == str((now_ms + 60_000) // 1000)
    assert "expiresAt" not in by_name["org_member"]
    (held,) = shown["member"]["serviceRoles"]
    assert held["serviceDefinitionId"] == service.id
    assert [(role["name"], role["membershipType"]) for role in held["serviceRoles"]] == [
        (service.roles[0].name, "GROUP")
    ]
    plain = org.ask(method, org.member, orgId=org.id)
    assert "groupIds" not in str(plain)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("ZAK", ["zak"]), ("özgÜR", ["zak"]), ("straSSE", ["zak"]), ("@Mail.", ["zak"]), ("z%k", []), ("_", ["a_b"]),
        ('"', ['quo"te']), ("nobody", []), ("\\", []),
    ],
)  # fmt: skip
def test_a_search_finds_what_contains_the_term_in_any_name_or_address(
    org: Organization, term: str, found: list[str]
) -> None:
    add(org, "zak", "z.o@mail.test", given_name="Özgür", family_name="Straße")
    add(org, "a_b")
    add(org, 'quo"te')
    assert names(org.ask(SEARCH, org.member, orgId=org.id, userSearchTerm=term)) == found
    assert names(org.ask(SEARCH_IDP, org.member, search={"searchTerm": term})) == found


def test_a_search_returns_the_first_twenty_and_owners_alone_see_roles(org: Organization) -> None:
    for number in range(22):
        add(org, f"many{number:02}")
    found = org.ask(SEARCH, org.owner, orgId=org.id, userSearchTerm="MANY")
    assert names(found) == [f"many{number:02}" for number in range(20)]
    for who, sees in ((org.owner, True), (org.operator, True), (org.member, False), (org.robot, False)):
        (one,) = org.ask(SEARCH, who, orgId=org.id, userSearchTerm="owner@", expandProfile="x")["results"]
        assert (one["user"]["username"], "organizationRoles" in one, "userProfile" in one["user"]) == (
            "owner", sees, True
        )  # fmt: skip
    for bad in ({}, {"userSearchTerm": ""}, {"userSearchTerm": "x" * 257}):
        refused = org.refusal(SEARCH, org.member, orgId=org.id, **bad)
        assert refused == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SEARCH_TERM")


def test_a_search_of_the_identity_provider_takes_all_criteria_together(org: Organization) -> None:
    other = Organization(org.caller)
    for name, family in (("ada", "Lovelace"), ("eve", "Lovelace")):
        add(org, name, f"{name}@ibm.test", given_name=name.title(), family_name=family)
    love, home = {"lastName": "love"}, {"domain": org.name.upper()}
    asked: list[tuple[Made, dict[str, str], list[str]]] = [
        (org.member, {"lastName": "lovelace"}, ["ada", "eve"]), (org.robot, {"firstName": "ad"}, ["ada"]),
        (org.member, {**love, "email": "EVE@"}, ["eve"]), (org.member, {"firstName": "eve", "email": "ada"}, []),
        (org.member, {**love, **home}, ["ada", "eve"]), (org.member, {**love, "domain": "none"}, []),
        (other.owner, {**love, **home}, []), (org.member, {**love, "idpId": "ldap"}, []),
        (org.operator, {**love, **home}, ["ada", "eve"]), (org.operator, love, []),
    ]  # fmt: skip
    for who, search, found in asked:
        assert names(org.ask(SEARCH_IDP, who, search=search)) == found, search
    for empty in ({}, {"domain": org.name}, {"firstName": ""}):
        refused = org.refusal(SEARCH_IDP, org.member, search=empty)
        assert refused == (grpc.StatusCode.INVALID_ARGUMENT, "SEARCH_TERM_MISSING")


def test_a_user_is_found_by_its_account_at_home_and_by_operators_anywhere(org: Organization) -> None:
    other = Organization(org.caller)
    ada = add(org, "ada l", "ada@ibm.test")

    def by_acct(acct: str, who: Made) -> str:
        return str(org.ask("UserService/GetUserByAcct", who, acct=acct)["id"])

    for acct in ("ada l", "ADA@ibm.test", f"ada l@{org.name}", f"ada%20l@{org.name}", f"ada l@{org.name.upper()}"):
        assert by_acct(acct, org.robot) == ada
    assert by_acct(f"ada%20l@{org.name}", org.operator) == ada
    refusals = {
        org.refusal("UserService/GetUserByAcct", who, acct=acct)
        for who, acct in (
            (other.robot, f"ada l@{org.name}"), (other.robot, "ada@ibm.test"), (other.robot, "nobody"),
            (org.robot, f"nobody@{org.name}"), (org.robot, f"ada l@{other.name}"), (org.operator, "ada l@nowhere"),
            (org.robot, ""), (org.robot, "%00"),
        )
    }  # fmt: skip
    assert refusals == {GONE}
    shown = org.ask("UserService/GetUserByAcct", org.robot, acct="ada l", expandProfile="")
    assert (shown["acct"], shown["userProfile"]) == (f"ada%20l@{org.name}", {"defaultOrgId": org.id})


def test_a_user_by_its_id_has_what_the_directory_knows_besides(org: Organization) -> None:
    other = Organization(org.caller)
    further = {
        "addresses": [{"locality": "Bern"}, {"streetAddress": "Main St 1", "country": "CH", "primary": True}],
        ENTERPRISE: {"organization": "Acme", "manager": {"value": org.owner.id}},
    }
    phones = (Contact("+41 31 1", type="mobile"), Contact("+41 31 2", type="Work"))
    ada = add(org, "ada", further=further, phones=phones)
    for who in (org.robot, org.operator):
        shown = org.ask("UserV2Service/GetUserById", who, userId=ada)
        assert shown["managerId"] == org.owner.id
        assert shown["idpUserDetails"] == {
            "address": "Main St 1", "country": "CH", "company": "Acme", "workPhone": "+41 31 2"
        }  # fmt: skip
    for who, user_id in ((other.robot, ada), (org.robot, "unknown"), (org.operator, "unknown"), (org.robot, "ada")):
        assert org.refusal("UserV2Service/GetUserById", who, userId=user_id) == GONE


def test_groups_roles_and_services_of_a_user_are_shown_with_what_gives_them(org: Organization) -> None:
    ann, service = org.person("ann"), org.service()
    inner = org.group("Inner", Holder(ann.id), Holder(org.member.id), role="org_member")
    outer = org.group("Outer", inner, Holder(org.owner.id), role=service.roles[1].id)
    asked = {"orgId": org.id, "userId": ann.id}
    groups = org.ask("UserV2Service/ListUserGroups", org.owner, **asked)["groups"]
    assert [(one["id"], one["displayName"], one["usersCount"], one["groupType"]) for one in groups] == [
        (inner.id, "Inner", 2, "USER_GROUP"), (outer.id, "Outer", 3, "USER_GROUP")
    ]  # fmt: skip
    whole = org.ask("UserService/GetUserRolesWithGroups", org.owner, **asked)
    (role,), (held,) = whole["organizationRoles"], whole["serviceRoles"]
    assert (role["groups"], role["groupIds"]) == ([groups[0]], [inner.id])
    assert (held["serviceRoles"][0]["groups"], held["serviceRoles"][0]["name"]) == ([groups[1]], service.roles[1].name)
    for method in ("UserService/GetUserInfo", "UserV2Service/GetUserInfoV2"):
        for named in (ann.id, "ann", f"ann@{org.name}"):
            info = org.ask(method, org.owner, orgId=org.id, userId=named)
            (mine,) = info["userOrgInfo"]
            assert (info["user"]["id"], sorted(info["user"]["groups"])) == (ann.id, sorted([inner.id, outer.id]))
            assert [one["name"] for one in mine["orgRoles"]] == ["org_member"]
            assert mine["servicesDef"] == [{
                "refLink": f"/csp/gateway/slc/api/definitions/external/{service.id}", "serviceName": service.name,
                "serviceDisplayName": service.display_name, "serviceRoles": [service.roles[1].name],
            }]  # fmt: skip
    for method in ("UserService/ListUserRoles", "UserV2Service/ListUserRolesV2"):
        (one,) = org.ask(method, org.owner, **asked)
        path = f"/csp/gateway/am/api/orgs/{org.id}"
        assert (one["name"], one["refLink"], one["organizationLink"]) == (
            "org_member", f"{path}/roles/{one['id']}", path
        )  # fmt: skip


def test_service_roles_are_told_for_all_services_or_one(org: Organization) -> None:
    first, second, ann = org.service(), org.service(), org.person("ann")
    for service in (first, second):
        org.group(service.name, Holder(ann.id), role=service.roles[0].id)
    asked = {"orgId": org.id, "userId": ann.id}

    def links(**narrowed: str) -> set[str]:
        found = org.ask("UserService/ListUserServiceRoles", org.member, **asked, **narrowed)
        return {one["serviceDefinitionLink"] for one in found.get("serviceRoles", [])}

    paths = {f"/csp/gateway/slc/api/definitions/external/{service.id}" for service in (first, second)}
    assert links() == paths
    assert links(serviceDefinitionLink=f"/csp/gateway/slc/api/definitions/internal/{first.id}") < paths
    assert links(serviceDefinitionLink="/csp/gateway/slc/api/definitions/external/unknown") == set()


READS = (
    "UserService/ListUserServiceRoles", "UserService/ListUserRoles", "UserService/GetUserRolesWithGroups",
    "UserService/GetUserInfo", "UserV2Service/ListUserRolesV2", "UserV2Service/ListUserGroups",
    "UserV2Service/GetUserInfoV2",
)  # fmt: skip


@pytest.mark.parametrize("method", READS)
def test_a_user_of_another_organization_looks_like_none(org: Organization, method: str) -> None:
    other = Organization(org.caller)
    asked = {org.refusal(method, org.owner, orgId=org.id, userId=one) for one in (other.member.id, "unknown", "")}
    assert asked == {GONE}
