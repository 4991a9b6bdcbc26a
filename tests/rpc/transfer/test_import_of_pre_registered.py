"""Imported users get the profiles that were registered for them in advance."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import bcrypt
import pytest
from kit.accounts.directory import TAKEN, Json, People
from kit.accounts.pre_registered import MAIL, nominate, setting, signed_in
from kit.accounts.transfers import PROFILES, arriving, begin_import, bring, count, import_status, listed, work
from kit.callers import refusal
from kit.oauth import PASSWORD

DIRECTORY = "cloud_directory"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def ada(attributes: Json | None = None, roles: tuple[str, ...] = (), **facts: Any) -> Json:
    return {**arriving("ada@example.com", HASH, **facts), "profile": {"attributes": attributes or {}}, "roles": roles}


def waits(people: People, profile_id: str) -> bool:
    identities = people.profiles("GetUserProfile", id=profile_id)["identities"]
    return [identity.get("preRegistered") for identity in identities] == [True]


def test_the_profile_that_waits_is_the_users_with_the_attributes_and_roles_of_both(people: People) -> None:
    for name in ("buyer", "seller"):
        people.manage("RolesService/CreateRole", role={"name": name, "access": []})
    profile_id = nominate(people, DIRECTORY, MAIL, points=1.10, plan="gold")
    people.profiles("UpdateUserRoles", id=profile_id, assignment={"roles": {"names": ["buyer"]}})
    brought = ada({"plan": "free", "theme": "dark"}, ("seller", "buyer"), displayName="Ada")
    assert bring(people, brought, arriving("joe@example.com"))["added"] == 2
    profile = people.profiles("GetUserProfile", id=profile_id)
    assert profile["attributes"] == {"points": 1.1, "plan": "gold", "theme": "dark"}
    assert (profile["name"], profile["email"]) == ("Ada", "ada@example.com")
    (user,) = [user for user in listed(people) if user["displayName"] == "Ada"]
    assert [(one["id"], "preRegistered" in one) for one in profile["identities"]] == [(user["id"], False)]
    roles = people.profiles("GetUserRoles", id=profile_id)["roles"]
    assert sorted(role["name"] for role in roles) == ["buyer", "seller"]
    assert [signed_in(people), signed_in(people)] == [profile_id] * 2
    assert count(people, PROFILES) == 2
    assert bring(people, brought)["failReasons"][0]["error"]["code"] == "EMAIL_TAKEN"
    assert people.profiles("GetUserProfile", id=profile_id)["attributes"]["plan"] == "gold"


def test_a_whole_file_finds_its_profiles(people: People) -> None:
    waiting = {
        f"user{number}@example.com": nominate(people, DIRECTORY, f"USER{number}@example.com", n=number)
        for number in range(9)
    }
    users = [arriving(f"user{number}@example.com", HASH) for number in range(250)]
    job = begin_import(people, {"users": users[3:]})
    work(people)
    assert import_status(people, job)["added"] == 247
    assert count(people, PROFILES) == 9 + 241
    assert {signed_in(people, login) for login in list(waiting)[3:]} == set(list(waiting.values())[3:])
    assert [waits(people, profile_id) for profile_id in waiting.values()] == [True] * 3 + [False] * 6


@pytest.mark.parametrize("status", ["PENDING", "CONFIRMED"])
def test_an_address_that_proves_nothing_gets_no_profile(people: People, status: str) -> None:
    field = "email" if status == "PENDING" else "userName"
    setting(people, identity_field=field)
    profile_id = nominate(people, DIRECTORY, MAIL, plan="gold")
    assert bring(people, ada({"a": 1}, status=status, userName="ada"))["added"] == 1
    own = signed_in(people, "ada@example.com" if field == "email" else "ada")
    assert own != profile_id
    assert people.profiles("GetUserProfile", id=own)["attributes"] == {"a": 1}
    assert waits(people, profile_id)


def test_profiles_for_others_go_on_waiting(people: People) -> None:
    other = People(people.caller)
    waiting = [
        (other, nominate(other, DIRECTORY, MAIL)),
        (people, nominate(people, "google", MAIL)),
        (people, nominate(people, DIRECTORY, "joe@example.com")),
    ]
    assert bring(people, ada())["added"] == 1
    assert signed_in(people) not in [profile_id for _, profile_id in waiting]
    assert [waits(whose, profile_id) for whose, profile_id in waiting] == [True] * 3


def test_who_is_refused_leaves_the_profile_as_it_was(people: People) -> None:
    profile_id = nominate(people, DIRECTORY, MAIL, text="x" * 60_000)
    answer = bring(people, ada({"more": "x" * 60_000}), ada(roles=("nobodys",)))
    assert [one["error"]["code"] for one in answer["failReasons"]] == ["ATTRIBUTES_TOO_LARGE", "ROLE_NOT_FOUND"]
    assert waits(people, profile_id)
    assert bring(people, ada({"a": 1}))["added"] == 1
    assert signed_in(people) == profile_id
    assert sorted(people.profiles("GetUserProfile", id=profile_id)["attributes"]) == ["a", "text"]


def test_an_import_and_a_registration_at_once_never_make_two_profiles(people: People) -> None:
    for number in range(8):
        address = f"user{number}@example.com"
        with ThreadPoolExecutor(2) as pool:
            made = pool.submit(refusal, partial(nominate, people, DIRECTORY, address, plan="gold"))
            assert pool.submit(bring, people, arriving(address, HASH)).result()["added"] == 1
        profile = people.profiles("GetUserProfile", id=signed_in(people, address))
        assert (made.result()[1], profile["attributes"]) in (("", {"plan": "gold"}), ("PROFILE_EXISTS", {}))
    assert count(people, PROFILES) == 8
    assert refusal(partial(nominate, people, DIRECTORY, "user0@example.com")) == (TAKEN, "PROFILE_EXISTS")
