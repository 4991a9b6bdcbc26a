"""Groups: made, described, nested without circles, with members who come and go, searched and deleted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT, tenant
from sqlalchemy import func, insert, select

from ostiary.directory.groups.circles import MAX_DEPTH
from ostiary.directory.groups.groups import (
    GroupDescription,
    create_group,
    delete_group,
    find_group,
    find_groups,
    get_group,
    list_groups,
    update_group,
)
from ostiary.directory.groups.members import (
    are_few,
    find_holders,
    member_counts,
    members_of_groups,
    user_counts,
)
from ostiary.directory.groups.membership import (
    add_member,
    add_members,
    groups_of_users,
    remove_member,
    remove_members,
    replace_members,
)
from ostiary.directory.groups.search import has_member, name_contains, sorted_by
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import Holder, installation_operator
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user, delete_user
from ostiary.errors import DomainError
from ostiary.store.engine import Store
from ostiary.store.tables import GROUP, GroupMember, RoleBinding, table_of
from ostiary.store.work import Work

NOW, LATER, OTHER = 1_000, 2_000, "22222222-2222-4222-8222-222222222222"
ANYBODY = installation_operator


def made(store: Store, *names: str) -> list[str]:
    with store.write() as work:
        return [create_group(work, TENANT, GroupDescription(name), ENTROPY, NOW).id for name in names]


def persons(store: Store, *names: str) -> list[str]:
    with store.write() as work:
        return [create_user(work, TENANT, NewUser(user_name=name), None, ENTROPY, NOW).id for name in names]


def crowd(store: Store, group: str, size: int) -> None:
    rows = [
        {"tenant_id": TENANT, "group_id": group, "member_id": f"{number:036}", "member_type": "User"}
        for number in range(size)
    ]
    with store.write() as work:
        work.run(insert(table_of(GroupMember)), rows)


def put(store: Store, group: str, member: str, kind: str = GROUP) -> bool:
    with store.write() as work:
        return add_member(work, TENANT, group, Holder(member, kind), ANYBODY, LATER)


def refusal(store: Store, change: Callable[[Work], object]) -> str:
    try:
        with store.write() as work:
            change(work)
    except DomainError as refused:
        return refused.reason
    return ""


def members(store: Store, group: str) -> set[str]:
    with store.read() as work:
        return {member.id for member in members_of_groups(work, TENANT, [group])[group]}


def version(store: Store, group: str) -> int:
    with store.read() as work:
        return get_group(work, TENANT, group).version


def test_a_group_is_made_described_and_deleted_and_each_change_is_another_version(store: Store) -> None:
    (team,) = made(store, "Team Ä")
    change = partial(update_group, tenant_id=TENANT, group_id=team, now_ms=LATER)
    with store.write() as work:
        first = get_group(work, TENANT, team)
        assert (first.display_name, first.description, first.version, first.modified_at) == ("Team Ä", "", 1, NOW)
        assert change(work, new=GroupDescription("Team Ä")) == first, "nothing has changed"
        second = change(work, new=GroupDescription("Crew", "who sails"))
        assert (second.display_name, second.description, second.version, second.created_at, second.modified_at) == (
            "Crew", "who sails", 2, NOW, LATER,
        )  # fmt: skip
    assert refusal(store, partial(change, new=GroupDescription(" "))) == "INVALID_NAME"
    delete = partial(delete_group, tenant_id=TENANT, group_id=team, giver=ANYBODY, now_ms=LATER)
    assert [refusal(store, delete) for _ in range(2)] == ["", "GROUP_NOT_FOUND"]
    assert refusal(store, partial(change, new=GroupDescription("Crew"))) == "GROUP_NOT_FOUND"


def test_groups_of_another_organization_are_as_unknown_ones(store: Store) -> None:
    with store.write() as work:
        work.add(tenant(OTHER, "other"))
        foreign = create_group(work, OTHER, GroupDescription("Foreign"), ENTROPY, NOW).id
    (team,), (ann,) = made(store, "Team"), persons(store, "ann")
    for group in (foreign, "unknown"):
        with store.read() as work:
            assert find_group(work, TENANT, group) is None
            assert find_groups(work, TENANT, [group, team]).keys() == {team}
            assert find_holders(work, TENANT, [group, team, ann]) == {team: Holder(team, GROUP), ann: Holder(ann)}
        changes: list[Callable[[Work], object]] = [
            partial(update_group, tenant_id=TENANT, group_id=group, new=GroupDescription("x"), now_ms=NOW),
            partial(delete_group, tenant_id=TENANT, group_id=group, giver=ANYBODY, now_ms=NOW),
            partial(add_member, tenant_id=TENANT, group_id=group, member=Holder(ann), giver=ANYBODY, now_ms=NOW),
            partial(add_member, tenant_id=TENANT, group_id=team, member=Holder(group, GROUP), giver=ANYBODY, now_ms=1),
            partial(remove_member, tenant_id=TENANT, group_id=group, member=Holder(ann), giver=ANYBODY, now_ms=NOW),
        ]
        assert {refusal(store, change) for change in changes} == {"GROUP_NOT_FOUND"}


def test_lists_are_sorted_paged_and_searched_whatever_the_case(store: Store) -> None:
    ids = made(store, "delta", "Alpha", "charlie", "Bravo 100%", "bravo 1000")
    ann = persons(store, "ann")[0]
    put(store, ids[0], ann, "User")
    with store.read() as work:
        ask = partial(list_groups, work, TENANT)
        names = [group.display_name for group in ask()[0]]
        assert names == ["Alpha", "Bravo 100%", "bravo 1000", "charlie", "delta"]
        pages = [
            ([group.display_name for group in found], total) for found, total in (ask(start=2, count=2), ask(start=9))
        ]
        assert pages == [(["Bravo 100%", "bravo 1000"], 5), ([], 5)]
        assert [group.display_name for group in ask(name_contains("BRAVO 100%"))[0]] == ["Bravo 100%"]
        assert ask(name_contains("_"))[1] == 0
        assert [group.id for group in ask(has_member(TENANT, ann))[0]] == [ids[0]]
        downwards = ask(order=sorted_by("displayName", descending=True))[0]
        assert [group.display_name for group in downwards] == names[::-1]


def test_members_come_and_go_and_what_changes_nothing_is_no_new_version(store: Store) -> None:
    team, inner = made(store, "Team", "Inner")
    ann, bob = persons(store, "ann", "bob")
    assert [put(store, team, ann, "User"), put(store, team, ann, "User"), put(store, team, inner)] == [
        True,
        False,
        True,
    ]
    assert version(store, team) == 3
    with store.write() as work:
        assert [
            (one.id, one.kind, one.display_name) for one in members_of_groups(work, TENANT, [team])[team]
        ] == sorted([(ann, "User", ""), (inner, "Group", "Inner")])
        assert (member_counts(work, TENANT, [team, inner]), user_counts(work, TENANT, [team])) == (
            {team: 2, inner: 0}, {team: 1},
        )  # fmt: skip
        assert add_members(work, TENANT, team, [Holder(ann), Holder(bob)], ANYBODY, LATER) == 1
        assert remove_members(work, TENANT, team, [ann, "unknown"], ANYBODY, LATER) == 1
        assert not remove_member(work, TENANT, team, Holder(ann), ANYBODY, LATER)
    assert (members(store, team), version(store, team)) == ({bob, inner}, 5)
    replace = partial(replace_members, tenant_id=TENANT, group_id=team, giver=ANYBODY, now_ms=LATER)
    for wanted, changed in (([bob, ann], 2), ([ann, bob], 0), ([], 2)):
        with store.write() as work:
            assert replace(work, members=[Holder(each) for each in wanted]) == changed
        assert members(store, team) == set(wanted)
    assert version(store, team) == 7
    assert refusal(store, partial(replace, members=[Holder(ann), Holder("unknown")])) == "USER_NOT_FOUND"
    assert members(store, team) == set(), "all or none"


def test_who_is_deleted_has_left_all_groups_and_these_have_new_versions(store: Store) -> None:
    team, outer = made(store, "Team", "Outer")
    (ann,) = persons(store, "ann")
    put(store, team, ann, "User")
    put(store, outer, team)
    with store.write() as work:
        delete_user(work, TENANT, ann)
    assert (members(store, team), version(store, team)) == (set(), 3)
    with store.write() as work:
        bind_role(work, TENANT, team, "org_member", NOW, kind=GROUP)
        delete_group(work, TENANT, team, ANYBODY, NOW)
        assert work.rows(select(table_of(RoleBinding))) == []
    assert (members(store, outer), version(store, outer)) == (set(), 3)


@pytest.mark.parametrize("around", range(4))
def test_no_group_is_within_itself_however_far(store: Store, around: int) -> None:
    chain = made(store, *"abcde"[: around + 1])
    for inner, outer in pairwise(chain):
        put(store, outer, inner)
    close = partial(add_member, tenant_id=TENANT, group_id=chain[0], giver=ANYBODY, now_ms=NOW)
    assert refusal(store, partial(close, member=Holder(chain[-1], GROUP))) == "GROUP_CIRCLE"
    among = [Holder(made(store, "aside")[0], GROUP), Holder(chain[-1], GROUP)]
    replace = partial(replace_members, tenant_id=TENANT, group_id=chain[0], giver=ANYBODY, now_ms=NOW)
    assert refusal(store, partial(replace, members=among)) == "GROUP_CIRCLE"
    assert members(store, chain[0]) == set()


def test_two_that_would_close_a_circle_together_do_not(store: Store) -> None:
    for number in range(6):
        left, right = made(store, f"left {number}", f"right {number}")
        ways = ((left, right), (right, left))
        changes = [
            partial(
                add_member, tenant_id=TENANT, group_id=outer, member=Holder(inner, GROUP), giver=ANYBODY, now_ms=NOW
            )
            for outer, inner in ways
        ]
        with ThreadPoolExecutor(2) as threads:
            ended = sorted(threads.map(partial(refusal, store), changes))
        assert ended == ["", "GROUP_CIRCLE"]


def test_a_group_may_be_in_two_that_are_in_one(store: Store) -> None:
    top, left, right, inner = made(store, "top", "left", "right", "inner")
    (ann,) = persons(store, "ann")
    for outer, within in ((top, left), (top, right), (left, inner), (right, inner), (top, inner)):
        assert put(store, outer, within)
    put(store, inner, ann, "User")
    with store.read() as work:
        found = groups_of_users(work, TENANT, [ann])[ann]
        assert [(group.display_name, group.direct) for group in found] == [
            ("inner", True), ("left", False), ("right", False), ("top", False),
        ]  # fmt: skip
        within = members_of_groups(work, TENANT, [top, left])
        assert {group: [one.id for one in found] for group, found in within.items()} == {
            top: sorted([left, right, inner]), left: [inner],
        }  # fmt: skip


def test_groups_nest_so_deep_and_no_deeper_from_whichever_end(store: Store) -> None:
    chain = made(store, *(f"level {number}" for number in range(MAX_DEPTH + 1)))
    for inner, outer in list(pairwise(chain))[: MAX_DEPTH // 2 - 1]:
        put(store, outer, inner)
    for inner, outer in list(pairwise(chain))[MAX_DEPTH // 2 - 1 :][::-1]:
        put(store, outer, inner)
    (more,) = made(store, "more")
    for outer, inner in ((more, chain[-1]), (chain[0], more)):
        join = partial(
            add_member, tenant_id=TENANT, group_id=outer, member=Holder(inner, GROUP), giver=ANYBODY, now_ms=1
        )
        assert refusal(store, join) == "NESTED_TOO_DEEPLY"
    assert put(store, chain[1], more)


def test_a_member_of_ten_thousand_comes_and_goes_by_as_few_rows_as_one_of_two(store: Store) -> None:
    team, outer = made(store, "Team", "Outer")
    (ann,) = persons(store, "ann")
    put(store, outer, team)
    crowd(store, team, 10_000)
    assert put(store, team, ann, "User")
    with store.write() as work:
        assert member_counts(work, TENANT, [team]) == {team: 10_001}
        assert [are_few(work, team, few) for few in (100, 10_000, 10_001)] == [False, False, True]
        assert remove_member(work, TENANT, team, Holder(ann), ANYBODY, LATER)
        wanted = [Holder(ann)]
        assert replace_members(work, TENANT, team, wanted, ANYBODY, LATER) == 10_001
        assert work.row(select(func.count()).select_from(table_of(GroupMember))) == (2,)


def test_users_of_groups_around_the_same_groups_count_once_in_each(store: Store) -> None:
    large, small, *outer = made(store, "Large", "Small", "A", "B", "C")
    ann, bob, cem, dan, eve = persons(store, "ann", "bob", "cem", "dan", "eve")
    for group, people in ((large, [ann, bob, cem]), (small, [cem, dan]), (outer[0], [ann, eve]), (outer[1], [])):
        for person in people:
            put(store, group, person, "User")
    for group in outer[:2]:
        put(store, group, large)
        put(store, group, small)
    put(store, outer[2], outer[0])
    with store.read() as work:
        assert user_counts(work, TENANT, [large, small, *outer]) == dict(
            zip([large, small, *outer], [3, 2, 5, 4, 5], strict=True)
        )
