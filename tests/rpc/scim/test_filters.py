"""Filters of SCIM on users over native gRPC, on both databases: each operator, on attributes stored in each way."""

from __future__ import annotations

from typing import Any

import pytest
from kit.callers import Caller, bearer
from kit.cases import in_one_test
from kit.scim import ENTERPRISE, USER, create, find, refusal

ALTERNATING = '(userName eq "a" or (active eq true and ' * 40 + "active eq true" + "))" * 40
BJENSEN: dict[str, Any] = {
    "userName": "bjensen", "displayName": "Babs", "title": "Tour Guide", "userType": "Employee", "externalId": "hr-1",
    "name": {"givenName": "Barbara", "familyName": "O'Malley"}, "active": True, "profileUrl": "https://x.example/Babs",
    "emails": [{"value": "bjensen@example.com", "type": "work", "primary": True},
               {"value": "babs@jensen.org", "type": "home"}],
    "phoneNumbers": [{"value": "+49 30 123", "type": "mobile"}],
    "ims": [{"value": "foo@foo.com", "type": "xmpp"}, {"value": "Ü@foo.com", "type": "aim"}],
    "addresses": [{"type": "work", "locality": "Köln", "country": "DE", "primary": True},
                  {"type": "home", "locality": "Hollywood", "country": "US"}],
    ENTERPRISE: {"department": "Ärzte", "employeeNumber": "701984", "manager": {"value": "26118915"}},
}  # fmt: skip
JSMITH: dict[str, Any] = {
    "userName": "Jsmith", "displayName": "John", "userType": "Intern", "name": {"familyName": "Smith"},
    "emails": [{"value": "jsmith@example.org", "type": "other"}], "active": False,
    "addresses": [{"type": "home", "locality": "Bonn", "country": "DE"}],
}  # fmt: skip
CORP: dict[str, Any] = {"userName": "CORP\\jo", "displayName": "Corp", "title": "50%_off", "locale": "de-DE"}
B, J, C = "bjensen", "Jsmith", "CORP\\jo"
EVERYBODY = [B, C, J]
RFC_7644: list[tuple[str, list[str]]] = [
    ('userName Eq "BJENSEN"', [B]), ('name.familyName co "O\'Malley"', [B]), ('userName sw "J"', [J]),
    (f'{USER}:userName sw "J"', [J]), ("title pr", [B, C]), ('meta.lastModified gt "2011-05-13T04:42:34Z"', EVERYBODY),
    ('meta.lastModified ge "2011-05-13T04:42:34Z"', EVERYBODY), ('meta.lastModified lt "2011-05-13T04:42:34Z"', []),
    ('meta.lastModified le "2011-05-13T04:42:34Z"', []), ('title pr and userType eq "Employee"', [B]),
    ('title pr or userType eq "Intern"', [B, C, J]), (f'schemas eq "{ENTERPRISE}"', [B]),
    ('userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")', [B]),
    ('userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")', [C]),
    ('userType eq "Employee" and (emails.type eq "work")', [B]),
    ('userType eq "Employee" and emails[type eq "work" and value co "@example.com"]', [B]),
    ('emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]', [B]),
]  # fmt: skip
"""The example filters of RFC 7644 §3.4.2.2."""
OURS: list[tuple[str, list[str]]] = [
    # columns
    ('userName ne "bjensen"', [C, J]), ('userName co "MITH"', [J]), ('userName ew "SEN"', [B]),
    ('userName gt "bz"', [C, J]), ('userName ge "jsmith"', [J]), ('userName lt "bz"', [B]),
    ('userName le "bjensen"', [B]), ("userName pr", EVERYBODY), ('userName co ""', EVERYBODY), ("userName eq null", []),
    ('displayName sw "ba" or displayName eq "JOHN"', [B, J]), ('locale eq "DE-de"', [C]), ("locale pr", [C]),
    ('locale ne "de-de"', [B, J]), ("locale ne null", [C]), ('id eq "nobody"', []), ('id ne "nobody"', EVERYBODY),
    # true and false
    ("active eq false", [J]), ('active eq "False"', [J]), ('active eq "True"', [B, C]), ("active ne true", [J]),
    ("active pr", EVERYBODY), ("not (active eq true)", [J]),
    # what no JSON can spell, and what is no address
    (r'userName eq "CORP\jo"', [C]), (r'userName eq "CORP\\JO"', [C]), ('emails.value eq "no address"', []),
    ('emails[type eq "work"].value eq "no address"', []), ('userName eq "a\\"b"', []),
    ('title co "%"', [C]), ('title co "0%_O"', [C]), ('title sw "50_"', []), ('title ew "_OFF"', [C]),
    # contacts
    ('emails.value eq "BABS@jensen.org"', [B]), ("emails pr", [B, J]), ("not (emails pr)", [C]),
    ('emails.value ne "jsmith@example.org"', [B]), ('not (emails.value eq "jsmith@example.org")', [B, C]),
    ('emails.type eq "HOME"', [B]), ('emails[type eq "home"].value eq "bjensen@example.com"', []),
    ('emails[type eq "work"].value eq "BJENSEN@example.com"', [B]), ('emails[primary eq "True"].value sw "bj"', [B]),
    ("emails[primary eq false].value pr", [B]), ('emails[not (type eq "work")]', [B, J]),
    ('emails[type eq "work" or type eq "other"]', [B, J]), ("emails[value pr]", [B, J]), ('emails.value sw "j"', [J]),
    ('phoneNumbers.value eq "+49-30-123"', [B]), ('phoneNumbers.value sw "+49 (30)"', [B]),
    ('phoneNumbers[type eq "mobile"].value eq "4930"', []),
    # the client's own ids, whose case counts
    ('externalId eq "hr-1"', [B]), ('externalId eq "HR-1"', []), ('externalId sw "hr"', [B]), ("externalId pr", [B]),
    ('externalId ne "hr-1"', [C, J]), ("not (externalId pr)", [C, J]), ('externalId lt "hr-2"', [B]),
    # stored JSON
    ('name.givenName eq "BARBARA"', [B]), ('name.formatted eq "barbara o\'malley"', [B]), ("name pr", [B, J]),
    ('name.familyName gt "p"', [J]), ('title eq "TOUR guide"', [B]), ('title ne "tour guide"', [C, J]),
    ('not (title eq "tour guide")', [C, J]), ("not (title pr)", [J]), ('title lt "6"', [C]),
    (f'{ENTERPRISE}:department eq "ärzte"', [B]), (f'{ENTERPRISE}:department co "ÄRZ"', [B]),
    (f'{ENTERPRISE}:employeeNumber pr', [B]), (f'{ENTERPRISE}:manager.value eq "26118915"', [B]),
    (f'{ENTERPRISE}:manager eq "26118915"', [B]), (f"{ENTERPRISE}:manager pr", [B]), (f"{ENTERPRISE} pr", [B]),
    (f'{ENTERPRISE}:costCenter ne "x"', EVERYBODY),
    ('profileUrl eq "https://x.example/Babs"', [B]), ('profileUrl eq "https://x.example/babs"', []),
    ('addresses[type eq "work"].country eq "DE"', [B]), ('addresses[type eq "home" and country eq "de"]', [J]),
    ('addresses.locality sw "KÖ"', [B]), ('addresses[primary eq true].locality eq "köln"', [B]),
    ("addresses pr", [B, J]), ("addresses[primary eq false]", [B, J]), ('ims.value co "ü@"', [B]), ("photos pr", []),
    # what the server says of a user
    ('meta.resourceType eq "user"', EVERYBODY), ('meta.version eq "W/\\"1\\""', EVERYBODY), ('meta.version eq "x"', []),
    ('roles.value eq "ORG_OWNER"', []), ('roles eq "org_member"', [B, C, J]), ("groups pr", []),
    ('groups.display eq "x"', []), ('meta.created gt "2099-01-01T00:00:00.0001+02:00"', []),
    # brackets, and and or
    ('userName eq "bjensen" or userName eq "jsmith" and active eq true', [B]),
    ('(userName eq "bjensen" or userName eq "jsmith") and active eq false', [J]), ("NOT(title PR)", [J]),
    ("not (not (title pr))", [B, C]), ('\tuserName\neq "bjensen" ', [B]),
]  # fmt: skip
WRONG = [
    "", " ", "userName", "userName eq", 'userName xx "a"', 'colour eq "red"', 'password eq "x"', "password pr",
    'not (password sw "a")', f'{USER}:password eq "x"', "userName eq true", "userName eq 7", "userName co null",
    'active eq "x"', "active gt true", 'active co "t"', 'emails[type eq true]', 'emails[primary eq "yes"]',
    'emails[colour eq "x"]', 'emails[value eq "x"', 'userName[value eq "x"]', 'addresses eq "x"', 'name eq "x"',
    'meta.created co "20"', 'meta.created eq "soon"', "meta.created eq 7", 'emails[ims[type eq "x"]]', "userName pr pr",
    'userName eq "\\ud800"', 'externalId eq "\\udfff"', 'userName eq "a\\ud83d"', 'emails[type eq "\\ud800"].value pr',
    'userName eq "a\0"', 'userName eq "\\u0000"', 'userName eq "a\nb"', 'userName eq "a', "userName eq 'a'",
    ALTERNATING,
    "x" * 4_097, "(" * 17 + "title pr" + ")" * 17, " or ".join(["title pr"] * 101), "userName eq 1" + "0" * 40,
    'emails.value.x eq "a"', 'urn:x:userName eq "a"', "not title pr", "title pr and", '"a" eq userName',
]  # fmt: skip


