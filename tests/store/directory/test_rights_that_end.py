"""What is given by somebody who holds a role until a time: until that time at most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT

from ostiary.directory.groups.groups import GroupDescription, create_group
from ostiary.directory.groups.membership import add_member, remove_member
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.granting import Giver, Holder, grant_role, installation_operator, revoke_role
from ostiary.directory.roles.permissions import Permission, for_good
from ostiary.directory.roles.rights import rights_of_group
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role, update_stored_role
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.errors import DomainError
from ostiary.store.engine import Store
from ostiary.store.tables import GROUP
from ostiary.store.work import Work

NOW = 1_000_000
OWNER, MEMBER = BUILT_IN["org_owner"].permissions, BUILT_IN["org_member"].permissions


@pytest.fixture
def ann(store: Store) -> Holder:
    with store.write() as work:
        return Holder(create_user(work, TENANT, NewUser(user_name="ann"), None, ENTROPY, NOW).id)


def made(store: Store, name: str, *within: Holder, until: int | None = None, role: str = "") -> Holder:
    """A group with these members and this role."""
    with store.write() as work:
        group = create_group(work, TENANT, GroupDescription(name), ENTROPY, NOW).id
        for member in within:
            add_member(work, TENANT, group, member, installation_operator, NOW)
        if role:
            bind_role(work, TENANT, group, role, NOW, kind=GROUP, expires_at=until)
    return Holder(group, GROUP)


def refusal(store: Store, change: Callable[[Work], object]) -> str:
    try:
        with store.write() as work:
            change(work)
    except DomainError as refused:
        return refused.reason
    return ""


END = NOW + 100
UNTIL_THEN: Giver = lambda _work: dict.fromkeys(OWNER, END)  # noqa: E731
ENDS: Sequence[tuple[int | None, str]] = [
    (END - 1, ""), (END, ""), (END + 1, "BEYOND_OWN_END"), (None, "BEYOND_OWN_END"),
]  # fmt: skip


@pytest.mark.parametrize(("until", "expected"), ENDS)
def test_nobody_gives_a_role_for_longer_than_they_hold_it(
    store: Store, ann: Holder, until: int | None, expected: str
) -> None:
    inner = made(store, "inner")
    team = made(store, "team", inner)
    give = partial(grant_role, tenant_id=TENANT, role="org_owner", giver=UNTIL_THEN, now_ms=NOW, expires_at=until)
    for holder in (ann, team):
        assert refusal(store, partial(give, holder=holder)) == expected
    above = made(store, "above", team, role="org_owner", until=until)
    join = partial(add_member, tenant_id=TENANT, group_id=team.id, member=ann, giver=UNTIL_THEN, now_ms=NOW)
    assert refusal(store, join) == expected
    leave = partial(remove_member, tenant_id=TENANT, group_id=team.id, giver=UNTIL_THEN, now_ms=NOW)
    assert refusal(store, partial(leave, member=inner)) == "", "what they take does not outlast them"
    take = partial(revoke_role, tenant_id=TENANT, holder=above, role="org_owner", giver=UNTIL_THEN)
    assert refusal(store, take) == ""


def test_a_role_gets_no_permission_that_its_giver_holds_only_for_a_time(store: Store) -> None:
    read = frozenset({Permission.ORGANIZATION_READ})
    with store.write() as work:
        definition = RoleDefinition("auditor", permissions=read)
        role = create_stored_role(work, TENANT, definition, installation_operator, ENTROPY, NOW).id
    change = partial(update_stored_role, tenant_id=TENANT, role_id=role, giver=UNTIL_THEN, now_ms=NOW)
    more = RoleDefinition("more", permissions=read | {Permission.ORGANIZATION_OWN})
    assert refusal(store, partial(change, role=more)) == "BEYOND_OWN_END"
    assert refusal(store, partial(change, role=RoleDefinition("less"))) == ""


def test_a_permission_ends_with_the_last_role_that_gives_it(store: Store) -> None:
    early = made(store, "early", role="org_owner", until=END)
    late = made(store, "late", early, role="org_owner", until=END + 1)
    with store.write() as work:
        bind_role(work, TENANT, late.id, "org_member", NOW, kind=GROUP)
        assert rights_of_group(work, TENANT, early.id, NOW) == {
            **for_good(MEMBER), Permission.ORGANIZATION_OWN: END + 1
        }  # fmt: skip
