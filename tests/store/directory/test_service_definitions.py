"""Service definitions and who holds their roles, on both databases."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT, tenant
from sqlalchemy import func, insert, select

from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.bindings import all_roles_of_user, roles_of_user, roles_of_users
from ostiary.directory.roles.granting import Holder, grant_role, installation_operator
from ostiary.directory.roles.member_roles import MemberRoles, group_roles, member_roles
from ostiary.directory.roles.permissions import SIGNED_IN, Permission, Rights
from ostiary.directory.roles.rights import rights_of_user
from ostiary.directory.roles.role_changes import RoleChoice
from ostiary.directory.service_definitions.changes import ServiceRoleChange, change_service_roles
from ostiary.directory.service_definitions.definitions import (
    NewService,
    Service,
    define_service,
    delete_service,
    get_service,
    list_services,
    services_of,
)
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.errors import DomainError
from ostiary.http.paging import Page
from ostiary.store.engine import Store
from ostiary.store.tables import GROUP, Group, RoleBinding, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

NOW = 1_000_000
OWN = Permission.ORGANIZATION_OWN
NONE: Rights = {}
USER_ROLE = RoleChoice(name="catalog:user")
CATALOG = NewService(
    "catalog", "Catalog", "Finds things.", urls={"serviceHome": "https://catalog.example.com"},
    roles={"catalog:admin": "Administrator", "catalog:user": ""},
)  # fmt: skip


def refused(reason: str) -> Any:
    return pytest.raises(DomainError, match=f"^{reason}:")


def catalog(work: Work) -> Service:
    work.add(tenant(SYSTEM_ID, "System"))
    return define_service(work, CATALOG, ENTROPY, NOW)


def person(work: Work, name: str = "ann") -> str:
    return create_user(work, TENANT, NewUser(user_name=name), None, ENTROPY, NOW).id


def group(work: Work, name: str, *members: Holder) -> Holder:
    facts = {"tenant_id": TENANT, "description": "", "domain": "", "version": 1, "created_at": NOW, "modified_at": NOW}
    work.run(insert(table_of(Group)).values(id=name, display_name=name, display_name_key=name, **facts))
    for member in members:
        add_member(work, TENANT, name, member, installation_operator, NOW)
    return Holder(name, GROUP)


def change(work: Work, holder: Holder, service: Service, giver: Any = installation_operator, **roles: Any) -> None:
    change_service_roles(work, TENANT, holder, [ServiceRoleChange(service.id, **roles)], giver, NOW)


def held(roles: MemberRoles) -> list[tuple[str, str, int | None, Any]]:
    return [(role.name, role.membership_type, role.expires_at, role.group_ids) for role in roles.services]


def test_a_service_is_defined_found_by_id_and_name_and_listed(store: Store) -> None:
    with store.write() as work:
        made = catalog(work)
        assert [(role.name, role.display_name) for role in made.roles] == [
            ("catalog:admin", "Administrator"), ("catalog:user", "catalog:user")
        ]  # fmt: skip
        assert get_service(work, made.id) == get_service(work, "CATALOG") == made
        migration = define_service(work, NewService("Migration", roles={"migration:admin": ""}), ENTROPY, NOW)
        assert list_services(work) == ([made, migration], 2)
        assert list_services(work, Page(2, 1)) == ([migration], 2)
        assert services_of(work, [made.id, "unknown"]) == {made.id: made}
        with refused("SERVICE_DEFINITION_TAKEN"):
            define_service(work, NewService("Catalog"), ENTROPY, NOW)
        for unknown in ("", "unknown"):
            with refused("SERVICE_DEFINITION_NOT_FOUND"):
                get_service(work, unknown)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"name": " "}, "INVALID_NAME"), ({"name": "x" * 101}, "INVALID_NAME"),
        ({"description": "x" * 2_001}, "INVALID_SERVICE_DEFINITION"),
        ({"urls": {"home": "https://x.example.com"}}, "INVALID_SERVICE_DEFINITION"),
        ({"urls": {"serviceHome": "javascript:alert(1)"}}, "INVALID_SERVICE_DEFINITION"),
        ({"roles": {"admin": ""}}, "INVALID_SERVICE_DEFINITION"),
        ({"roles": {"x:y:z": ""}}, "INVALID_SERVICE_DEFINITION"), ({"roles": {"x:": ""}}, "INVALID_SERVICE_DEFINITION"),
        ({"roles": {"x:Y": "", "x:y": ""}}, "ROLE_NAME_TAKEN"),
        ({"roles": {f"x:{number}": "" for number in range(201)}}, "INVALID_SERVICE_DEFINITION"),
    ],
)  # fmt: skip
def test_a_definition_that_is_none_is_refused(store: Store, facts: dict[str, Any], reason: str) -> None:
    with store.write() as work, refused(reason):
        catalog(work)
        define_service(work, NewService(**{"name": "x", **facts}), ENTROPY, NOW)


def test_a_service_role_is_held_directly_and_by_nested_groups_until_it_expires_and_permits_nothing(
    store: Store,
) -> None:
    with store.write() as work:
        service, ann = catalog(work), person(work)
        inner = group(work, "inner", Holder(ann))
        outer = group(work, "outer", inner)
        admin, user = service.roles
        change(work, outer, service, add=[RoleChoice(admin.id)])
        change(work, inner, service, add=[RoleChoice(name="catalog:admin", expires_at=NOW + 9)])
        change(work, Holder(ann), service, add=[RoleChoice(name="CATALOG:USER", expires_at=NOW + 5)])
        grant_role(work, TENANT, inner, "org_member", installation_operator, NOW)

        def at(now_ms: int) -> MemberRoles:
            return member_roles(work, TENANT, [ann, "nobody"], now_ms)[ann]

        by_group = ("catalog:admin", "GROUP", None, ["inner", "outer"])
        assert held(at(NOW)) == [by_group, ("catalog:user", "DIRECT", NOW + 5, [])]
        assert held(at(NOW + 4))[1:] == [("catalog:user", "DIRECT", NOW + 5, [])]
        assert held(at(NOW + 5)) == [by_group], "from its moment on an expired one gives nothing"
        assert held(at(NOW + 9)) == [("catalog:admin", "GROUP", None, ["outer"])]
        assert [(role.name, role.group_ids) for role in at(NOW).organization] == [("org_member", ["inner"])]
        assert [role.name for role in roles_of_user(work, TENANT, ann, NOW)] == ["org_member"]
        assert rights_of_user(work, TENANT, ann, NOW).keys() > SIGNED_IN
        assert held(group_roles(work, TENANT, ["outer"], NOW)["outer"]) == [("catalog:admin", "DIRECT", None, [])]
        assert member_roles(work, TENANT, ["nobody"], NOW) == {"nobody": MemberRoles([], [])}
        assert user.id != admin.id


def test_a_service_role_is_no_role_of_the_organization_in_system_either(store: Store) -> None:
    with store.write() as work:
        service = catalog(work)
        root = create_user(work, SYSTEM_ID, NewUser(user_name="root"), None, ENTROPY, NOW).id
        grant_role(work, SYSTEM_ID, Holder(root), service.roles[0].id, installation_operator, NOW)
        assert roles_of_user(work, SYSTEM_ID, root, NOW) == roles_of_users(work, SYSTEM_ID, [root], NOW)[root] == []
        found = member_roles(work, SYSTEM_ID, [root], NOW)[root]
        assert (found.organization, held(found)) == ([], [("catalog:admin", "DIRECT", None, [])])
        assert [role.service for role in all_roles_of_user(work, SYSTEM_ID, root, NOW)] == [service.id]


def test_owners_alone_give_service_roles_and_no_longer_than_they_own(store: Store) -> None:
    with store.write() as work:
        service, ann = catalog(work), person(work)
        for rights, expires_at, reason in (
            (NONE, None, "FORBIDDEN"), ({OWN: NOW + 9}, None, "BEYOND_OWN_END"),
            ({OWN: NOW + 9}, NOW + 10, "BEYOND_OWN_END"),
        ):  # fmt: skip
            with refused(reason):
                choice = RoleChoice(name="catalog:user", expires_at=expires_at)
                change(work, Holder(ann), service, partial(lambda held, _work: held, rights), add=[choice])
        change(
            work,
            Holder(ann),
            service,
            lambda _work: {OWN: NOW + 9},
            add=[RoleChoice(name="catalog:user", expires_at=NOW + 9)],
        )
        with refused("FORBIDDEN"):
            change(work, Holder(ann), service, lambda _work: NONE, remove=[USER_ROLE])
        assert [name for name, *_ in held(member_roles(work, TENANT, [ann], NOW)[ann])] == ["catalog:user"]


def test_the_roles_of_a_service_permit_nothing_and_go_with_it(store: Store) -> None:
    with store.write() as work:
        service, ann = catalog(work), person(work)
        change(work, Holder(ann), service, add=[RoleChoice(role.id) for role in service.roles])
        change(work, Holder(ann), service, remove=[USER_ROLE])
        assert [name for name, *_ in held(member_roles(work, TENANT, [ann], NOW)[ann])] == ["catalog:admin"]
        assert set(rights_of_user(work, TENANT, ann, NOW)) == SIGNED_IN
        delete_service(work, service.id)
        assert held(member_roles(work, TENANT, [ann], NOW)[ann]) == []
        assert work.row(select(func.count()).select_from(table_of(RoleBinding))) == (0,)
        with refused("SERVICE_DEFINITION_NOT_FOUND"):
            delete_service(work, service.id)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"add": [RoleChoice(name="catalog:none")]}, "ROLE_NOT_FOUND"), ({"add": [RoleChoice()]}, "ROLE_NOT_FOUND"),
        ({"add": [RoleChoice(name="org_owner")]}, "ROLE_NOT_FOUND"), ({"remove": [RoleChoice("x")]}, "ROLE_NOT_FOUND"),
        ({"add": [RoleChoice(name="catalog:user", expires_at=NOW)]}, "ALREADY_EXPIRED"),
        ({"add": [USER_ROLE], "remove": [USER_ROLE]}, "CONTRADICTING_ROLES"),
        ({"service": "catalog"}, "SERVICE_DEFINITION_NOT_FOUND"),
        ({"holder": Holder("nobody"), "add": [USER_ROLE]}, "USER_NOT_FOUND"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_made_is_refused(store: Store, choice: dict[str, Any], reason: str) -> None:
    with store.write() as work:
        service, ann = catalog(work), person(work)
        facts = {"service": service.id, **choice}
        holder = facts.pop("holder", Holder(ann))
        with refused(reason):
            change_service_roles(work, TENANT, holder, [ServiceRoleChange(**facts)], installation_operator, NOW)