@pytest.fixture(scope="module")
def searcher(shared_caller: Caller) -> dict[str, Any]:
    """A Manager of an organization with the three users of the tables."""
    manager = shared_caller.as_role("manager")
    for attributes in (BJENSEN, JSMITH, CORP):
        create(shared_caller, manager, **attributes)
    return manager


@in_one_test("filter, names", [*RFC_7644, *OURS])
def test_a_filter_finds(shared_caller: Caller, searcher: dict[str, Any], filter: str, names: list[str]) -> None:
    found = find(shared_caller, searcher, filter=filter)
    assert [user["userName"] for user in found["Resources"]] == names
    assert found["totalResults"] == len(names)
    # Of a page that is full the total is counted.
    assert find(shared_caller, searcher, filter=filter, count=1)["totalResults"] == len(names)


@in_one_test("filter", WRONG[1:])
def test_a_bad_filter_is_refused(shared_caller: Caller, searcher: dict[str, Any], filter: str) -> None:
    code, reason, scim_type = refusal(find, shared_caller, searcher, filter=filter)
    assert (code.name, scim_type) == ("INVALID_ARGUMENT", "invalidFilter"), reason


@pytest.mark.parametrize(
    ("sort_by", "names"),
    [
        ("", EVERYBODY), ("USERNAME", EVERYBODY), ("displayName", [B, C, J]), ("active", [J, B, C]),
        ("name.familyName", [B, J, C]), ("title", [C, B, J]), ("emails", [B, J, C]), ("emails.value", [B, J, C]),
        ("externalId", [B, C, J]), (f"{ENTERPRISE}:department", [B, C, J]), ("meta.created", None), ("id", None),
        ("meta.lastModified", None),
    ],
)  # fmt: skip
def test_users_are_sorted_by_any_single_attribute_and_the_absent_come_last(
    shared_caller: Caller, searcher: dict[str, Any], sort_by: str, names: list[str] | None
) -> None:
    up = [user["userName"] for user in find(shared_caller, searcher, sort_by=sort_by)["Resources"]]
    ways = {"sort_by": sort_by, "sort_order": "descending"}
    down = [user["userName"] for user in find(shared_caller, searcher, **ways)["Resources"]]
    assert down == up[::-1]
    present = {"title": 2, "name.familyName": 2, "emails": 2, "emails.value": 2, "externalId": 1, "active": 1}
    known = present.get(sort_by, 1 if ENTERPRISE in sort_by else 3)
    assert up[:known] == (names or up)[:known]


