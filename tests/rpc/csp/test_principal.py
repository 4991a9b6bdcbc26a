"""The caller in csp: what every kind of caller is told of itself, and what it may change."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc
import pytest
from kit.accounts.organization import Organization
from kit.accounts.people import Made, new_client
from kit.callers import refusal

from ostiary.directory.roles.granting import Holder
from ostiary.oauth.clients.clients import delete_client
from ostiary_api.csp.v1 import user_info_pb2, user_info_pb2_grpc

ME = "PrincipalUserService/"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOWHERE = "00000000-0000-4000-8000-000000000000"


def key_of(org: Organization, role: str) -> Made:
    """An API key of the organization."""
    secret = org.made.new_api_key(org.id, role)
    return Made("", f"test {role}", org.id, org.caller.token(secret))


def speak(org: Organization, who: Made, **preferences: str) -> Any:
    return org.ask(f"{ME}PutLocalePreferences", who, preferences=preferences)


def language(org: Organization, who: Made) -> tuple[str, str]:
    profile = org.ask(f"{ME}GetProfile", who)
    return profile.get("locale", ""), profile.get("language", "")


def scim_locale(org: Organization, user: Made) -> Any:
    found = org.caller.ask("identity.directory.v1.UsersService/GetUser", {"tenantId": org.id, "userId": user.id},
                           **org.operator.call)  # fmt: skip
    return found["locale"]


def test_every_kind_of_caller_has_a_language_of_its_own(org: Organization) -> None:
    callers = [org.member, org.robot, key_of(org, "reader"), org.operator]
    for who, tag in zip(callers, ("de", "fr", "pt-BR", "zh_TW"), strict=True):
        assert speak(org, who, language=tag, locale="xx-YY") == {"locale": tag, "language": tag}
        assert language(org, who) == (tag, tag)
    assert (scim_locale(org, org.member), language(org, org.member)) == ("de", ("de", "de"))
    org.ask(f"{ME}UpdateProfile", org.member, profile={"language": "de-CH"})
    assert speak(org, org.member, language="de") == {"locale": "de-CH", "language": "de"}, "the region stays"
    changed = org.ask(f"{ME}UpdateProfile", org.member, profile={"language": "ja", "locale": "it"})
    assert (changed["locale"], scim_locale(org, org.member)) == ("ja", "ja")
    assert org.ask(f"{ME}UpdateProfile", org.member, profile={"locale": "it"})["locale"] == "ja"
    assert language(org, org.owner) == ("", ""), "nobody speaks for another"


def test_a_client_that_is_made_again_has_no_language_of_the_one_before(org: Organization) -> None:
    robot = new_client(org.made, org.id, service_account=True)
    speak(org, robot, language="fr")
    with org.made.runtime.store.write() as work:
        delete_client(work, org.id, robot.id, org.clock.now_ms())
    assert org.refusal(f"{ME}GetProfile", robot)[0] is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("preferences", "reason"),
    [
        ({}, "LANGUAGE_MISSING"), ({"locale": "de"}, "LANGUAGE_MISSING"), ({"language": ""}, "LANGUAGE_MISSING"),
        ({"language": "not a tag"}, "INVALID_LANGUAGE"), ({"language": "e"}, "INVALID_LANGUAGE"),
        ({"language": "x" * 36}, "INVALID_LANGUAGE"),
    ],
)  # fmt: skip
def test_what_is_no_language_changes_nothing(org: Organization, preferences: dict[str, str], reason: str) -> None:
    speak(org, org.member, language="fr")
    asked = org.refusal(f"{ME}PutLocalePreferences", org.member, preferences=preferences)
    assert (asked, language(org, org.member)[0]) == ((INVALID, reason), "fr")


def test_the_default_organization_is_the_only_one(org: Organization) -> None:
    other = Organization(org.caller)
    own = org.ask(f"{ME}UpdateProfile", org.member, profile={"defaultOrgId": org.id})
    assert (own["defaultOrgId"], own["userId"], own["acct"]) == (org.id, org.member.id, f"member@{org.name}")
    assert own["createdAt"] == org.clock.now_ms()
    asked = {
        org.refusal(f"{ME}UpdateProfile", org.member, profile={"defaultOrgId": one}) for one in (other.id, NOWHERE)
    }
    assert asked == {(INVALID, "DEFAULT_ORG_FIXED")}
    path = f"/csp/gateway/am/api/orgs/{org.id}"
    for who in (org.member, org.robot, key_of(org, "reader")):
        assert org.ask(f"{ME}GetDefaultOrganization", who) == {"refLink": path}
        page = org.ask(f"{ME}ListOrganizations", who)
        assert [(one["id"], one["refLink"]) for one in page["results"]] == [(org.id, path)]
        assert (page["totalResults"], page.keys() & {"nextLink", "prevLink"}) == (1, set())
    assert org.ask(f"{ME}ListOrganizations", org.member, pageStart=2)["totalResults"] == 1


def test_a_caller_sees_its_roles_services_and_groups_and_those_of_groups(org: Organization) -> None:
    service = org.service()
    inner = org.group("Inner", Holder(org.member.id), role=service.roles[0].id)
    asked = {"orgId": org.id}
    (role,) = org.ask(f"{ME}ListRoles", org.member, **asked)
    assert (role["name"], role["orgId"], role["visible"]) == ("org_member", org.id, True)
    (held,) = org.ask(f"{ME}ListServiceRoles", org.member, **asked)["serviceRoles"]
    assert (held["serviceRoleNames"], held["serviceRoles"][0]["membershipType"]) == ([service.roles[0].name], "GROUP")
    other = "/csp/gateway/slc/api/definitions/external/other"
    assert org.ask(f"{ME}ListServiceRoles", org.member, **asked, serviceDefinitionLink=other) == {}
    (group,) = org.ask(f"{ME}ListGroups", org.member, **asked)["groups"]
    assert (group["id"], group["usersCount"]) == (inner.id, 1)
    info = org.ask(f"{ME}GetInfo", org.member, **asked)
    (mine,) = info["userOrgInfo"]
    assert (info["user"]["groups"], mine["name"]) == ([inner.id], org.name)
    assert [one["serviceName"] for one in mine["servicesDef"]] == [service.name]


def test_programs_hold_the_roles_as_which_they_act(org: Organization) -> None:
    for who, name in ((org.robot, "service_account"), (key_of(org, "manager"), "org_owner")):
        assert [role["name"] for role in org.ask(f"{ME}ListRoles", who, orgId=org.id)] == [name]
        assert org.ask(f"{ME}ListGroups", who, orgId=org.id) == {}
        assert org.ask(f"{ME}GetInfo", who, orgId=org.id)["user"]["username"] == who.name
    assert org.ask(f"{ME}GetDetails", org.robot) == {}


def test_an_operator_holds_nothing_in_an_organization_that_it_only_visits(org: Organization) -> None:
    assert org.ask(f"{ME}ListRoles", org.operator, orgId=org.id) == []
    assert org.ask(f"{ME}ListServiceRoles", org.operator, orgId=org.id) == {}
    info = org.ask(f"{ME}GetInfo", org.operator, orgId=org.id)
    assert (info["user"]["id"], info["userOrgInfo"][0].get("orgRoles")) == (org.operator.id, None)


@pytest.mark.parametrize("method", ["ListRoles", "ListServiceRoles", "GetInfo", "ListGroups"])
def test_another_organization_looks_like_an_unknown_one(org: Organization, method: str) -> None:
    other = Organization(org.caller)
    seen = set()
    for org_id in (other.id, NOWHERE, ""):
        with pytest.raises(grpc.RpcError) as refused:
            org.ask(f"{ME}{method}", org.member, orgId=org_id)
        seen.add((refused.value.code(), refused.value.details()))
    assert seen == {(grpc.StatusCode.NOT_FOUND, "Not Found")}


def test_userinfo_tells_the_holder_of_a_token_who_it_is(org: Organization) -> None:
    inner = org.group("Inner", Holder(org.member.id))
    outer = org.group("Outer", inner)
    told = org.ask("UserInfoService/GetTokenUserInfo", org.member)
    assert told == {
        "username": "member", "email": "member@example.com", "domain": org.name, "acct": f"member@{org.name}",
        "context": org.id, "context_name": org.id, "sub": org.member.id, "given_name": "Ann", "family_name": "Other",
        "group_names": ["Inner", "Outer"], "group_ids": [inner.id, outer.id],
    }  # fmt: skip
    robot = org.ask("UserInfoService/GetTokenUserInfo", org.robot)
    assert (robot["sub"], robot["username"], "email" in robot) == (org.robot.id, "robot", False)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer made.up.token", "Basic eDp5"])
def test_userinfo_refuses_who_holds_no_token_that_is_good(org: Organization, header: str) -> None:
    stub = user_info_pb2_grpc.UserInfoServiceStub(org.caller.channel)
    metadata = (("authorization", header),) if header else ()
    ask = partial(stub.GetTokenUserInfo, user_info_pb2.GetTokenUserInfoRequest(), metadata=metadata, timeout=20)
    assert refusal(ask) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_ACCESS_TOKEN")
