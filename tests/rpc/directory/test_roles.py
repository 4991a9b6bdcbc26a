"""Roles over native gRPC, in the documented JSON, and what they give."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pytest
from kit.audited import changes
from kit.callers import Caller, refusal
from kit.servers.installation import ENTROPY

from ostiary.directory.roles.application_roles import (
    put_profile_roles,
    role_names_of_profile,
    scopes_of_client,
    scopes_of_profile,
)
from ostiary.ids import new_id
from ostiary.store.tables import Profile
from ostiary.store.tenancy import fresh_view

Json = dict[str, Any]
MANAGEMENT = "identity.appid.management.v4"
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
NOBODY = "00000000-0000-4000-8000-000000000000"


class Tenant:
    """The roles and applications of one tenant, over the wire."""

    def __init__(self, caller: Caller, tenant_id: str = "", role: str = "writer") -> None:
        self.caller = caller
        self.id = tenant_id or caller.installation.tenant_id
        self.role = role

    def ask(self, method: str, **body: Any) -> Json:
        service = "RolesService" if method.endswith(("Role", "ListRoles")) else "ApplicationsService"
        return self.caller.ask(f"{MANAGEMENT}.{service}/{method}", {"tenantId": self.id, **body}, self.role)

    def application(self, *scopes: str) -> str:
        client_id: str = self.ask("CreateApplication", application={"name": "shop"})["clientId"]
        self.ask("PutApplicationScopes", clientId=client_id, scopes={"scopes": list(scopes)})
        return client_id

    def new_role(self, name: str, client_id: str, *scopes: str) -> Json:
        access = [{"application_id": client_id, "scopes": list(scopes)}]
        return self.ask("CreateRole", role={"name": name, "access": access})


@pytest.fixture
def tenant(caller: Caller) -> Tenant:
    return Tenant(caller)


def test_a_role_lives_from_creation_to_deletion(tenant: Tenant) -> None:
    shop, bank = tenant.application("read", "write"), tenant.application("pay")
    assert tenant.ask("ListRoles") == {"roles": []}
    role = {
        "name": "Zoo keeper", "description": "Feeds",
        "access": [{"application_id": shop, "scopes": ["write", "read"]}, {"application_id": bank, "scopes": ["pay"]}],
    }  # fmt: skip
    made = tenant.ask("CreateRole", role={**role, "id": NOBODY})
    assert made == {**role, "id": made["id"]}
    assert made["id"] != NOBODY
    assert tenant.ask("GetRole", roleId=made["id"]) == made
    other = tenant.new_role("Ant", shop, "read", "read")
    assert other == {
        "id": other["id"], "name": "Ant", "description": "", "access": [{"application_id": shop, "scopes": ["read"]}]
    }  # fmt: skip
    assert tenant.ask("ListRoles") == {"roles": [other, made]}
    updated = {"name": "ZOO KEEPER", "access": [{"application_id": shop, "scopes": ["read"]}]}
    put = tenant.ask("UpdateRole", roleId=made["id"], role={**updated, "id": NOBODY})
    assert put == {**updated, "id": made["id"], "description": ""}
    assert tenant.ask("GetRole", roleId=made["id"]) == put
    assert tenant.ask("DeleteRole", roleId=made["id"]) == {}
    for method in ("GetRole", "DeleteRole"):
        assert refusal(lambda method=method: tenant.ask(method, roleId=made["id"])) == (NOT_FOUND, "ROLE_NOT_FOUND")
    assert tenant.ask("ListRoles") == {"roles": [other]}
    assert targets(tenant) == [
        ("appid.roles.create", made["id"]), ("appid.roles.create", other["id"]), ("appid.role.update", made["id"]),
        ("appid.role.delete", made["id"]),
    ]  # fmt: skip


def targets(tenant: Tenant) -> list[tuple[str, str]]:
    return [change for change in changes(tenant.caller.installation) if change[0].startswith("appid.role")]


def test_what_no_role_can_be_is_refused_and_changes_nothing(tenant: Tenant) -> None:
    shop = tenant.application("read")
    elsewhere = Tenant(tenant.caller, tenant.caller.installation.new_tenant("other"), "operator")
    foreign_client = elsewhere.application("read")
    foreign_role = elsewhere.new_role("theirs", foreign_client, "read")
    made = tenant.new_role("Admin", shop, "read")
    other = tenant.new_role("Other", shop, "read")
    access = [{"application_id": shop, "scopes": ["read"]}]
    cases = [
        ({"access": access}, INVALID, "INVALID_NAME"),
        ({"name": "  ", "access": access}, INVALID, "INVALID_NAME"),
        ({"name": "a\nb", "access": access}, INVALID, "INVALID_NAME"),
        ({"name": "a" * 101, "access": access}, INVALID, "INVALID_NAME"),
        ({"name": "a", "description": "d" * 1_001, "access": []}, INVALID, "DESCRIPTION_TOO_LONG"),
        ({"name": "a", "access": [{"scopes": ["read"]}]}, INVALID, "UNKNOWN_APPLICATION"),
        ({"name": "a", "access": [{"application_id": NOBODY, "scopes": ["read"]}]}, INVALID, "UNKNOWN_APPLICATION"),
        ({"name": "a", "access": [{"application_id": foreign_client, "scopes": ["read"]}]}, INVALID,
         "UNKNOWN_APPLICATION"),
        ({"name": "a", "access": [{"application_id": shop}]}, INVALID, "SCOPES_MISSING"),
        ({"name": "a"}, INVALID, "FIELD_MISSING"),
        ({"name": "a", "access": ["read"]}, INVALID, "INVALID_LIST"),
        ({"name": "a", "access": [{"application_id": shop, "scopes": "read"}]}, INVALID, "INVALID_LIST"),
        ({"name": "a", "access": [{"application_id": shop, "scopes": ["read", 7]}]}, INVALID, "INVALID_LIST"),
        ({"name": "a", "access": [{"application_id": shop, "scopes": ["read", "fly"]}]}, INVALID, "UNKNOWN_SCOPE"),
        ({"name": "OTHER", "access": access}, grpc.StatusCode.ALREADY_EXISTS, "ROLE_NAME_TAKEN"),
    ]  # fmt: skip
    for role, code, reason in cases:
        assert refusal(lambda role=role: tenant.ask("CreateRole", role=role)) == (code, reason), role
        update = refusal(lambda role=role: tenant.ask("UpdateRole", roleId=made["id"], role=role))
        assert update == (code, reason), role
    for role_id in (NOBODY, foreign_role["id"], "x", ""):
        for method, given in (
            ("GetRole", {}),
            ("UpdateRole", {"role": {"name": "a", "access": []}}),
            ("DeleteRole", {}),
        ):
            asked = refusal(
                lambda method=method, role_id=role_id, given=given: tenant.ask(method, roleId=role_id, **given)
            )
            assert asked == (NOT_FOUND, "ROLE_NOT_FOUND"), (method, role_id)
    assert tenant.ask("ListRoles") == {"roles": [made, other]}
    assert elsewhere.ask("ListRoles") == {"roles": [foreign_role]}


def test_an_empty_access_takes_every_scope_away(tenant: Tenant) -> None:
    made = tenant.new_role("Admin", tenant.application("read"), "read")
    assert tenant.ask("UpdateRole", roleId=made["id"], role={"name": "Admin", "access": []})["access"] == []


def test_a_tenant_has_fifty_roles_at_most(tenant: Tenant) -> None:
    for number in range(50):
        tenant.ask("CreateRole", role={"name": f"role {number}", "access": []})
    assert refusal(lambda: tenant.ask("CreateRole", role={"name": "one more", "access": []})) == (
        INVALID,
        "TOO_MANY_ROLES",
    )
    tenant.ask("DeleteRole", roleId=tenant.ask("ListRoles")["roles"][0]["id"])
    tenant.ask("CreateRole", role={"name": "one more", "access": []})


def test_the_last_place_and_a_name_are_given_once_however_many_ask(tenant: Tenant) -> None:
    for number in range(46):
        tenant.ask("CreateRole", role={"name": f"role {number}", "access": []})
    tenant.caller.as_role("writer")
    wanted = [{"name": name, "access": []} for name in (*(f"new {number}" for number in range(8)), *["same"] * 4)]
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(refusal, partial(tenant.ask, "CreateRole", role=role)) for role in wanted]
    outcomes = Counter(answer.result()[1] for answer in asked)
    names = [role["name"] for role in tenant.ask("ListRoles")["roles"]]
    assert outcomes[""] == 4
    assert outcomes.keys() <= {"", "TOO_MANY_ROLES", "ROLE_NAME_TAKEN"}
    assert len(names) == len(set(names)) == 50


def test_an_application_holds_roles_named_by_id_or_by_name(tenant: Tenant) -> None:
    shop = tenant.application("read", "write")
    reader, writer = tenant.new_role("reader", shop, "read"), tenant.new_role("Writer", shop, "write")
    held = [{"id": role["id"], "name": role["name"]} for role in (writer, reader)]  # sorted as bytes: W before r

    def put(assignment: Json) -> Json:
        return tenant.ask("PutApplicationRoles", clientId=shop, assignment=assignment)

    assert tenant.ask("GetApplicationRoles", clientId=shop) == {"roles": []}
    assert put({"roles": {"ids": [reader["id"], writer["id"], reader["id"]]}}) == {"roles": held}
    assert tenant.ask("GetApplicationRoles", clientId=shop) == {"roles": held}
    assert scopes_given(tenant, shop) == ["read", "write"]
    assert put({"roles": {"names": ["WRITER"]}}) == {"roles": held[:1]}
    assert scopes_given(tenant, shop) == ["write"]
    refused = [
        ({}, INVALID, "ROLES_MISSING"),
        ({"roles": {"ids": [reader["id"]], "names": ["Writer"]}}, INVALID, "IDS_AND_NAMES"),
        ({"roles": {"ids": [reader["id"], NOBODY]}}, NOT_FOUND, "ROLE_NOT_FOUND"),
        ({"roles": {"names": ["nobody"]}}, NOT_FOUND, "ROLE_NOT_FOUND"),
    ]
    for assignment, code, reason in refused:
        assert refusal(lambda assignment=assignment: put(assignment)) == (code, reason), assignment
    for method, body in (("GetApplicationRoles", {}), ("PutApplicationRoles", {"assignment": {"roles": {}}})):
        asked = refusal(lambda method=method, body=body: tenant.ask(method, clientId=NOBODY, **body))
        assert asked == (NOT_FOUND, "APPLICATION_NOT_FOUND")
    assert tenant.ask("GetApplicationRoles", clientId=shop) == {"roles": held[:1]}
    assert put({"roles": {"ids": []}}) == {"roles": []}
    assert scopes_given(tenant, shop) == []


def scopes_given(tenant: Tenant, client_id: str) -> list[str]:
    with tenant.caller.installation.runtime.store.read() as work:
        view = fresh_view(work, tenant.id)
        assert view is not None
        return list(scopes_of_client(work, view, client_id))


def test_a_profile_has_at_each_application_the_scopes_that_its_roles_name_there(tenant: Tenant) -> None:
    shop, bank = tenant.application("read", "write", "own"), tenant.application("pay")
    reader, owner = tenant.new_role("reader", shop, "read", "own"), tenant.new_role("owner", shop, "own", "write")
    payer = tenant.new_role("payer", bank, "pay")
    store, profile_id = tenant.caller.installation.runtime.store, new_id(ENTROPY)
    with store.write() as work:
        work.add(Profile(id=profile_id, tenant_id=tenant.id, created_at=0, modified_at=0))
        put_profile_roles(work, tenant.id, profile_id, [reader["id"], owner["id"], payer["id"]])

    def given() -> tuple[list[str], list[str], list[str]]:
        with store.read() as work:
            return (
                role_names_of_profile(work, tenant.id, profile_id),
                scopes_of_profile(work, tenant.id, profile_id, shop),
                scopes_of_profile(work, tenant.id, profile_id, bank),
            )

    assert given() == (["owner", "payer", "reader"], ["own", "read", "write"], ["pay"])
    tenant.ask("PutApplicationScopes", clientId=shop, scopes={"scopes": ["read", "write"]})
    assert given() == (["owner", "payer", "reader"], ["read", "write"], ["pay"])
    assert tenant.ask("GetRole", roleId=owner["id"])["access"] == [{"application_id": shop, "scopes": ["write"]}]
    tenant.ask("DeleteRole", roleId=owner["id"])
    assert given() == (["payer", "reader"], ["read"], ["pay"])
    tenant.ask("DeleteApplication", clientId=bank)
    assert given() == (["payer", "reader"], ["read"], [])
    assert tenant.ask("GetRole", roleId=payer["id"])["access"] == []
