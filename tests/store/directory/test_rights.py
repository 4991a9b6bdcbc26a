"""Rights in effect, and who may change them: direct, by groups however they nest, until they expire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT, tenant
from sqlalchemy import func, insert, select

from ostiary.directory.groups.membership import add_member, remove_member
from ostiary.directory.roles.bindings import (
    DIRECT,
    bind_role,
    holders_of_role,
    roles_of_groups,
    roles_of_user,
    roles_of_users,
)
from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.granting import Giver, Holder, grant_role, installation_operator, revoke_role
from ostiary.directory.roles.permissions import (
    NONE,
    SIGNED_IN,
    Permission,
    Permissions,
    for_good,
    read_permissions,
)
from ostiary.directory.roles.rights import rights_of_group, rights_of_user
from ostiary.directory.roles.stored_roles import (
    RoleDefinition,
    create_stored_role,
    delete_stored_role,
    list_stored_roles,
    update_stored_role,
)
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user, delete_user
from ostiary.errors import DomainError
from ostiary.store.engine import Store
from ostiary.store.tables import GROUP, USER, Group, GroupMember, OrganizationRole, RoleBinding, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

NOW, OTHER = 1_000_000, "22222222-2222-4222-8222-222222222222"
OWNER, MEMBER = BUILT_IN["org_owner"].permissions, BUILT_IN["org_member"].permissions
READ, CHANGE = Permission.TENANT_READ, Permission.TENANT_CHANGE
ROLES, BINDINGS = table_of(OrganizationRole), table_of(RoleBinding)


@pytest.fixture
def ann(store: Store) -> str:
    return person(store, "ann")


def person(store: Store, name: str, tenant_id: str = TENANT) -> str:
    with store.write() as work:
        return create_user(work, tenant_id, NewUser(user_name=name), None, ENTROPY, NOW).id


def groups(store: Store, *names: str, tenant_id: str = TENANT) -> None:
    with store.write() as work:
        for name in names:
            work.add(
                Group(id=name, tenant_id=tenant_id, display_name=name, display_name_key=name, created_at=1,
                      modified_at=1)
            )  # fmt: skip


def put(store: Store, group: str, member: str, kind: str = GROUP, tenant_id: str = TENANT) -> None:
    with store.write() as work:
        work.add(GroupMember(tenant_id=tenant_id, group_id=group, member_id=member, member_type=kind))


def bind(store: Store, holder: str, role: str, kind: str = USER, expires_at: int | None = None) -> None:
    with store.write() as work:
        bind_role(work, TENANT, holder, role, NOW, kind=kind, expires_at=expires_at)


def held(store: Store, user: str, now_ms: int = NOW, tenant_id: str = TENANT) -> Permissions:
    with store.read() as work:
        return frozenset(rights_of_user(work, tenant_id, user, now_ms))


def own_role(store: Store, name: str, *permissions: Permission, giver: Giver = installation_operator) -> str:
    with store.write() as work:
        definition = RoleDefinition(name, permissions=frozenset(permissions))
        return create_stored_role(work, TENANT, definition, giver, ENTROPY, NOW).id


def who_holds(permissions: Permissions) -> Giver:
    return lambda _work: for_good(permissions)


def refusal(change: Callable[[Work], object], store: Store) -> str:
    try:
        with store.write() as work:
            change(work)
    except DomainError as refused:
        return refused.reason
    return ""


def test_a_user_without_roles_may_use_its_own_account_and_nothing_else(store: Store, ann: str) -> None:
    assert held(store, ann) == held(store, "nobody") == SIGNED_IN


def test_roles_add_up_whether_direct_or_by_groups_that_nest(store: Store, ann: str) -> None:
    bind(store, ann, "org_member")
    assert held(store, ann) == MEMBER
    groups(store, "inner", "outer", "aside")
    put(store, "inner", ann, USER)
    put(store, "outer", "inner")
    bind(store, "outer", "org_owner", GROUP)
    bind(store, "aside", own_role(store, "reader of settings", READ), GROUP)
    assert held(store, ann) == OWNER
    put(store, "aside", "outer")
    assert held(store, ann) == OWNER | {READ}


def test_thirty_two_levels_and_a_circle_at_the_top_end(store: Store, ann: str) -> None:
    names = [f"level {number}" for number in range(32)]
    groups(store, *names)
    put(store, names[0], ann, USER)
    for inner, outer in zip(names, names[1:] + names[-2:-1], strict=True):
        put(store, outer, inner)
    bind(store, names[-1], "org_owner", GROUP)
    assert held(store, ann) == OWNER
    with store.read() as work:
        assert rights_of_group(work, TENANT, names[0], NOW) == for_good(OWNER)
        (role,) = roles_of_user(work, TENANT, ann, NOW)
        assert (role.name, role.membership_type) == ("org_owner", "GROUP")
        assert holders_of_role(work, TENANT, "org_owner", NOW) == [ann]


@pytest.mark.parametrize("kind", [USER, GROUP])
def test_a_binding_gives_nothing_from_the_moment_at_which_it_expires(store: Store, ann: str, kind: str) -> None:
    groups(store, "team")
    put(store, "team", ann, USER)
    bind(store, ann if kind == USER else "team", "org_owner", kind, expires_at=NOW + 1000)
    assert [held(store, ann, NOW + late) for late in (0, 999, 1000, 1001)] == [OWNER, OWNER, SIGNED_IN, SIGNED_IN]
    with store.read() as work:
        shown = [[role.name for role in roles_of_user(work, TENANT, ann, NOW + late)] for late in (999, 1000)]
        listed = [len(roles_of_users(work, TENANT, [ann], NOW + late)[ann]) for late in (999, 1000)]
    assert shown == [["org_owner"], []]
    with store.read() as work:
        of_group = [role.name for role in roles_of_groups(work, TENANT, ["team"], NOW)["team"]]
    assert of_group == ([] if kind == USER else ["org_owner"])
    assert listed == ([1, 0] if kind == USER else [0, 0]), "lists show what was given to the user itself"


def test_what_belongs_to_another_organization_gives_nothing(store: Store, ann: str) -> None:
    with store.write() as work:
        work.add(tenant(OTHER, "other"))
    groups(store, "team")
    groups(store, "foreign", tenant_id=OTHER)
    put(store, "foreign", ann, USER, tenant_id=OTHER)
    role = own_role(store, "reader of settings", READ)
    with store.write() as work:
        bind_role(work, OTHER, "foreign", "org_owner", NOW, kind=GROUP)
        bind_role(work, OTHER, ann, "org_owner", NOW)
        bind_role(work, OTHER, "stranger", role, NOW)
    assert held(store, ann) == held(store, "stranger", tenant_id=OTHER) == SIGNED_IN


def test_a_group_is_no_user_and_a_user_no_group_of_the_same_id(store: Store, ann: str) -> None:
    groups(store, ann, "team")
    put(store, "team", ann, GROUP)
    bind(store, ann, "org_owner", GROUP)
    bind(store, "team", "org_owner", GROUP)
    assert held(store, ann) == SIGNED_IN


def test_nobody_operates_the_platform_from_another_organization_than_system(store: Store, ann: str) -> None:
    bind(store, ann, "platform_operator")
    assert Permission.PLATFORM_OPERATE not in held(store, ann)
    grant = partial(grant_role, tenant_id=TENANT, holder=Holder(ann), role="platform_operator",
                    giver=installation_operator, now_ms=NOW)  # fmt: skip
    assert refusal(grant, store) == "ROLE_NOT_HERE"
    for permission in (Permission.PLATFORM_OPERATE, Permission.SERVICE_READ, Permission.PROFILE_OWN):
        with pytest.raises(DomainError) as refused:
            own_role(store, "more", permission)
        assert refused.value.reason == "PERMISSION_NOT_FOR_ROLES"


def test_a_permission_that_this_version_does_not_know_permits_nothing(store: Store, ann: str) -> None:
    role = own_role(store, "old", READ)
    bind(store, ann, role)
    with store.write() as work:
        work.run(ROLES.update().values(permissions="tenant.read tenant.unheard-of"))
    assert held(store, ann) == SIGNED_IN | {READ}
    assert read_permissions("") == NONE


GIVEN: Sequence[tuple[Permissions, str]] = [(MEMBER, "FORBIDDEN"), (OWNER, ""), (OWNER | {READ}, "")]


@pytest.mark.parametrize(("giver", "expected"), GIVEN)
def test_nobody_gives_or_takes_a_role_beyond_what_they_hold(
    store: Store, ann: str, giver: Permissions, expected: str
) -> None:
    who = who_holds(giver)
    groups(store, "team")
    for holder in (Holder(ann), Holder("team", GROUP)):
        change = partial(grant_role, tenant_id=TENANT, holder=holder, role="org_owner", giver=who, now_ms=NOW)
        assert refusal(change, store) == expected
        bind(store, holder.id, "org_owner", holder.kind)
        take = partial(revoke_role, tenant_id=TENANT, holder=holder, role="org_owner", giver=who)
        assert refusal(take, store) == expected


@pytest.mark.parametrize("where", ["team", "above"])
def test_nobody_adds_to_or_takes_from_a_group_that_permits_more_than_they_may(
    store: Store, ann: str, where: str
) -> None:
    groups(store, "team", "above", "inner")
    put(store, "above", "team")
    role = own_role(store, "changer", CHANGE)
    bind(store, where, role, GROUP, expires_at=NOW + 10)
    for member in (Holder(ann), Holder("inner", GROUP)):
        for change in (add_member, remove_member):
            asked = partial(change, tenant_id=TENANT, group_id="team", member=member)
            assert refusal(partial(asked, giver=who_holds(OWNER), now_ms=NOW), store) == "FORBIDDEN"
            assert refusal(partial(asked, giver=who_holds(OWNER | {CHANGE}), now_ms=NOW), store) == ""
            assert refusal(partial(asked, giver=who_holds(OWNER), now_ms=NOW + 10), store) == "", "it has expired"


def test_nobody_defines_changes_or_deletes_a_role_beyond_what_they_hold(store: Store) -> None:
    owner = who_holds(OWNER)
    more = RoleDefinition("more", permissions=frozenset({CHANGE}))
    less = RoleDefinition("less", permissions=frozenset({Permission.ORGANIZATION_READ}))
    create = partial(create_stored_role, tenant_id=TENANT, entropy=ENTROPY, now_ms=NOW)
    assert refusal(partial(create, role=more, giver=owner), store) == "FORBIDDEN"
    strong, weak = own_role(store, "strong", CHANGE), own_role(store, "weak", giver=owner)
    for role_id, role, expected in (
        (weak, more, "FORBIDDEN"), (strong, less, "FORBIDDEN"), (weak, less, ""), ("nobody", less, "ROLE_NOT_FOUND"),
    ):  # fmt: skip
        change = partial(update_stored_role, tenant_id=TENANT, role_id=role_id, role=role, giver=owner, now_ms=NOW)
        assert refusal(change, store) == expected
    delete = partial(delete_stored_role, tenant_id=TENANT, giver=owner)
    assert [refusal(partial(delete, role_id=role_id), store) for role_id in (strong, weak)] == ["FORBIDDEN", ""]
    with store.read() as work:
        (left,) = list_stored_roles(work, TENANT)
    assert (left.id, left.definition.permissions) == (strong, {CHANGE})


def test_names_of_roles_are_unique_and_those_of_built_in_ones_taken(store: Store) -> None:
    own_role(store, "Auditor")
    for name in ("auditor", "org_owner", "ORG_OWNER", "Reader"):
        with pytest.raises(DomainError) as refused:
            own_role(store, name)
        assert refused.value.reason == "ROLE_NAME_TAKEN", name
    with store.write() as work:
        work.add(tenant(OTHER, "other"))
        create_stored_role(work, OTHER, RoleDefinition("Auditor"), installation_operator, ENTROPY, NOW)


def test_a_role_of_a_service_definition_is_held_everywhere_and_permits_nothing_here(store: Store, ann: str) -> None:
    definition = "33333333-3333-4333-8333-333333333333"
    role = RoleDefinition("catalog:admin", service_definition_id=definition)
    with pytest.raises(DomainError), store.write() as work:
        create_stored_role(work, TENANT, role, installation_operator, ENTROPY, NOW)
    with store.write() as work:
        work.add(tenant(SYSTEM_ID, "System"))
        made = create_stored_role(work, SYSTEM_ID, role, installation_operator, ENTROPY, NOW)
        grant_role(work, TENANT, Holder(ann), made.id, who_holds(OWNER), NOW)
    assert held(store, ann) == SIGNED_IN
    with store.write() as work:
        delete_stored_role(work, SYSTEM_ID, made.id, installation_operator)
        assert work.rows(select(BINDINGS)) == []


def test_a_changed_role_changes_who_holds_it_and_a_deleted_one_leaves_nobody(store: Store, ann: str) -> None:
    role = own_role(store, "auditor", READ)
    bind(store, ann, role)
    bind(store, ann, "org_member")
    with store.read() as work:
        shown = roles_of_user(work, TENANT, ann, NOW)
        assert [(one.name, one.membership_type) for one in shown] == [("auditor", DIRECT), ("org_member", DIRECT)]
    with store.write() as work:
        changed = RoleDefinition("auditor", permissions=frozenset({CHANGE}))
        update_stored_role(work, TENANT, role, changed, installation_operator, NOW)
    assert held(store, ann) == MEMBER | {CHANGE}
    with store.write() as work:
        delete_stored_role(work, TENANT, role, installation_operator)
    assert held(store, ann) == MEMBER
    with store.read() as work:
        assert [one.name for one in roles_of_user(work, TENANT, ann, NOW)] == ["org_member"]
        assert [row.role for row in work.rows(select(BINDINGS.c.role))] == ["org_member"]


def test_who_is_not_there_is_given_nothing(store: Store, ann: str) -> None:
    grant = partial(grant_role, tenant_id=TENANT, giver=installation_operator, now_ms=NOW)
    for holder, role, until, expected in (
        (Holder("nobody"), "org_member", None, "USER_NOT_FOUND"),
        (Holder(ann, GROUP), "org_member", None, "GROUP_NOT_FOUND"),
        (Holder(ann), "nothing", None, "ROLE_NOT_FOUND"),
        (Holder(ann), "manager", None, "ROLE_NOT_FOUND"),
        (Holder(ann), "org_member", NOW, "ALREADY_EXPIRED"),
    ):
        assert refusal(partial(grant, holder=holder, role=role, expires_at=until), store) == expected
    assert held(store, ann) == SIGNED_IN


def test_a_deleted_user_leaves_no_bindings(store: Store, ann: str) -> None:
    bind(store, ann, "org_owner")
    with store.write() as work:
        delete_user(work, TENANT, ann)
        assert work.rows(select(BINDINGS)) == []


def test_a_second_grant_changes_until_when(store: Store, ann: str) -> None:
    for until in (NOW + 10, None, NOW + 20):
        with store.write() as work:
            grant_role(work, TENANT, Holder(ann), "org_member", who_holds(OWNER), NOW, until)
            assert [row.expires_at for row in work.rows(select(BINDINGS))] == [until]


def test_what_the_giver_holds_is_read_after_the_changes_that_came_before(store: Store, ann: str) -> None:
    """Of two owners who take the role from each other at once, one keeps it: the other has it no longer when its turn
    comes."""
    bob = person(store, "bob")
    for _ in range(8):
        for user in (ann, bob):
            bind(store, user, "org_owner")

        def take(by: str, of: str) -> str:
            giver: Giver = lambda work: for_good(rights_of_user(work, TENANT, by, NOW))  # noqa: E731
            return refusal(
                partial(revoke_role, tenant_id=TENANT, holder=Holder(of), role="org_owner", giver=giver), store
            )

        with ThreadPoolExecutor(2) as threads:
            ended = list(threads.map(take, (ann, bob), (bob, ann)))
        assert sorted(ended) == ["", "FORBIDDEN"]
        assert sorted([held(store, ann), held(store, bob)], key=len) == [SIGNED_IN, OWNER]


def test_a_role_or_user_that_goes_while_it_is_given_leaves_no_binding(store: Store) -> None:
    for number in range(6):
        user, role = person(store, f"user {number}"), own_role(store, f"role {number}", READ)
        changes: list[Callable[[Work], object]] = [
            partial(grant_role, tenant_id=TENANT, holder=Holder(user), role=role, giver=installation_operator,
                    now_ms=NOW),
            partial(delete_stored_role, tenant_id=TENANT, role_id=role, giver=installation_operator)
            if number % 2 else partial(delete_user, tenant_id=TENANT, user_id=user),
        ]  # fmt: skip
        with ThreadPoolExecutor(2) as threads:
            ended = list(threads.map(partial(refusal, store=store), changes))
        assert ended[1] == ""
        assert ended[0] in ("", "ROLE_NOT_FOUND", "USER_NOT_FOUND")
        with store.read() as work:
            assert work.rows(select(BINDINGS)) == []


def test_a_group_of_ten_thousand_answers_at_once(store: Store, ann: str) -> None:
    groups(store, "everybody")
    put(store, "everybody", ann, USER)
    rows = [
        {"tenant_id": TENANT, "group_id": "everybody", "member_id": f"{number:036}", "member_type": USER}
        for number in range(10_000)
    ]
    with store.write() as work:
        work.run(insert(table_of(GroupMember)), rows)
    bind(store, "everybody", "org_member", GROUP)
    assert held(store, ann) == held(store, f"{9_999:036}") == MEMBER
    with store.read() as work:
        assert len(holders_of_role(work, TENANT, "org_member", NOW)) == 10_001
        assert work.row(select(func.count()).select_from(BINDINGS))[0] == 1
