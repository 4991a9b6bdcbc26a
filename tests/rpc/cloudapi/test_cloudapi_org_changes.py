"""Organizations of cloudapi, made, changed and deleted: by operators, and as far as owners may."""

from __future__ import annotations

from typing import Any

import pytest
from kit.accounts.director import NOBODY, Director
from kit.callers import Caller
from sqlalchemy import func, select

from ostiary.background.jobs import deletions, run_jobs
from ostiary.directory.tenants.tenants import create_tenant
from ostiary.store.tables import Tenant, User, table_of
from ostiary.store.tenancy import SYSTEM_ID

URN = "urn:vcloud:org:"


@pytest.fixture
def director(shared_caller: Caller) -> Director:
    return Director(shared_caller)


def make(director: Director, **facts: Any) -> dict[str, Any]:
    name = f"made-{director.number}"
    org = {"name": name, "displayName": "Made & so on 100%", **facts}
    return director.ask("OrgsService/CreateOrg", director.operator, org=org)


def test_an_operator_makes_an_organization_and_finds_it_as_it_was_described(director: Director) -> None:
    org = {"name": f"new-{director.number}", "displayName": "Größer 100%", "description": "d", "isEnabled": False,
           "isClassicTenant": False}  # fmt: skip
    made, headers = director.answered("OrgsService/CreateOrg", director.operator, org=org)
    assert {name: made[name] for name in org} == org
    assert headers["content-location"].endswith(f"/cloudapi/1.0.0/orgs/{made['id']}")
    assert director.ask("OrgsService/GetOrg", director.operator, id=made["id"]) == made
    assert director.ask("OrgsService/GetOrg", director.operator, id=made["id"].removeprefix(URN)) == made
    listed = director.ask("OrgsService/ListOrgs", director.operator, filter=f"name=={org['name'].upper()}")
    assert listed["values"] == [made]


