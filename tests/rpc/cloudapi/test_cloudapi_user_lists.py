"""Lists of users in cloudapi: filters, orders, pages, groups."""

from __future__ import annotations

from typing import Any

import pytest
from kit.accounts.director import Director
from kit.callers import Caller

from ostiary.directory.groups.groups import GroupDescription, create_group
from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.granting import Holder, grant_role, installation_operator
from ostiary.store.tables import GROUP

URN = "urn:vcloud:user:"


@pytest.fixture(scope="module")
def director(shared_caller: Caller) -> Director:
    """An organization with some people, which no test changes."""
    made = Director(shared_caller)
    for name, facts in (
        ("alpha", {"fullName": "Großer Ärger", "email": "alpha@example.com"}), ("Alpine", {"enabled": False}),
        ("beta_1", {"fullName": "100%", "email": "b@bücher.example"}), ("a;b,(c)*", {"fullName": "odd"}),
    ):  # fmt: skip
        user = {"username": name, "roleEntityRefs": [{"name": "org_member"}], **facts}
        made.ask("UsersService/CreateUser", user=user)
    return made


def found(director: Director, filter: str, **query: Any) -> list[str]:
    return [user["username"] for user in director.ask("UsersService/ListUsers", filter=filter, **query)["values"]]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("username==ALPHA", ["alpha"]),
        ("username==al*", ["alpha", "Alpine"]),
        ("username==*a*;username!=al*;enabled==true", ["a;b,(c)*", "beta_1"]),
        ("username==beta?1,username==b%", []),
        ("username==beta_*", ["beta_1"]),
        ("nameInSource==alpha", ["alpha"]),
        ("fullName==*ÄRGER", ["alpha"]),
        ("fullName==100%", ["beta_1"]),
        ("email==ALPHA@example.com", ["alpha"]),
        ("email==b@xn--bcher-kva.example", ["beta_1"]),
        ("email==*@example.com;username==al*", ["alpha"]),
        ("enabled==false", ["Alpine"]),
        ("(username==alpha,username==beta_1);enabled==true", ["alpha", "beta_1"]),
        ("username=ge=alpine;username=lt=member", ["Alpine", "beta_1"]),
        ("providerType==LOCAL;username==alpha", ["alpha"]),
        ("providerType==LDAP", []),
        ("locked==true", []),
        ("roleEntityRefs.name==org_owner", ["owner"]),
        ("username==nobody", []),
    ],
)
def test_a_filter_selects(director: Director, filter: str, expected: list[str]) -> None:
    assert found(director, filter) == sorted(expected, key=str.lower)


def test_values_may_be_encoded_once_more(director: Director) -> None:
    assert found(director, "username==a%3Bb%2C%28c%29%2A", filterEncoded=True) == ["a;b,(c)*"]


def test_a_user_is_found_by_its_urn(director: Director) -> None:
    ann = director.ask("UsersService/ListUsers", filter="username==alpha")["values"][0]
    assert found(director, f"id=={ann['id']}") == found(director, f"id=={ann['id'].removeprefix(URN)}") == ["alpha"]


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "password==x"}, {"filter": "password==*"}, {"sortAsc": "password"}, {"filter": "username"},
        {"filter": "enabled==perhaps"}, {"filter": "enabled=gt=true"}, {"filter": "username=gt=a*"},
        {"filter": "(" * 17 + "username==x" + ")" * 17}, {"filter": ",".join(["username==x"] * 51)},
        {"filter": ",".join(["username==*x"] * 11)},
        {"filter": "username==" + "x" * 2_040}, {"sortAsc": "email"}, {"sortAsc": "id", "sortDesc": "id"},
        {"pageSize": 129}, {"page": 0}, {"filter": "colour==red"}, {"filter": "username==a\0b"},
        {"filter": "providerType=gt=LOCAL"},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_a_reason(director: Director, query: Any) -> None:
    code, reason = director.refused("UsersService/ListUsers", **query)
    assert code == "INVALID_ARGUMENT"
    assert reason in ("INVALID_FILTER", "INVALID_SORT", "INVALID_PAGE", "UNSTORABLE_VALUE")


@pytest.mark.parametrize("by", ["username", "nameInSource", "fullName", "id"])
@pytest.mark.parametrize("filter", ["", "username!=alpha"])
def test_pages_in_either_order_are_the_whole_list_once(director: Director, by: str, filter: str) -> None:
    asked = {"filter": filter} if filter else {}
    listed = director.ask("UsersService/ListUsers", sortAsc=by, **asked)
    ids = [user["id"] for user in listed["values"]]
    assert len(ids) == listed["resultTotal"] == len(set(ids)) == (6 - bool(filter))
    for order, expected in (("sortAsc", ids), ("sortDesc", ids[::-1])):
        pages = [
            director.ask("UsersService/ListUsers", **{order: by}, page=page, pageSize=2, **asked)
            for page in (1, 2, 3, 4)
        ]
        assert [user["id"] for page in pages for user in page["values"]] == expected
        assert {page["pageCount"] for page in pages} == {3}


def test_links_name_the_other_pages(director: Director) -> None:
    links = director.answered("UsersService/ListUsers", pageSize=4, filter="enabled==true")[1]["link"]
    assert 'page=2&pageSize=4&filter=enabled%3D%3Dtrue>;rel="nextPage"' in links
    assert 'rel="lastPage"' in links


def test_groups_of_a_user_are_listed_also_those_that_contain_its_groups(director: Director) -> None:
    runtime, now_ms, tenant_id = director.made.runtime, director.made.clock.now_ms(), director.tenant_id
    ann = director.ask("UsersService/ListUsers", filter="username==alpha")["values"][0]
    with runtime.store.write() as work:
        inner, outer, _ = (
            create_group(work, tenant_id, GroupDescription(name), runtime.entropy, now_ms)
            for name in ("Inner", "Outer", "Other")
        )
        member = Holder(ann["id"].removeprefix(URN))
        add_member(work, tenant_id, inner.id, member, installation_operator, now_ms)
        add_member(work, tenant_id, outer.id, Holder(inner.id, GROUP), installation_operator, now_ms)
        grant_role(work, tenant_id, Holder(outer.id, GROUP), "org_owner", installation_operator, now_ms)
    listed = director.ask("UsersService/ListUserGroups", director.member, id=ann["id"])
    assert [(group["name"], group["id"]) for group in listed["values"]] == [
        ("Inner", f"urn:vcloud:group:{inner.id}"), ("Outer", f"urn:vcloud:group:{outer.id}"),
    ]  # fmt: skip
    for query, expected in (
        ({"sortDesc": "name"}, ["Outer", "Inner"]), ({"filter": "name==in*"}, ["Inner"]),
        ({"pageSize": 1, "page": 2}, ["Outer"]), ({"filter": f"id==urn:vcloud:group:{outer.id}"}, ["Outer"]),
    ):  # fmt: skip
        groups = director.ask("UsersService/ListUserGroups", id=ann["id"], **query)["values"]
        assert [group["name"] for group in groups] == expected
    shown = director.ask("UsersService/GetUser", id=ann["id"])
    direct, effective = (
        [role["name"] for role in shown[field]] for field in ("roleEntityRefs", "effectiveRoleEntityRefs")
    )
    assert (direct, effective) == (["org_member"], ["org_member", "org_owner"])
