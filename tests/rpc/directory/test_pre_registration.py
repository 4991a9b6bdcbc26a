"""Profiles made before the first sign-in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from kit.accounts.anonymous import Shop
from kit.accounts.custom import Custom
from kit.accounts.directory import INVALID, NOBODY, TAKEN, Json, People, body
from kit.accounts.pre_registered import MAIL, nominate, setting, signed_in
from kit.callers import refusal
from kit.servers.installation import ENTROPY
from sqlalchemy import func, select

from ostiary.directory.profiles.linking import Arrival, profile_of_identity
from ostiary.directory.profiles.profiles import IdentityView
from ostiary.oauth.clients.clients import put_scopes
from ostiary.store.tables import Profile, table_of

PROFILES = table_of(Profile)


def arrive(people: People, provider: str, idp_id: str, proved_email: str = "", **facts: str) -> str:
    """A user signs in with another provider, as its callback will say; returns the profile id."""
    said = f'{{"id": "{idp_id}"}}'
    arrival = Arrival(IdentityView(provider, idp_id, said), {"email": proved_email, **facts}, proved_email)
    with people.made.runtime.store.write() as work:
        return profile_of_identity(work, people.tenant_id, arrival, ENTROPY, people.made.clock.now_ms()).id


def count(people: People) -> int:
    """How many profiles the tenant has."""
    with people.made.runtime.store.read() as work:
        row = work.row(select(func.count()).where(PROFILES.c.tenant_id == people.tenant_id))
        assert row is not None
        return int(row[0])


def test_a_pre_registered_user_is_there_before_it_signs_in(people: People) -> None:
    profile_id = nominate(people, "google", MAIL, points=1.10)
    assert people.profiles("GetUserProfile", id=profile_id) == {
        "id": profile_id, "email": MAIL, "attributes": {"points": 1.1},
        "identities": [
            {"provider": "google", "id": "ada@example.com", "idpUserInfo": {"idpType": "google"}, "preRegistered": True}
        ],
    }  # fmt: skip
    for asked in ({}, {"email": "ADA@example.com"}, {"id": "ada@example.com"}):
        found = people.profiles("SearchUserProfiles", **asked)
        assert found["users"] == [{"idp": "google", "id": profile_id, "email": MAIL}]
    assert people.audited() == [("appid.users.create", profile_id)]


def test_the_first_sign_in_gets_the_profile_with_its_attributes_and_roles(people: People) -> None:
    app = people.oauth.application()
    with people.made.runtime.store.write() as work:
        put_scopes(work, people.tenant_id, app.id, ["read"])
    access = [{"application_id": app.id, "scopes": ["read"]}]
    role = people.manage("RolesService/CreateRole", role={"name": "reader", "access": access})
    profile_id = nominate(people, "cloud_directory", MAIL, plan="gold")
    people.profiles("UpdateUserRoles", id=profile_id, assignment={"roles": {"ids": [role["id"]]}})
    user = people.create("ada@example.com", displayName="Ada")
    tokens = people.tokens(app, "ada@example.com")
    claims = people.oauth.verified(tokens["id_token"])[1]
    assert (claims["sub"], claims["name"]) == (profile_id, "Ada")
    assert "read" in tokens["scope"].split()
    profile = people.profiles("GetUserProfile", id=profile_id)
    assert (profile["attributes"], profile["email"]) == ({"plan": "gold"}, "ada@example.com")
    assert [(one["id"], "preRegistered" in one) for one in profile["identities"]] == [(user["id"], False)]
    assert signed_in(people) == profile_id
    assert count(people) == 1


def test_a_directory_user_is_named_by_its_id_too(people: People) -> None:
    user = people.create("ada@example.com")
    profile_id = nominate(people, "cloud_directory", user["id"], plan="gold")
    assert signed_in(people) == profile_id
    assert "preRegistered" not in people.profiles("GetUserProfile", id=profile_id)["identities"][0]


def test_a_sign_up_with_profile_gets_it_at_once(people: People) -> None:
    profile_id = nominate(people, "cloud_directory", MAIL)
    assert people.with_profile("ada@example.com")["profileId"] == profile_id


def test_an_address_that_is_not_confirmed_proves_nothing(people: People) -> None:
    setting(people)
    profile_id = nominate(people, "cloud_directory", MAIL, plan="gold")
    people.create("ada@example.com", status="PENDING")
    other = signed_in(people)
    assert other != profile_id
    assert people.profiles("GetUserProfile", id=other)["attributes"] == {}
    waiting = people.profiles("GetUserProfile", id=profile_id)
    assert waiting["identities"][0]["preRegistered"], "whoever only claims the address destroys nothing"


def test_in_a_directory_with_user_names_an_address_proves_nothing(people: People) -> None:
    setting(people, identity_field="userName")
    profile_id = nominate(people, "cloud_directory", MAIL)
    people.create("ada@example.com", userName="ada")
    assert signed_in(people, "ada") != profile_id


@pytest.mark.parametrize("provider", ["facebook", "google", "saml", "ibmid"])
def test_users_of_other_providers_join_by_id_or_by_an_address_that_the_provider_vouches_for(
    people: People, provider: str
) -> None:
    by_mail, by_id = nominate(people, provider, MAIL, a=1), nominate(people, provider, "105646725068605084546", a=2)
    assert arrive(people, provider, "stranger", "", email=MAIL) not in (by_mail, by_id)
    assert arrive(people, provider, "1", "ada@EXAMPLE.com", name="Ada") == by_mail
    assert arrive(people, provider, "105646725068605084546") == by_id
    assert arrive(people, provider, "2", "ada@example.com") not in (by_mail, by_id), "it is taken"
    assert arrive(people, provider, "1", "new@example.com") == by_mail
    profile = people.profiles("GetUserProfile", id=by_mail)
    assert (profile["name"], profile["attributes"]) == ("Ada", {"a": 1})
    assert [identity["id"] for identity in profile["identities"]] == ["1"]


def test_users_of_another_provider_with_the_same_address_are_others(people: People) -> None:
    profile_id = nominate(people, "google", MAIL)
    assert arrive(people, "facebook", "1", MAIL) != profile_id
    assert nominate(people, "facebook", "ada2@example.com") != profile_id


def test_a_custom_user_joins_by_its_sub_and_by_nothing_else(people: People) -> None:
    custom = Custom(people.caller, people.tenant_id)
    profile_id = nominate(people, "appid_custom", MAIL, plan="gold")

    def subject(sub: str) -> str:
        answer = custom.exchange(custom.assertion(sub=sub, email=MAIL))
        return str(custom.verified(answer["id_token"])[1]["sub"])

    assert subject("emp-1") != profile_id
    assert subject(MAIL.lower()) != profile_id
    assert subject(MAIL) == profile_id


def test_a_pre_registered_profile_goes_before_an_anonymous_one(people: People) -> None:
    shop = Shop(people)
    visit, profile_id = shop.visit(), nominate(people, "cloud_directory", MAIL, plan="gold")
    people.create("ada@example.com")
    tokens = shop.sign_in(visit["access_token"], "ada@example.com")
    assert shop.claims(tokens)["sub"] == profile_id
    assert shop.attributes(tokens) == {"plan": "gold"}
    assert shop.attributes(visit) == {}


def test_who_has_a_profile_is_a_conflict(people: People) -> None:
    known = people.with_profile("Jane@example.com")
    arrive(people, "google", "105", "jane@example.com")
    nominate(people, "saml", MAIL)
    nominate(people, "appid_custom", "emp-1")
    for idp, identity in (
        ("cloud_directory", "jane@EXAMPLE.com"), ("cloud_directory", known["id"]), ("google", "105"),
        ("google", "JANE@example.com"), ("saml", "ada@example.com"), ("appid_custom", "emp-1"),
    ):  # fmt: skip
        assert refusal(partial(nominate, people, idp, identity)) == (TAKEN, "PROFILE_EXISTS"), (idp, identity)
    nominate(people, "appid_custom", "EMP-1")
    other = People(people.caller)
    assert nominate(other, "saml", MAIL)


def test_a_deleted_pre_registration_is_forgotten(people: People) -> None:
    profile_id = nominate(people, "cloud_directory", MAIL)
    people.profiles("DeleteUserProfile", id=profile_id)
    people.create("ada@example.com")
    assert signed_in(people) != profile_id


GOOD: Json = {"idp": "google", "idp-identity": "g1"}


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("", "MALFORMED_JSON"), ("[]", "MALFORMED_JSON"), ("{", "MALFORMED_JSON"),
        ({}, "INVALID_PROVIDER"), ({**GOOD, "idp": "appid_anon"}, "INVALID_PROVIDER"),
        ({**GOOD, "idp": ["google"]}, "INVALID_PROVIDER"), ({"idp": "google"}, "INVALID_IDENTITY"),
        ({**GOOD, "idp-identity": ""}, "INVALID_IDENTITY"), ({**GOOD, "idp-identity": 5}, "INVALID_IDENTITY"),
        ({**GOOD, "idp-identity": "x" * 257}, "INVALID_IDENTITY"),
        ({**GOOD, "idp-identity": "a\0"}, "INVALID_IDENTITY"),
        ('{"idp":"google","idp-identity":"\\ud800"}', "MALFORMED_JSON"),
        ({**GOOD, "idp-identity": "no@dot@"}, "INVALID_EMAIL"), ({**GOOD, "profile": 5}, "INVALID_PROFILE"),
        ({**GOOD, "profile": {"attributes": []}}, "INVALID_PROFILE"),
        ({**GOOD, "profile": {"attributes": {"": 1}}}, "INVALID_ATTRIBUTE_NAME"),
        ({**GOOD, "profile": {"attributes": {"a": "x" * 102_400}}}, "ATTRIBUTES_TOO_LARGE"),
    ],
    ids=range(17),
)  # fmt: skip
def test_a_bad_body_is_refused_and_makes_nothing(people: People, user: Any, reason: str) -> None:
    assert refusal(partial(people.profiles, "PreRegisterUser", user=body(user))) == (INVALID, reason)
    assert count(people) == 0


@pytest.mark.parametrize("profile", [{}, {"profile": {}}, {"profile": {"attributes": {}}}, {"profile": None}])
def test_attributes_may_be_left_out_and_nothing_else_is_taken(people: People, profile: Json) -> None:
    user = {**GOOD, **profile, "id": NOBODY, "roles": ["admin"], "email": "x@example.com", "anonymous": True}
    profile_id = people.profiles("PreRegisterUser", user=body(user))["id"]
    assert profile_id != NOBODY
    stored = people.profiles("GetUserProfile", id=profile_id)
    assert (stored["attributes"], stored.get("email")) == ({}, None)
    assert people.profiles("GetUserRoles", id=profile_id) == {"roles": []}


def test_of_many_pre_registrations_at_once_one_is_made(people: People) -> None:
    spellings = [MAIL, MAIL.lower(), MAIL.upper()] * 3
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda name: refusal(partial(nominate, people, "google", name)), spellings))
    assert answers.count((TAKEN, "PROFILE_EXISTS")) == 8
    assert count(people) == 1


def test_a_first_sign_in_and_a_pre_registration_at_once_never_make_two_profiles(people: People) -> None:
    for number in range(8):
        address = f"user{number}@example.com"
        with ThreadPoolExecutor(4) as pool:
            made = pool.submit(refusal, partial(nominate, people, "google", address, plan="gold"))
            arriving = [pool.submit(arrive, people, "google", f"g{number}", address) for _ in range(3)]
            subjects = {one.result() for one in arriving}
        assert len(subjects) == 1
        (subject,) = subjects
        outcome = made.result()
        attributes = people.profiles("GetUserProfile", id=subject)["attributes"]
        assert (outcome[1], attributes) in (("", {"plan": "gold"}), ("PROFILE_EXISTS", {}))
    assert count(people) == 8


def test_two_who_prove_the_same_address_at_once_share_nothing(people: People) -> None:
    profile_id = nominate(people, "google", MAIL)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: arrive(people, "google", f"g{number}", MAIL), range(6)))
    assert len(set(found)) == 6
    assert found.count(profile_id) == 1
    assert count(people) == 6