@pytest.mark.parametrize(
    "sort",
    [
        {},
        {"sort_by": "title"},
        {"sort_by": "emails", "sort_order": "descending"},
        {"sort_by": "active"},
        {"sort_by": "meta.created", "sort_order": "descending"},
    ],
)
def test_cursors_lead_through_all_pages_once(
    shared_caller: Caller, searcher: dict[str, Any], sort: dict[str, str]
) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = find(shared_caller, searcher, cursor=cursor, count=1, filter="userName pr", **sort)
        assert (page["totalResults"], "startIndex" in page) == (3, False)
        seen += [user["userName"] for user in page["Resources"]]
        cursor = page.get("nextCursor")
    whole = find(shared_caller, searcher, filter="userName pr", **sort)["Resources"]
    assert seen == [user["userName"] for user in whole]


@pytest.mark.parametrize("change", [{"sort_by": "id"}, {"filter": "title pr"}, {"cursor": "AAAA"}, {"cursor": "é"},
                                    {"sort_order": "descending"}, {"cursor": "W10"}])  # fmt: skip
def test_a_cursor_of_another_list_is_refused(
    shared_caller: Caller, searcher: dict[str, Any], change: dict[str, str]
) -> None:
    cursor = find(shared_caller, searcher, cursor="", count=1)["nextCursor"]
    answer = refusal(find, shared_caller, searcher, **{"cursor": cursor, "count": 1, **change})
    assert answer[1:] == ("INVALID_CURSOR", "invalidCursor")


def test_texts_that_are_longer_than_their_index_are_told_apart(shared_caller: Caller) -> None:
    made = shared_caller.installation
    manager = bearer(shared_caller.token(made.new_api_key(made.new_tenant("long-titles"), "manager")))
    long = "ß" * 150  # 300 characters in compared form
    for title in (f"{long}a", f"{long}b", "Short"):
        create(shared_caller, manager, userName=title[-1], title=title)

    def names(filter: str) -> list[str]:
        return [user["userName"] for user in find(shared_caller, manager, filter=filter)["Resources"]]

    assert names(f'title eq "{long}B"') == ["b"]
    assert names(f'title sw "{long}"') == ["a", "b"]
    assert names(f'title sw "{long[:20]}" and not (title eq "{long}a")') == ["b"]
    assert names(f'title eq "{long}"') == []