def test_an_operator_fills_a_new_organization_by_its_header(director: Director) -> None:
    made = make(director)
    role = director.ask("RolesService/CreateRole", director.operator, made["id"], role={"name": "Auditor"})
    found = director.ask("RolesService/ListRoles", director.operator, made["id"], filter="readOnly==false")
    assert [one["id"] for one in found["values"]] == [role["id"]]
    assert director.ask("RolesService/ListRoles", filter="readOnly==false")["values"] == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"name": "two words"}, "INVALID_TENANT_NAME"), ({"name": "x" * 129}, "INVALID_TENANT_NAME"),
        ({"name": "system"}, "TENANT_NAME_TAKEN"), ({"displayName": "x" * 129}, "INVALID_DISPLAY_NAME"),
        ({"displayName": " "}, "INVALID_DISPLAY_NAME"), ({"displayName": "a\nb"}, "INVALID_DISPLAY_NAME"),
        ({"description": "x" * 257}, "INVALID_FIELD"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_organization_is_refused(director: Director, facts: Any, reason: str) -> None:
    org = {"name": f"bad-{director.number}", "displayName": "x", **facts}
    assert director.refused("OrgsService/CreateOrg", director.operator, org=org)[1] == reason
    assert (
        director.ask("OrgsService/ListOrgs", director.operator, filter=f"name==bad-{director.number}")["values"] == []
    )


def test_who_is_no_operator_makes_and_deletes_none(director: Director) -> None:
    org, own = {"name": "mine", "displayName": "Mine"}, f"{URN}{director.tenant_id}"
    for who in (director.owner, director.member):
        assert director.refused("OrgsService/CreateOrg", who, org=org)[0] == "PERMISSION_DENIED"
        assert director.refused("OrgsService/DeleteOrg", who, id=own)[0] == "PERMISSION_DENIED"


def test_an_owner_changes_the_display_name_and_nothing_else(director: Director) -> None:
    own = f"{URN}{director.tenant_id}"
    before = director.ask("OrgsService/GetOrg", id=own)
    changed = director.ask("OrgsService/UpdateOrg", id=own, org={**before, "displayName": "Renamed"})
    assert changed == {**before, "displayName": "Renamed"}
    for change in ({"name": "other"}, {"description": "x"}, {"isEnabled": False}, {"isClassicTenant": False}):
        assert director.refused("OrgsService/UpdateOrg", id=own, org={**changed, **change}) == (
            "PERMISSION_DENIED", "FORBIDDEN",
        )  # fmt: skip
    assert director.refused("OrgsService/UpdateOrg", director.member, id=own, org=before)[0] == "PERMISSION_DENIED"
    assert director.ask("OrgsService/GetOrg", id=own) == changed


def test_an_operator_renames_and_disables_an_organization_whose_people_are_shut_out_at_once(
    director: Director,
) -> None:
    own, name = f"{URN}{director.tenant_id}", f"renamed-{director.number}"
    org = {"name": name, "displayName": "x", "isEnabled": False}
    changed = director.ask("OrgsService/UpdateOrg", director.operator, id=own, org=org)
    assert (changed["name"], changed["isEnabled"]) == (name, False)
    assert director.refused("OrgsService/GetOrg", id=own)[0] == "UNAUTHENTICATED"
    enabled = {"displayName": "x", "isEnabled": True}
    assert director.ask("OrgsService/UpdateOrg", director.operator, id=own, org=enabled)["name"] == name
    assert director.ask("OrgsService/GetOrg", id=own)["isEnabled"] is True


def test_a_name_of_another_organization_is_taken(director: Director) -> None:
    made = make(director)
    org = {"name": director.name.upper(), "displayName": "x"}
    assert director.refused("OrgsService/UpdateOrg", director.operator, id=made["id"], org=org) == (
        "ALREADY_EXISTS", "TENANT_NAME_TAKEN",
    )  # fmt: skip


def test_system_keeps_its_name_and_stays(director: Director) -> None:
    for change in ({"name": "else"}, {"isEnabled": False}):
        asked = {"displayName": "x", **change}
        assert director.refused("OrgsService/UpdateOrg", director.operator, id=SYSTEM_ID, org=asked)[1] == (
            "SYSTEM_TENANT"
        )
    assert director.refused("OrgsService/DeleteOrg", director.operator, id=SYSTEM_ID)[1] == "SYSTEM_TENANT"


@pytest.mark.parametrize("method", ["GetOrg", "UpdateOrg"])
def test_somebody_elses_organization_looks_like_none(director: Director, method: str) -> None:
    other = Director(director.caller).tenant_id
    change = {"org": {"displayName": "x"}} if method == "UpdateOrg" else {}
    seen = {
        director.refused(f"OrgsService/{method}", id=f"{URN}{named}", **change)
        for named in (other, NOBODY, "nonsense", SYSTEM_ID, "a\0b")
    }
    assert seen == {("NOT_FOUND", "ORG_NOT_FOUND")}


def test_a_deleted_organization_is_gone_at_once_and_its_rows_by_the_job(director: Director) -> None:
    runtime = director.made.runtime
    director.ask("OrgsService/DeleteOrg", director.operator, id=f"{URN}{director.tenant_id}")
    assert director.refused("OrgsService/GetOrg", director.operator, id=director.tenant_id)[1] == "ORG_NOT_FOUND"
    assert director.refused("OrgsService/DeleteOrg", director.operator, id=director.tenant_id)[1] == "ORG_NOT_FOUND"
    assert director.refused("OrgsService/ListOrgs")[0] in ("PERMISSION_DENIED", "UNAUTHENTICATED")
    run_jobs(runtime.store, director.made.clock, "test", deletions(runtime.store, director.made.clock))
    users = table_of(User)
    with runtime.store.read() as work:
        left = work.row(select(func.count()).select_from(users).where(users.c.tenant_id == director.tenant_id))
        state = work.row(select(table_of(Tenant).c.state).where(table_of(Tenant).c.id == director.tenant_id))
    assert left is not None
    assert state is not None
    assert (left[0], state.state) == (0, "deleted")


def test_organizations_below_are_deleted_with_it_only_when_that_is_said(director: Director) -> None:
    runtime = director.made.runtime
    with runtime.store.write() as work:
        now_ms = director.made.clock.now_ms()
        below = create_tenant(work, f"b{director.number}", runtime.entropy, now_ms, parent_id=director.tenant_id).id
        create_tenant(work, f"c{director.number}", runtime.entropy, now_ms, parent_id=below)
    own = director.tenant_id
    assert director.refused("OrgsService/DeleteOrg", director.operator, id=own)[1] == "TENANT_HAS_ORGANIZATIONS"
    director.ask("OrgsService/DeleteOrg", director.operator, id=own, recursive=True)
    gone = f"name==b{director.number},name==c{director.number}"
    assert director.ask("OrgsService/ListOrgs", director.operator, filter=gone)["values"] == []
