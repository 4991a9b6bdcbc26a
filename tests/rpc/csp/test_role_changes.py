"""Changes of what users hold, in the three versions of csp: all or nothing, until an end, never beyond the giver."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from kit.accounts.organization import Organization
from kit.accounts.people import PASSWORD, Made, new_person
from kit.platform import claims_of, csp_login

from ostiary.directory.roles.granting import Holder
from ostiary.directory.roles.permissions import Permission

ROLES, SERVICES, BOTH = (
    "UserService/UpdateUserRoles",
    "UserService/UpdateUserServiceRoles",
    "UserV3Service/UpdateMemberRoles",
)
DENIED, MISSING = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND
INVALID = grpc.StatusCode.INVALID_ARGUMENT
LINK = "/csp/gateway/slc/api/definitions/external/{}"


def change(org: Organization, user: Made, who: Made | None = None, **update: Any) -> None:
    org.ask(ROLES, who or org.owner, orgId=org.id, userId=user.id, update=update)


def refused(org: Organization, method: str, update: dict[str, Any], who: Made | None = None, **path: str) -> Any:
    asked = {"orgId": org.id, "userId": org.member.id, **path}
    return org.refusal(method, who or org.owner, **asked, update=update)


def test_roles_are_given_and_taken_by_name_and_by_id(org: Organization) -> None:
    ann, auditor = org.person("ann"), org.role("auditor", Permission.ORGANIZATION_READ)
    change(org, ann, roleNamesToAdd=["org_member", "AUDITOR"])
    assert org.held(ann) == ["auditor", "org_member"]
    ids = {
        role["name"]: role["id"]
        for role in org.ask("UserService/ListUserRoles", org.owner, orgId=org.id, userId=ann.id)
    }
    assert ids["auditor"] == auditor
    change(org, ann, rolesToRemove=[{"id": ids["org_member"]}, {"id": auditor, "name": "auditor"}])
    assert org.held(ann) == []
    change(org, ann, org.operator, rolesToAdd=[{"id": ids["org_member"], "membershipType": "DIRECT"}])
    assert org.held(ann) == ["org_member"]
    change(org, ann)
    assert org.held(ann) == ["org_member"], "nothing asked is nothing changed"


@pytest.mark.parametrize("as_text", [True, False])
def test_a_role_ends_when_it_was_said_to(org: Organization, as_text: bool) -> None:
    ann, until = org.person("ann"), org.clock.now_ms() // 1_000 + 60
    expires = str(until) if as_text else until
    change(org, ann, rolesToAdd=[{"name": "org_member", "expiresAt": expires}])
    (held,) = org.ask("UserService/ListUserRoles", org.owner, orgId=org.id, userId=ann.id)
    assert held["expiresAt"] == until
    past = {"rolesToAdd": [{"name": "org_owner", "expiresAt": org.clock.now_ms() // 1_000 - 1}]}
    assert refused(org, ROLES, past) == (INVALID, "ALREADY_EXPIRED")
    change(org, ann, roleNamesToAdd=["org_member"])
    (held,) = org.ask("UserService/ListUserRoles", org.owner, orgId=org.id, userId=ann.id)
    assert "expiresAt" not in held, "given again without an end, it has none"


def test_service_roles_are_given_by_the_path_of_their_service(org: Organization) -> None:
    ann, service = org.person("ann"), org.service()
    admin, user = service.roles
    asked = {"orgId": org.id, "userId": ann.id}
    link = {"serviceDefinitionLink": LINK.format(service.id)}
    org.ask(
        SERVICES, org.owner, **asked, update={**link, "roleNamesToAdd": [admin.name], "rolesToAdd": [{"id": user.id}]}
    )
    assert org.held(ann) == [admin.name, user.name]
    internal = {"serviceDefinitionLink": f"/csp/gateway/slc/api/definitions/internal/{service.id}"}
    org.ask(SERVICES, org.owner, **asked, update={**internal, "rolesToRemove": [{"id": admin.id, "name": admin.name}]})
    assert org.held(ann) == [user.name]


def test_a_token_says_which_service_roles_its_user_holds(org: Organization) -> None:
    ann, service = org.person("ann", "org_member"), org.service()
    update = {"serviceDefinitionLink": LINK.format(service.id), "roleNamesToAdd": [service.roles[0].name]}
    org.ask(SERVICES, org.owner, orgId=org.id, userId=ann.id, update=update)
    org.group("Team", Holder(ann.id), role=service.roles[1].id)
    token = csp_login(org.caller, "ann", PASSWORD, domain=org.name).csp_auth_token
    assert claims_of(token)["perms"] == [
        "csp:org_member", *(f"external/{service.id}/{role.name}" for role in service.roles)
    ]  # fmt: skip


def test_one_request_changes_organization_and_service_roles_or_nothing(org: Organization) -> None:
    ann, service = org.person("ann", "org_owner"), org.service()
    admin, user = service.roles
    update = {
        "organizationRoles": {"roleNamesToAdd": ["org_member"], "roleNamesToRemove": ["org_owner"]},
        "serviceRoles": [{"serviceDefinitionId": service.id, "roleNamesToAdd": [admin.name, user.name]}],
    }
    org.ask(BOTH, org.owner, orgId=org.id, userId=ann.id, update=update)
    assert org.held(ann) == ["org_member", admin.name, user.name]
    for bad in (
        {"serviceDefinitionId": "unknown"}, {"serviceDefinitionId": service.id, "roleNamesToAdd": ["unknown:x"]},
        {"serviceDefinitionId": service.id, "roleNamesToAdd": [user.name], "roleNamesToRemove": [user.name]},
    ):  # fmt: skip
        half = {
            "organizationRoles": {"roleNamesToAdd": ["org_owner"]},
            "serviceRoles": [{"serviceDefinitionId": service.id, "roleNamesToRemove": [admin.name]}, bad],
        }
        assert org.refusal(BOTH, org.owner, orgId=org.id, userId=ann.id, update=half)[0] in (MISSING, INVALID)
    assert org.held(ann) == ["org_member", admin.name, user.name]


def test_the_third_version_hides_organizations_by_403_and_users_by_404(org: Organization) -> None:
    other = Organization(org.caller)
    update = {"organizationRoles": {"roleNamesToAdd": ["org_member"]}}
    asked = {
        refused(org, BOTH, update, orgId=one, userId=org.member.id)
        for one in (other.id, "00000000-0000-4000-8000-000000000000", "")
    }
    assert asked == {(DENIED, "FORBIDDEN")}
    users = {refused(org, BOTH, update, userId=one) for one in (other.member.id, "unknown", "")}
    assert users == {(MISSING, "USER_NOT_FOUND")}


@pytest.mark.parametrize(
    ("update", "answer"),
    [
        ({"roleNamesToAdd": ["unknown"]}, (MISSING, "ROLE_NOT_FOUND")),
        ({"rolesToAdd": [{"id": "unknown"}]}, (MISSING, "ROLE_NOT_FOUND")),
        ({"rolesToRemove": [{}]}, (MISSING, "ROLE_NOT_FOUND")),
        ({"rolesToAdd": [{"id": "unknown", "name": "org_member"}]}, (MISSING, "ROLE_NOT_FOUND")),
        ({"roleNamesToAdd": ["service_account"]}, (MISSING, "ROLE_NOT_FOUND")),
        ({"roleNamesToAdd": ["manager"]}, (MISSING, "ROLE_NOT_FOUND")),
        ({"roleNamesToAdd": ["org_owner"], "roleNamesToRemove": ["ORG_OWNER"]}, (INVALID, "CONTRADICTING_ROLES")),
        ({"roleNamesToAdd": ["platform_operator"]}, (DENIED, "FORBIDDEN")),
        ({"roleNamesToAdd": ["x" * 101]}, (INVALID, "INVALID_FIELD")),
        ({"roleNamesToAdd": ["org_member"] * 101}, (INVALID, "INVALID_FIELD")),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_made_changes_nothing(org: Organization, update: dict[str, Any], answer: Any) -> None:
    asked = {**update, "roleNamesToRemove": [*update.get("roleNamesToRemove", []), "org_member"]}
    assert refused(org, ROLES, asked) == answer
    assert org.held(org.member) == ["org_member"]


def test_nobody_gives_or_takes_beyond_what_they_hold(org: Organization) -> None:
    manager = org.role("manager-like", Permission.TENANT_MANAGE)
    for update in ({"rolesToAdd": [{"id": manager}]}, {"rolesToRemove": [{"id": manager}]}):
        assert refused(org, ROLES, update) == (DENIED, "FORBIDDEN")
    change(org, org.member, org.operator, rolesToAdd=[{"id": manager}])
    assert refused(org, ROLES, {"roleNamesToAdd": ["org_owner"]}) == (DENIED, "FORBIDDEN"), "out of the owner's reach"
    service = org.service()
    update = {"serviceDefinitionLink": LINK.format(service.id), "roleNamesToAdd": [service.roles[0].name]}
    assert refused(org, SERVICES, update) == (DENIED, "FORBIDDEN"), "no change of somebody out of reach"


@pytest.mark.parametrize("method", [ROLES, SERVICES, BOTH])
def test_members_robots_and_strangers_change_nothing_not_even_of_themselves(org: Organization, method: str) -> None:
    other, service = Organization(org.caller), org.service()
    update = {
        ROLES: {"roleNamesToAdd": ["org_owner"]},
        SERVICES: {"serviceDefinitionLink": LINK.format(service.id), "roleNamesToAdd": [service.roles[0].name]},
        BOTH: {"organizationRoles": {"roleNamesToAdd": ["org_owner"]}},
    }[method]
    for who in (org.member, org.robot):
        assert refused(org, method, update, who) == (DENIED, "FORBIDDEN")
    hidden = (DENIED, "FORBIDDEN") if method == BOTH else (MISSING, "TENANT_NOT_FOUND")
    assert refused(org, method, update, other.owner) == hidden
    assert org.held(org.member) == ["org_member"]


@pytest.mark.parametrize(
    ("link", "answer"),
    [
        ("", (INVALID, "FIELD_MISSING")), ("catalog", (INVALID, "INVALID_FIELD")),
        ("/csp/gateway/slc/api/definitions/external/", (INVALID, "INVALID_FIELD")),
        ("/csp/gateway/slc/api/definitions/external/a/b", (INVALID, "INVALID_FIELD")),
        ("/csp/gateway/slc/api/definitions/external/unknown", (MISSING, "SERVICE_DEFINITION_NOT_FOUND")),
    ],
)  # fmt: skip
def test_a_path_that_is_no_services_is_refused(org: Organization, link: str, answer: Any) -> None:
    assert refused(org, SERVICES, {"serviceDefinitionLink": link, "roleNamesToAdd": ["x:y"]}) == answer


def test_a_role_of_one_service_is_none_of_another(org: Organization) -> None:
    first, second = org.service(), org.service()
    link = {"serviceDefinitionLink": LINK.format(first.id)}
    for choice in ({"roleNamesToAdd": [second.roles[0].name]}, {"rolesToAdd": [{"id": second.roles[0].id}]}):
        assert refused(org, SERVICES, {**link, **choice}) == (MISSING, "ROLE_NOT_FOUND")


def test_an_owner_who_lost_the_role_changes_nothing_more(org: Organization) -> None:
    second = new_person(org.made, org.id, "second", "org_owner")
    change(org, second, roleNamesToRemove=["org_owner"])
    assert refused(org, ROLES, {"roleNamesToAdd": ["org_owner"]}, second) == (DENIED, "FORBIDDEN")
