"""People of other systems are imported with their hashes and sign in with their old passwords, over native gRPC."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import bcrypt
import pytest
from argon2 import PasswordHasher
from kit.accounts.directory import Json, People
from kit.accounts.foreign_hashes import REFUSED, TAKEN, WEAK, ForeignHash
from kit.accounts.transfers import arriving, begin_import, bring, import_status, listed, stored_hash, work
from kit.callers import Caller, serving
from kit.oauth import refused
from sqlalchemy import select

from ostiary.store.tables import PastPassword, table_of

# Hashes cost a processor seconds, and are the same to every database: the tests of imports ask both.
pytestmark = pytest.mark.parametrize("shared_caller", ["sqlite"], indirect=True, scope="module")
PASSWORD = "difference engine"


def sample(hashes: list[ForeignHash]) -> list[ForeignHash]:
    """One of each scheme, by the system that stands last; the others are compared in tests/conformance."""
    return list({one.scheme: one for one in hashes}.values())


SAMPLE = sample(TAKEN)


@pytest.fixture
def people(shared_caller: Caller) -> People:
    return People(shared_caller, "manager")


@pytest.fixture(scope="module")
def arrived(shared_caller: Caller) -> People:
    """A tenant with the people of the sample, imported by a file; each is called as its place in it."""
    made = People(shared_caller, "manager")
    job = begin_import(made, {"users": [arriving(address(place), one.hash) for place, one in enumerate(SAMPLE)]})
    work(made)
    status = import_status(made, job)
    assert (status["added"], status["failed"]) == (len(SAMPLE), 0), status["failReasons"]
    return made


def address(place: int) -> str:
    return f"user{place}@example.com"


@pytest.mark.parametrize("place", range(len(SAMPLE)), ids=[one.id for one in SAMPLE])
def test_who_comes_from_another_system_signs_in_with_the_old_password(arrived: People, place: int) -> None:
    one, application = SAMPLE[place], arrived.oauth.application(f"application {place}")
    (user,) = arrived.users("ListCloudDirectoryUsers", query=address(place))["Resources"]
    with refused("invalid_grant"):  # not even with what some libraries in C do not see
        arrived.oauth.sign_in(application, address(place), password=one.password + "\0")
    for _ in range(2):  # with the hash as it came, then with the one that took its place
        assert arrived.oauth.sign_in(application, address(place), password=one.password)["access_token"]
    assert stored_hash(arrived, user["id"]).startswith("$argon2")


def test_weak_hashes_are_taken_where_the_operator_allows_them(shared_caller: Caller) -> None:
    chosen = sample(WEAK)
    users = [arriving(address(place), one.hash) for place, one in enumerate(chosen)]
    people = People(shared_caller, "manager")
    refused_here = bring(people, *users)
    assert refused_here["added"] == 0
    assert {one["error"]["code"] for one in refused_here["failReasons"]} == {"UNKNOWN_HASH"}
    with serving(shared_caller.installation.with_settings(weak_hashes=True)) as caller:
        allowing = People(caller, "manager")
        assert bring(allowing, *users)["added"] == len(users)
        application = allowing.oauth.application()
        for place, one in enumerate(chosen):
            assert allowing.oauth.sign_in(application, address(place), password=one.password)["access_token"]
        assert {stored_hash(allowing, user["id"])[:10] for user in listed(allowing)} == {"$argon2id$"}


def test_what_is_not_encrypted_is_never_told_to_have_a_wrong_secret(people: People) -> None:
    users = [arriving(address(place), one.hash) for place, one in enumerate([*REFUSED, *sample(WEAK)][:50])]
    told = bring(people, *users)
    assert told["added"] == 0
    assert {one["error"]["code"] for one in told["failReasons"]} == {"UNKNOWN_HASH"}
    assert any("Django" in one["error"]["message"] for one in told["failReasons"])


DECOMPOSED = unicodedata.normalize("NFD", "Pässwörter 7")
REWRITTEN = ["\u212bngström 1", "\u0958amal 12", "\ufb2aalom 12", "\uf900 character 1",
             unicodedata.normalize("NFD", "비밀번호 일이삼")]  # fmt: skip


@pytest.mark.parametrize("typed", [DECOMPOSED, *REWRITTEN])
def test_a_hash_of_the_text_as_it_was_typed_fits_it_and_is_made_anew(people: People, typed: str) -> None:
    assert unicodedata.normalize("NFC", typed) != typed
    application = people.oauth.application()
    strong = PasswordHasher(2, 32_768, 1).hash(typed.encode())
    hashes = {"bcrypt@example.com": bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode(),
              "argon2@example.com": strong}  # fmt: skip
    assert bring(people, *(arriving(*one) for one in hashes.items()))["added"] == 2
    for name in hashes:
        with refused("invalid_grant"):
            people.oauth.sign_in(application, name, password=typed + "x")
        assert people.oauth.sign_in(application, name, password=typed)["access_token"]
        other_keyboard = unicodedata.normalize("NFC", typed)
        assert people.oauth.sign_in(application, name, password=other_keyboard)["access_token"]
    (strong_user,) = people.users("ListCloudDirectoryUsers", query="argon2@example.com")["Resources"]
    assert stored_hash(people, strong_user["id"]).startswith("$argon2id$v=19$m=32768,t=2,"), (
        "no less memory than before"
    )


STRONGER = ["m=65536,t=3,p=4", "m=19456,t=2,p=1", "m=32768,t=2,p=2"]
WEAKER = ["m=7168,t=5,p=1", "m=65536,t=1,p=1", "m=8192,t=2,p=1"]


def argon2(numbers: str) -> str:
    memory, passes, lanes = (int(part[2:]) for part in numbers.split(","))
    return PasswordHasher(passes, memory, lanes).hash(PASSWORD)


@pytest.mark.parametrize("numbers", [*STRONGER, *WEAKER])
def test_a_hash_is_only_replaced_by_one_that_is_no_weaker(shared_caller: Caller, numbers: str) -> None:
    with serving(shared_caller.installation.with_settings(argon2_memory_kib=19_456, argon2_passes=2)) as caller:
        people = People(caller, "manager")
        phc = argon2(numbers)
        assert bring(people, arriving("jane@example.com", phc))["added"] == 1
        application = people.oauth.application()
        assert people.oauth.sign_in(application, "jane@example.com", password=PASSWORD)["access_token"]
        (user,) = listed(people)
        stored = stored_hash(people, user["id"])
        assert (stored == phc) is (numbers in STRONGER)
        kept, before = ([int(part[2:]) for part in one.split("$")[3].split(",")] for one in (stored, phc))
        assert kept[0] >= max(19_456, before[0])
        assert kept[1] >= 2


def test_a_past_password_that_is_unknown_does_not_cost_the_user_the_import(people: People) -> None:
    good, past = (
        TAKEN[0],
        [REFUSED[0].hash, "$2b$31$" + "C" * 53, "1.AAAA.AAAA", bcrypt.hashpw(b"x", bcrypt.gensalt(4))],
    )
    history: list[Any] = [{"passwordHash": one if isinstance(one, str) else one.decode()} for one in past]
    history += ["$2b$04$", 5, {"passwordHash": 5}]
    user = arriving("jane@example.com", good.hash, passwordHistory=history)
    answer = bring(people, user)
    assert (answer["added"], answer["failed"], answer["failReasons"]) == (1, 0, [])
    reasons = answer["leftOut"]["reasons"]
    assert [one["error"]["code"] for one in reasons] == [
        "UNKNOWN_HASH",
        "HASH_TOO_EXPENSIVE",
        "WRONG_ENCRYPTION_SECRET",
        *["INVALID_VALUE"] * 3,
    ]
    assert {one["email"] for one in reasons} == {"jane@example.com"}
    kept = table_of(PastPassword)
    with people.made.runtime.store.read() as reading:
        rows = reading.rows(select(kept.c.hash).where(kept.c.tenant_id == people.tenant_id))
    assert [row.hash for row in rows] == [history[3]["passwordHash"]]
    assert people.oauth.sign_in(people.oauth.application(), "jane@example.com", password=good.password)["access_token"]
    assert "leftOut" not in bring(people, user), "who was not added has lost nothing"


def test_the_job_of_an_import_tells_what_was_left_out_too(people: People) -> None:
    users = [arriving("jane@example.com", passwordHistory=[{"passwordHash": "$nobody$knows"}]), arriving("no address")]
    job = begin_import(people, {"users": users})
    work(people)
    status = import_status(people, job)
    assert (status["added"], status["failed"], len(status["failReasons"])) == (1, 1, 1)
    (reason,) = status["leftOut"]["reasons"]
    assert (reason["email"], reason["error"]["code"]) == ("jane@example.com", "UNKNOWN_HASH")


def test_a_password_in_plain_text_is_not_taken_and_not_dropped_without_a_word(people: People) -> None:
    answer = bring(people, arriving("jane@example.com", password="difference engine"))
    assert answer["added"] == 1
    assert [one["error"]["code"] for one in answer["leftOut"]["reasons"]] == ["PLAIN_PASSWORD"]


@pytest.mark.parametrize("name", ["credentials", "hashedPassword", "password_hash", "secretDataAlone"])
def test_a_password_where_it_is_not_read_is_not_dropped_without_a_word(people: People, name: str) -> None:
    member = {"credentialData": "{}"} if name == "secretDataAlone" else {name: [{"type": "password"}]}
    answer = bring(people, {**arriving("jane@example.com", ""), **member})
    assert answer["added"] == 1
    (reason,) = answer["leftOut"]["reasons"]
    assert reason["error"]["code"] == "UNREAD_PASSWORD"
    assert reason["error"]["message"].startswith(f"{next(iter(member))} was left out")
    plain = bring(people, {**arriving("june@example.com", ""), name: None, "profile": {"attributes": None}})
    assert (plain["added"], "leftOut" in plain) == (1, False), "what is null is left out"


@pytest.mark.parametrize(
    ("scim", "field"),
    [
        ({"active": "yes"}, "active"), ({"addresses": "Berlin"}, "addresses"), ({"emails": 5}, "emails"),
        ({"emails": [{"value": 5}]}, "emails.value"), ({"emails": [{"primary": "x"}]}, "emails.primary"),
        ({"name": {"givenName": 5}}, "name.givenName"), ({"status": ["a"]}, "status"),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_named_in_our_words(people: People, scim: Json, field: str) -> None:
    user = arriving("jane@example.com", "")
    (reason,) = bring(people, {**user, "scimUser": {**user["scimUser"], **scim}})["failReasons"]
    message = f"scimUser.{field} has a value of the wrong type."
    assert reason["error"] == {"code": "INVALID_VALUE", "message": message}


def keycloak() -> Iterator[Any]:
    whole = json.loads(next(one.hash for one in TAKEN if one.system.startswith("Keycloak")))
    parts = {name: json.loads(whole[name]) for name in ("secretData", "credentialData")}
    yield whole
    yield json.dumps(whole, indent=2)
    yield parts
    yield {**parts["secretData"], **parts["credentialData"]}


@pytest.mark.parametrize("form", range(5), ids=["object", "text", "parts", "flat", "in the place of passwordHash"])
def test_a_credential_of_keycloak_is_taken_as_it_stands_in_the_export(people: People, form: int) -> None:
    forms = list(keycloak())
    user = arriving("jane@example.com", "")
    if form < len(forms):
        user["passwordHash"] = forms[form]
    else:
        user = {**{name: value for name, value in user.items() if name != "passwordHash"}, **forms[0]}
    answer = bring(people, {**user, "passwordHashAlg": "pbkdf2"})
    assert answer["added"] == 1, answer
    assert people.oauth.sign_in(people.oauth.application(), "jane@example.com", password=PASSWORD)["access_token"]


def test_a_hash_may_be_called_by_its_own_prefix(people: People) -> None:
    names = {"$pbkdf2-sha512$": ("pbkdf2-sha512", "pbkdf2", "PBKDF2WithHmacSHA512", "PBKDF2-HMAC-SHA512"),
             "$argon2id$": ("argon2id", "argon2"), "pbkdf2_sha256$": ("pbkdf2_sha256", "PBKDF2-SHA256"),
             "{SSHA512}": ("SSHA512", "{SSHA512}"), "$6$": ("6", "sha512crypt", "SHA512-CRYPT"),
             "$2b$": ("2b", "bcrypt")}  # fmt: skip
    users = []
    for beginning, called in names.items():
        one = next(one for one in TAKEN if one.hash.startswith(beginning))
        users += [
            {**arriving(address(len(users) + n), one.hash), "passwordHashAlg": name} for n, name in enumerate(called)
        ]
    answer = bring(people, *users)
    assert (answer["added"], answer["failReasons"]) == (len(users), [])
