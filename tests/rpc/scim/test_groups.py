"""Groups in SCIM over native gRPC, in the forms of the RFC, of Entra and of Okta."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kit.accounts.people import Made, new_person
from kit.callers import Caller
from kit.scim import CODES, GROUP, GroupClient, create, delete, find, get, refusal, with_header
from kit.servers.installation import ENTROPY
from sqlalchemy import event

from ostiary.directory.groups.membership import add_members
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import Holder, installation_operator
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.scim.groups.member_changes import MAX_MEMBERS
from ostiary.store.engine import Store
from ostiary.store.prepared import Prepared

FOREIGN_SCHEMA = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


@pytest.fixture(scope="module")
def people(shared_caller: Caller, shared_owner: Made) -> dict[str, str]:
    """Ids of some users, by name."""
    return {name: create(shared_caller, shared_owner.call, userName=name)["id"] for name in ("one", "two", "three")}


@pytest.fixture
def groups(shared_caller: Caller, shared_owner: Made) -> GroupClient:
    return GroupClient(shared_caller, shared_owner.call)


def members(group: dict[str, Any]) -> set[str]:
    """The ids of the members."""
    return {member["value"] for member in group.get("members", ())}


def test_a_group_comes_back_whole_and_is_seen_at_its_members(
    shared_caller: Caller, shared_owner: Made, groups: GroupClient, people: dict[str, str]
) -> None:
    inner = groups.create("Inner", people["one"], externalId="g-1", schemas=[GROUP, FOREIGN_SCHEMA], id="mine")
    assert inner == groups.get(inner["id"]) == groups.get(f"urn:vcloud:group:{inner['id']}")
    assert inner["schemas"] == [GROUP]
    url = inner["meta"]["location"].rpartition("/Groups/")[0]
    (member,) = inner["members"]
    assert (member["$ref"], member["type"]) == (f"{url}/Users/{people['one']}", "User")
    assert (inner["externalId"], inner["meta"]["resourceType"]) == ("g-1", "Group")
    outer = groups.create("Outer", inner["id"])
    assert outer["members"][0] == {
        "value": inner["id"], "$ref": inner["meta"]["location"], "display": "Inner", "type": "Group",
    }  # fmt: skip
    seen = get(shared_caller, shared_owner.call, people["one"])["groups"]
    assert [(one["display"], one["type"]) for one in seen] == [("Inner", "direct"), ("Outer", "indirect")]
    found = find(shared_caller, shared_owner.call, filter='groups.display eq "OUTER"')["Resources"]
    assert [user["id"] for user in found] == [people["one"]]
    for one in (outer, inner):
        groups.delete(one["id"])
    assert "groups" not in get(shared_caller, shared_owner.call, people["one"])


def value(*ids: str) -> list[dict[str, Any]]:
    """Members as Entra sends them."""
    return [{"value": each, "display": "whatever", "$ref": None} for each in ids]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([("add", "members", ["two"])], "one two"), ([("Add", "members", ["one"])], "one"),
        ([("add", None, {"members": ["two", "three"]})], "one two three"), ([("remove", "members", None)], ""),
        ([("remove", 'members[value eq "{one}"]', None)], ""), ([("remove", 'members[value eq "{two}"]', None)], "one"),
        ([("Remove", "members", ["one"])], ""), ([("remove", "members", ["two"])], "one"),
        ([("replace", "members", ["two", "three"])], "two three"),
        ([("replace", None, {"members": ["three"]})], "three"),
        ([("add", "members", ["two"]), ("add", "members", ["three"]), ("remove", "members", ["one"])], "two three"),
        ([("remove", 'members[value eq "{one}" or value eq "{two}"]', None)], ""),
        ([("remove", 'members[type eq "User"]', None)], ""), ([("remove", 'members[type eq "Group"]', None)], "one"),
        ([("replace", 'members[value eq "{one}"]', ["two"])], "two"), ([("replace", "members", [])], ""),
        ([("add", f"{GROUP}:members", ["two"])], "one two"),
    ],
)  # fmt: skip
def test_members_are_changed_in_the_forms_of_every_client(
    groups: GroupClient, people: dict[str, str], operations: list[tuple[str, str | None, Any]], expected: str
) -> None:
    def sent(said: Any) -> Any:
        if isinstance(said, dict):
            return {name: sent(each) for name, each in said.items()}
        return value(*(people[name] for name in said))

    group = groups.create("Changing", people["one"])
    changes = []
    for verb, path, said in operations:
        placed = {} if path is None else {"path": path.format(**people) if "[" in path else path}
        changes.append({"op": verb, **placed, **({} if said is None else {"value": sent(said)})})
    after = groups.patch(group["id"], *changes)
    assert after == groups.get(group["id"])
    assert members(after) == {people[name] for name in expected.split()}
    assert (after["meta"]["version"] == group["meta"]["version"]) == (expected == "one"), "a change of nothing is none"
    groups.delete(group["id"])


def test_names_and_ids_of_a_group_change_with_its_version(groups: GroupClient, people: dict[str, str]) -> None:
    group = groups.create("Before", people["one"])
    after = groups.patch(
        group["id"], {"op": "Replace", "value": {"displayName": "After", "externalId": "x-9", "id": group["id"]}}
    )
    assert (after["displayName"], after["externalId"], members(after)) == ("After", "x-9", {people["one"]})
    put = groups.put(group["id"], displayName="Put", members=value(people["two"]))
    assert put == groups.get(group["id"])
    assert (put["displayName"], "externalId" in put, members(put)) == ("Put", False, {people["two"]})
    mine = with_header(groups.call, "if-match", 'W/"1"')
    stale = GroupClient.__new__(GroupClient)
    stale.stub, stale.call = groups.stub, mine
    change = {"op": "add", "path": "members", "value": value(people["one"])}
    for ask in (lambda: stale.patch(group["id"], change), lambda: stale.put(group["id"], displayName="x"),
                lambda: stale.delete(group["id"])):  # fmt: skip
        assert refusal(ask)[1] == "VERSION_MISMATCH"
    groups.delete(group["id"])
    assert refusal(groups.get, group["id"])[:2] == (CODES.NOT_FOUND, "GROUP_NOT_FOUND")


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "replace", "path": "members", "value": [{"value": "nobody"}]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"display": "x"}]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": 7}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": "{self}"}]}, "invalidValue"),
        ({"op": "replace", "path": 'members[value eq "x"].display', "value": "x"}, "mutability"),
        ({"op": "replace", "path": "displayName", "value": ""}, "mutability"),
        ({"op": "replace", "path": "displayName", "value": "a\nb"}, "invalidValue"),
        ({"op": "replace", "path": "displayName", "value": "x" * 257}, "invalidValue"),
        ({"op": "remove", "path": 'members[colour eq "x"]'}, "invalidFilter"),
        ({"op": "add", "path": "colour", "value": "x"}, "invalidPath"),
    ],
)
def test_a_bad_change_of_a_group_is_refused_and_leaves_nothing(
    groups: GroupClient, people: dict[str, str], operation: dict[str, Any], scim_type: str
) -> None:
    group = groups.create("Staying", people["one"])
    first = {"op": "add", "path": "members", "value": value(people["two"])}
    if operation.get("value") == [{"value": "{self}"}]:
        operation = {**operation, "value": value(group["id"])}
    code, reason, given = refusal(groups.patch, group["id"], first, operation)
    assert (code, given) == (CODES.INVALID_ARGUMENT, scim_type), reason
    assert groups.get(group["id"]) == group
    groups.delete(group["id"])


@pytest.mark.parametrize("attributes", [
    {"displayName": ""}, {"displayName": None}, {"displayName": "x" * 257}, {"members": [{"value": "nobody"}]},
    {"members": "x"}, {"members": [{}, {"display": "x"}]}, {"schemas": []},
])  # fmt: skip
def test_a_bad_group_is_refused_and_leaves_nothing(groups: GroupClient, attributes: dict[str, Any]) -> None:
    before = groups.find(count=0)["totalResults"]
    code, reason, given = refusal(lambda: groups.create("Bad", **attributes))
    assert (code, given) == (CODES.INVALID_ARGUMENT, "invalidValue"), reason
    assert groups.find(count=0)["totalResults"] == before


def test_members_are_counted_as_they_were_sent(groups: GroupClient, people: dict[str, str]) -> None:
    code, _, given = refusal(lambda: groups.create("Many", *[people["one"]] * (MAX_MEMBERS + 1)))
    assert (code, given) == (CODES.INVALID_ARGUMENT, "tooMany")


def test_groups_are_found_sorted_and_listed_without_members(groups: GroupClient, people: dict[str, str]) -> None:
    one = groups.create("Alpha", people["one"], externalId="a")
    two = groups.create("beta", one["id"], people["two"])
    table = {
        'displayName eq "ALPHA"': "A", 'displayName co "ET"': "B", 'externalId eq "a"': "A", 'externalId eq "A"': "",
        f'members.value eq "{people["two"]}"': "B", f'members eq "{one["id"]}"': "B", 'members[type eq "group"]': "B",
        'members.display eq "Alpha"': "B", f'members[value eq "{people["one"]}" and type eq "User"]': "A",
        f'id eq "{one["id"]}"': "A", 'displayName sw "b" or displayName ew "HA"': "AB", "members pr": "AB",
        'not (displayName sw "a") and displayName sw "b"': "B",
        'meta.resourceType eq "Group" and displayName sw "a"': "A",
        f'schemas eq "{GROUP}" and displayName le "alpha"': "A", 'meta.lastModified gt "2099-01-01T00:00:00Z"': "",
        f'meta.location eq "{one["meta"]["location"]}"': "A",
    }  # fmt: skip
    for filter, names in table.items():
        found = groups.find(filter=f'({filter}) and (displayName eq "alpha" or displayName eq "beta")')["Resources"]
        assert "".join(group["displayName"][0].upper() for group in found) == names, filter
    for filter in ('colour eq "x"', 'members.colour eq "x"', "displayName eq 7", 'password eq "x"'):
        assert refusal(groups.find, filter=filter)[2] == "invalidFilter"
    down = groups.find(sort_by="displayName", sort_order="descending", excluded_attributes="members")["Resources"]
    assert [group["displayName"] for group in down][:2] == ["beta", "Alpha"]
    assert not any("members" in group for group in down)
    first = groups.find(cursor="", count=1)
    assert groups.find(cursor=first["nextCursor"], count=1)["Resources"][0]["id"] == two["id"]
    for group in (one, two):
        groups.delete(group["id"])


def test_one_member_of_a_large_group_is_changed_without_reading_the_others(caller: Caller, owner: Made) -> None:
    groups, store, now_ms = GroupClient(caller, owner.call), caller.installation.runtime.store, 1
    small, large = groups.create("Small"), groups.create("Large")
    with store.write() as work:
        ids = [
            create_user(work, owner.tenant_id, NewUser(user_name=f"u{number}"), None, ENTROPY, now_ms).id
            for number in range(1_200)
        ]
        for group, many in ((small, 150), (large, 1_200)):
            members = list(map(Holder, ids[:many]))
            add_members(work, owner.tenant_id, group["id"], members, installation_operator, now_ms)
    change = {"op": "add", "path": "members", "value": value(owner.id)}
    gone = {"op": "remove", "path": f'members[value eq "{owner.id}"]'}
    rows = {}
    for group in (small, large):
        with rows_read(store) as read:
            assert [groups.patch(group["id"], each) for each in (change, gone)] == [{}, {}]
        rows[group["id"]] = sum(read)
    assert rows[large["id"]] == rows[small["id"]] > 0
    assert len(groups.get(large["id"])["members"]) == 1_200
    shown = groups.patch(large["id"], change, attributes="displayName")
    assert (shown["displayName"], "members" in shown) == ("Large", False)


@contextmanager
def rows_read(store: Store) -> Iterator[list[int]]:
    """The number of rows that each statement of a transaction found, whether SQLAlchemy or the driver executed it."""
    read: list[int] = []
    ask = Prepared.ask

    def heard(asked: Prepared, connection: Any, parameters: Any) -> Any:
        found = ask(asked, connection, parameters)
        read.append(len(found))
        return found

    def hear(_connection: Any, cursor: Any, statement: str, *_more: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            read.append(len(cursor.connection.execute(statement, _more[0]).fetchall()))

    event.listen(store.writing, "before_cursor_execute", hear)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "ask", heard)
            yield read
    finally:
        event.remove(store.writing, "before_cursor_execute", hear)


def test_nobody_enters_a_group_that_permits_more_than_the_caller_may_do(caller: Caller, owner: Made) -> None:
    groups, now_ms = GroupClient(caller, owner.call), caller.installation.clock.now_ms()
    group = groups.create("Managers")
    with caller.installation.runtime.store.write() as work:
        bind_role(work, owner.tenant_id, group["id"], "platform_operator", now_ms, kind="Group")
    change = {"op": "add", "path": "members", "value": value(owner.id)}
    for ask in (lambda: groups.patch(group["id"], change), lambda: groups.delete(group["id"]),
                lambda: groups.put(group["id"], displayName="x", members=value(owner.id))):  # fmt: skip
        assert refusal(ask)[:2] == (CODES.PERMISSION_DENIED, "FORBIDDEN")
    member = new_person(caller.installation, owner.tenant_id, "member", "org_member")
    assert refusal(GroupClient(caller, member.call).patch, group["id"], change)[0] is CODES.PERMISSION_DENIED
    assert GroupClient(caller, member.call).find()["totalResults"] == 1


def test_a_foreign_group_looks_like_none_and_a_deleted_user_leaves(caller: Caller, owner: Made) -> None:
    foreign = new_person(caller.installation, caller.installation.new_tenant("other"), "ann", "org_owner")
    theirs = GroupClient(caller, foreign.call).create("Theirs", foreign.id)
    groups = GroupClient(caller, owner.call)
    for name in (theirs["id"], "nonsense"):
        for ask in (lambda name=name: groups.get(name), lambda name=name: groups.delete(name),
                    lambda name=name: groups.put(name, displayName="x"),
                    lambda name=name: groups.patch(name, {"op": "remove", "path": "members"})):  # fmt: skip
            assert refusal(ask)[:2] == (CODES.NOT_FOUND, "GROUP_NOT_FOUND")
    assert refusal(lambda: groups.create("x", foreign.id))[2] == "invalidValue"
    bob = create(caller, owner.call, userName="bob")
    mine = groups.create("Mine", bob["id"])
    delete(caller, owner.call, bob["id"])
    after = groups.get(mine["id"])
    assert (members(after), after["meta"]["version"] != mine["meta"]["version"]) == (set(), True)
