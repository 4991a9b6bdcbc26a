"""Profiles exported from one tenant and imported into another."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from kit.accounts.anonymous import Shop
from kit.accounts.custom import Custom
from kit.accounts.directory import INVALID, NOBODY, TAKEN, Json, People, body, raw
from kit.accounts.pre_registered import MAIL, nominate, signed_in
from kit.callers import refusal

MEMBERS = ["id", "name", "email", "preferred_username", "picture", "gender", "locale"]


@pytest.fixture
def source(people: People) -> People:
    people.role = "manager"
    people.authenticate()
    return people


@pytest.fixture
def target(source: People) -> People:
    return People(source.caller, "manager")


def user(number: int = 1, **facts: Any) -> Json:
    """A profile as an export holds it."""
    identity = {"provider": "google", "id": f"g{number}", "idpUserInfo": {"id": f"g{number}", "idpType": "google"}}
    return {"id": f"old-{number}", "identities": [identity], "attributes": {}, **facts}


def bring(people: People, *users: Any) -> Json:
    """Imports profiles."""
    return people.profiles("ImportUserProfiles", users=body({"users": list(users)}))


def exported(people: People, **paging: int) -> Json:
    return people.profiles("ExportUserProfiles", **paging)


def without_ids(users: list[Json]) -> list[Json]:
    return sorted(({**one, "id": ""} for one in users), key=lambda one: str(one["identities"]))


def test_profiles_arrive_whole_under_new_ids(source: People, target: People) -> None:
    facts = dict.fromkeys(MEMBERS[1:], "x") | {"email": "Ada@example.com", "picture": "https://p.example/a.png"}
    for people in (source, target):
        people.manage("RolesService/CreateRole", role={"name": "Child", "access": []})
        people.manage("RolesService/CreateRole", role={"name": "Adult", "access": []})
    second = {"provider": "facebook", "id": "f1", "idpUserInfo": {"deep": [{"n": 1}], "idpType": "facebook"}}
    whole = user(1, **facts, attributes={"points": 150, "z": [1]}, roles=["adult", "Child"])
    whole["identities"].append(second)
    waiting = {"idp": "google", "idp-identity": "Late@example.com", "profile": {"attributes": {"plan": "gold"}}}
    source.profiles("PreRegisterUser", user=body(waiting))
    assert bring(source, whole) == {"added": 1, "failed": 0, "failReasons": []}
    answer = exported(source)
    found = next(one for one in answer["users"] if "name" in one)
    assert list(found) == [*MEMBERS, "identities", "attributes", "idp", "roles"]
    assert found == {
        **facts, "id": found["id"], "attributes": {"points": 150, "z": [1]}, "idp": "facebook",
        "roles": ["Adult", "Child"], "identities": [second, whole["identities"][0]],
    }  # fmt: skip
    assert bring(target, *answer["users"]) == {"added": 2, "failed": 0, "failReasons": []}
    copied = exported(target)["users"]
    assert without_ids(copied) == without_ids(answer["users"])
    assert {one["id"] for one in copied}.isdisjoint(one["id"] for one in answer["users"])
    profile = target.profiles("SearchUserProfiles", email="ada@EXAMPLE.com", dataScope="full")["users"][0]
    assert (profile["name"], profile["identities"]) == ("x", found["identities"])


def test_every_digit_survives_the_journey(source: People, target: People) -> None:
    text = '{"z":1.10,"a":12345678901234567890,"m":{"b":[true,null,"\\u00fc"]}}'
    users = json.dumps({"users": [user()]}).replace('"attributes": {}', f'"attributes": {text}')
    source.profiles("ImportUserProfiles", users=body(users))
    sent = raw(source.manage("UsersService/ExportUserProfiles"))
    assert f'"attributes":{text}' in sent
    target.profiles("ImportUserProfiles", users=body(sent))
    assert f'"attributes":{text}' in raw(target.manage("UsersService/ExportUserProfiles"))


def test_directory_and_anonymous_users_stay_at_home(source: People) -> None:
    shop = Shop(source)
    shop.visit()
    source.with_profile()
    bring(source, user())
    answer = exported(source)
    assert (answer["totalResults"], [one["idp"] for one in answer["users"]]) == (1, ["google"])


def test_who_is_expected_in_the_directory_is_expected_there_too_and_gets_the_profile(
    source: People, target: People
) -> None:
    nominate(source, "cloud_directory", MAIL, plan="gold")
    nominate(source, "cloud_directory", source.create("joe@example.com")["id"], plan="by id, so with the directory")
    (waiting,) = exported(source)["users"]
    assert (waiting["idp"], waiting["identities"][0]["preRegistered"]) == ("cloud_directory", True)
    assert bring(target, waiting)["added"] == 1
    assert bring(target, waiting)["failReasons"][0]["error"]["code"] == "PROFILE_EXISTS"
    assert refusal(partial(nominate, target, "cloud_directory", MAIL.lower())) == (TAKEN, "PROFILE_EXISTS")
    target.create("ada@example.com")
    profile = target.profiles("GetUserProfile", id=signed_in(target))
    assert (profile["attributes"], len(profile["identities"])) == ({"plan": "gold"}, 1)
    assert "preRegistered" not in profile["identities"][0]
    assert exported(target)["totalResults"] == 0


def test_an_imported_user_signs_in_to_the_imported_profile(source: People, target: People) -> None:
    here, there = Custom(source.caller, source.tenant_id), Custom(target.caller, target.tenant_id)
    here.exchange(here.assertion(sub="emp-1", name="Ada", department="R&D"))
    people = exported(source)["users"]
    bring(target, *people)
    answer = there.exchange(there.assertion(sub="emp-1"))
    profile = exported(target)["users"][0]
    assert there.verified(answer["id_token"])[1]["sub"] == profile["id"] != people[0]["id"]
    assert profile["name"] == "Ada"


def test_pages_are_stable_and_hold_fifty_at_most(source: People) -> None:
    for first in (0, 50):
        bring(source, *(user(number) for number in range(first, first + 50)))
        source.made.clock.advance(1)
    bring(source, *(user(number) for number in range(100, 103)))
    whole = exported(source, count=100)
    assert whole["requestOptions"] == {"count": 100}
    assert (whole["totalResults"], whole["itemsPerPage"], len(whole["users"])) == (103, 50, 50)
    seen: list[str] = []
    for start in range(1, 104, 10):
        page = exported(source, startIndex=start, count=10)
        assert (page["totalResults"], page["itemsPerPage"]) == (103, len(page["users"]))
        assert page["requestOptions"] == {"startIndex": start, "count": 10}
        seen += [one["identities"][0]["id"] for one in page["users"]]
    assert len(seen) == len(set(seen)) == 103
    assert set(seen[:50]) == {f"g{number}" for number in range(50)}, "oldest first"
    assert exported(source, count=0)["users"] == []
    assert exported(source, startIndex=104)["users"] == []
    assert len(exported(source)["users"]) == 50
    for count in (-1, 101):
        assert refusal(partial(exported, source, count=count)) == (INVALID, "INVALID_COUNT")
    for start in (-1, 0):
        assert exported(source, startIndex=start)["users"] == exported(source)["users"]


def identity(**facts: Any) -> list[Json]:
    return [{"provider": "google", "id": "g1", **facts}]


@pytest.mark.parametrize(
    ("entry", "idp", "message"),
    [
        ("text", "", "A user must be an object"), ({**user(), "id": 5}, "google", "A user must be an object"),
        ({**user(), "attributes": []}, "google", "attributes must be an object"),
        ({**user(), "attributes": {"": 1}}, "google", "The name of an attribute"),
        ({**user(), "attributes": {"a": "x" * 102_400}}, "google", "at most 102400 bytes"),
        ({**user(), "identities": []}, "", "1 to 20 identities"), ({**user(), "identities": {}}, "", "identities"),
        ({**user(), "identities": ["x"]}, "", "must be an object"),
        (user(identities=identity(provider="appid_anon")), "appid_anon", "must be one of saml"),
        (user(identities=identity(provider="cloud_directory")), "cloud_directory", "with their directory"),
        (user(identities=identity(id="")), "google", "1 to 256"),
        (user(identities=identity(id="kim@", preRegistered=True)), "google", "mail address"),
        (user(identities=identity(id=7)), "google", "1 to 256"),
        (user(identities=identity() * 2), "google", "twice"),
        (user(identities=identity(idpUserInfo={"x": "y" * 102_400})), "google", "idpUserInfo"),
        (user(name=5), "google", "name must be text"), (user(picture="x" * 2_049), "google", "picture must be text"),
        (user(email="nul\0"), "google", "email must be text"), (user(roles="admin"), "google", "list of names"),
        (user(roles=["nobody"]), "google", "no role 'nobody'"),
    ],
    ids=range(20),
)  # fmt: skip
def test_what_is_wrong_with_one_is_told_and_the_others_are_added(
    source: People, entry: Any, idp: str, message: str
) -> None:
    answer = bring(source, user(8), entry, user(9))
    assert (answer["added"], answer["failed"]) == (2, 1)
    (failure,) = answer["failReasons"]
    known = entry["id"] if isinstance(entry, dict) and entry["id"] != 5 else ""
    assert (failure["originalId"], failure["idp"]) == (known, idp)
    assert message in failure["error"]["message"]
    assert [one["identities"][0]["id"] for one in exported(source)["users"]].count("g1") == 0
    assert exported(source)["totalResults"] == 2


def test_who_is_there_already_is_not_added_again(source: People) -> None:
    waiting = {"idp": "google", "idp-identity": "Late@example.com"}
    source.profiles("PreRegisterUser", user=body(waiting))
    two = user(1)
    two["identities"] = [*identity(id="g7"), {"provider": "facebook", "id": "f1"}]
    bring(source, user(1))
    answer = bring(
        source, user(1), user(2), user(2), user(3, email="late@EXAMPLE.com"), two,
        {**user(4), "identities": [{"provider": "facebook", "id": "f1"}]},
    )  # fmt: skip
    assert (answer["added"], answer["failed"]) == (2, 4)
    assert answer["failReasons"][0] == {
        "originalId": "old-1", "idp": "google",
        "error": {"message": "The user already exists.", "code": "PROFILE_EXISTS"},
    }  # fmt: skip
    assert [one["originalId"] for one in answer["failReasons"]] == ["old-1", "old-2", "old-3", "old-4"]
    assert exported(source)["totalResults"] == 4


def test_what_a_provider_said_may_stand_beside_the_id_as_in_older_exports(source: People) -> None:
    said = {"provider": "facebook", "id": "f1", "first_name": "AppID", "picture": {"data": {"height": 50}}}
    bring(source, user(identities=[said]))
    (found,) = exported(source)["users"][0]["identities"]
    assert found["idpUserInfo"] == {
        "first_name": "AppID", "picture": {"data": {"height": 50}}, "idpType": "facebook",
    }  # fmt: skip


def test_nothing_but_documented_members_acts(source: People) -> None:
    bring(source, user(tenantId=NOBODY, anonymous=True, hashedEmail="x", tokens_valid_from=1, scopes=["admin"]))
    (found,) = exported(source)["users"]
    assert set(found) == {"id", "identities", "attributes", "idp", "roles"}
    assert found["id"] != "old-1"


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ("", "MALFORMED_JSON"), ("{", "MALFORMED_JSON"), ("[]", "USERS_MISSING"), ("{}", "USERS_MISSING"),
        ({"users": {}}, "USERS_MISSING"), ({"users": [user(number) for number in range(51)]}, "TOO_MANY_USERS"),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_bad_body_adds_nobody(source: People, users: Any, reason: str) -> None:
    asked = partial(source.profiles, "ImportUserProfiles", users=body(users))
    assert refusal(asked) == (INVALID, reason)
    assert exported(source)["totalResults"] == 0


def test_an_empty_import_adds_nobody(source: People) -> None:
    assert bring(source) == {"added": 0, "failed": 0, "failReasons": []}


def test_of_many_imports_at_once_each_user_comes_from_one(source: People) -> None:
    users = [user(number) for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        orders = [users, users[::-1], users[10:] + users[:10], users]
        answers = list(pool.map(lambda order: bring(source, *order), orders))
    assert sum(answer["added"] for answer in answers) == 20
    assert sum(answer["failed"] for answer in answers) == 60
    assert exported(source)["totalResults"] == 20


def test_an_import_is_recorded(source: People) -> None:
    bring(source, user())
    assert source.audited() == [("appid.users.import", source.tenant_id)]


def test_a_page_fits_a_native_client_and_pages_together_hold_all(source: People) -> None:
    for first in range(0, 50, 10):
        large = [user(first + number, attributes={"a": "x" * 95_000}) for number in range(10)]
        assert bring(source, *large)["added"] == 10
    found, sizes = list[str](), list[int]()
    while len(found) < 50:
        page = exported(source, startIndex=len(found) + 1)
        assert page["totalResults"] == 50
        assert page["itemsPerPage"] == len(page["users"]) > 0
        found += [one["id"] for one in page["users"]]
        sizes.append(len(page["users"]))
    assert len(set(found)) == 50
    assert max(sizes) < 50
    searched = source.profiles("SearchUserProfiles", dataScope="full")
    assert 0 < len(searched["users"]) < 50
