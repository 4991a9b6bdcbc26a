"""Export, import and bulk removal of directory users over native gRPC."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from kit.accounts.directory import INVALID, LIMITED, NOBODY, People, body, person, unwrapped
from kit.accounts.transfers import SECRET, arriving, export, import_, listed, remove, stored_hash
from kit.callers import refusal
from kit.oauth import PASSWORD, refused
from sqlalchemy import select

from ostiary.errors import DomainError
from ostiary.store.tables import Password, PastPassword, RoleBinding, User, table_of

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "exports.md"
PASSWORDS, PAST, USERS, MEMBERS = table_of(Password), table_of(PastPassword), table_of(User), table_of(RoleBinding)


def test_users_move_with_passwords_profiles_and_roles(source: People, target: People) -> None:
    for people in (source, target):
        people.manage("RolesService/CreateRole", role={"name": "Buyer", "access": []})
    made = source.with_profile("Jane@example.com", userName="jane", displayName="Jane", name={"givenName": "Jane"},
                               phoneNumbers=[{"value": "+15555550100"}], nickName="JD", timezone="CET")  # fmt: skip
    attributes = {"points": 150, "pi": 3.14159265358979323846, "deep": {"list": [1, None, True, "ü"]}}
    source.profiles("UpdateUserProfile", id=made["profileId"], profile=body({"attributes": attributes}))
    source.manage("UsersService/UpdateUserRoles", id=made["profileId"], assignment={"roles": {"names": ["Buyer"]}})
    exported = export(source)
    assert (exported["itemsPerPage"], exported["totalResults"], exported["requestOptions"]) == (1, 1, {})
    (user,) = exported["users"]
    assert set(user) == {"scimUser", "passwordHash", "passwordHashAlg", "profile", "roles"}
    assert (user["passwordHashAlg"], user["roles"], user["profile"]) == (
        "argon2id",
        ["Buyer"],
        {"attributes": attributes},
    )
    assert (user["scimUser"]["originalId"], "id" in user["scimUser"]) == (made["id"], False)
    assert import_(target, exported) == {"added": 1, "failed": 0, "failReasons": []}
    (arrived,) = listed(target)
    assert arrived["id"] != made["id"] == arrived["originalId"]
    changed = {"id", "meta", "originalId", "profileId"}
    assert {name: arrived[name] for name in arrived if name not in changed} == {
        name: made[name] for name in made if name not in changed
    }
    assert stored_hash(target, arrived["id"]) == stored_hash(source, made["id"])
    application = target.oauth.application()
    assert target.tokens(application)["access_token"]
    info = unwrapped(target.users("GetCloudDirectoryUserinfo", userId=arrived["id"]))
    assert info["attributes"] == attributes
    held = target.manage("UsersService/GetUserRoles", id=info["sub"])["roles"]
    assert [role["name"] for role in held] == ["Buyer"]
    assert export(target)["users"][0]["scimUser"]["originalId"] == arrived["id"], "where it would come from now"


def test_what_was_carried_stays_when_a_user_is_changed_and_is_no_field_of_callers(target: People) -> None:
    import_(target, {"users": [arriving("jane@example.com")]})
    (user,) = listed(target)
    assert target.update(user, originalId="forged")["originalId"] == "old-jane@example.com"
    made = target.users("CreateCloudDirectoryUser", user=person("joe@example.com", originalId="forged"))
    assert "originalId" not in made


def test_an_export_opens_with_its_secret_as_the_documentation_shows_and_shows_no_hash(source: People) -> None:
    user_id = source.create()["id"]
    import_(source, {"users": [{"scimUser": {"emails": [{"value": "without-password@example.com"}]}}]})
    exported = json.dumps(export(source))
    assert "argon2id$" not in exported
    program = re.search(r"```python\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert program is not None
    shown = subprocess.run(
        [sys.executable, "-c", program[1], SECRET], input=exported, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == [user_id, stored_hash(source, user_id)]


def test_pages_go_on_where_the_last_one_ended(source: People) -> None:
    ids = {source.create(f"user{number}@example.com")["id"] for number in range(5)}
    pages = [export(source, startIndex=start, count=2) for start in (1, 3, 5)]
    assert [page["itemsPerPage"] for page in pages] == [2, 2, 1]
    assert pages[0]["requestOptions"] == {"startIndex": 1, "count": 2}
    assert {user["scimUser"]["originalId"] for page in pages for user in page["users"]} == ids
    assert refusal(lambda: export(source, count=51)) == (INVALID, "INVALID_COUNT")
    first = export(source, count=2)["users"]
    for start in (-1, 0):  # as clients ask who count from 0
        page = export(source, startIndex=start, count=2)
        assert ([user["scimUser"]["originalId"] for user in page["users"]], page["totalResults"]) == (
            [user["scimUser"]["originalId"] for user in first], 5,
        )  # fmt: skip


def wait_while(passes: Callable[[], None]) -> None:
    """Returns after ten seconds; `passes` raises before."""
    for _ in range(1_000):
        passes()
        time.sleep(0.01)


def test_a_page_that_cannot_be_asked_for_costs_no_key(source: People) -> None:
    runtime, done = source.made.runtime, threading.Event()
    busy = runtime.settings.hash_queue
    with ThreadPoolExecutor(busy) as pool:
        for _ in range(busy):
            pool.submit(runtime.directory.passwords.calculate, source.tenant_id, done.wait)
        try:
            with pytest.raises(DomainError, match="HASHING_BUSY"):
                wait_while(partial(runtime.directory.passwords.check_room, source.tenant_id))
            assert refusal(lambda: export(source)) == (LIMITED, "HASHING_BUSY")
            assert refusal(lambda: export(source, count=51)) == (INVALID, "INVALID_COUNT")
        finally:
            done.set()


def test_a_user_without_original_id_keeps_its_id_as_that(target: People) -> None:
    user = arriving("jane@example.com")
    user["scimUser"]["id"] = user["scimUser"].pop("originalId")
    assert import_(target, {"users": [user]})["added"] == 1
    assert listed(target)[0]["originalId"] == "old-jane@example.com"
    (reason,) = import_(target, {"users": [user]})["failReasons"]
    assert (reason["originalId"], reason["id"]) == ("old-jane@example.com",) * 2


def test_repeating_an_import_does_no_harm(source: People, target: People) -> None:
    source.create()
    exported = export(source)
    import_(target, exported)
    again = import_(target, exported)
    assert (again["added"], again["failed"]) == (0, 1)
    (reason,) = again["failReasons"]
    assert (reason["originalId"], reason["email"]) == (
        exported["users"][0]["scimUser"]["originalId"],
        "jane@example.com",
    )
    assert reason["error"]["code"] in ("EMAIL_TAKEN", "USERNAME_TAKEN")
    assert len(listed(target)) == 1


def test_one_that_cannot_be_taken_is_reported_and_keeps_nobody_from_being_taken(target: People) -> None:
    target.create("taken@example.com", userName="taken")
    bad = {
        "EMAIL_TAKEN": [arriving("TAKEN@example.com"), arriving("twice@example.com"), {
            **arriving("own@example.com", emails=[{"value": "own@example.com"}, {"value": "OWN@example.com"}])}],
        "USERNAME_TAKEN": [arriving("a@example.com", userName="TAKEN"),
                           arriving("b@example.com", userName="x@example.com")],
        "ROLE_NOT_FOUND": [{**arriving("c@example.com"), "roles": ["Nobody has this"]}],
        "INVALID_EMAIL": [arriving("no address")],
        "UNKNOWN_HASH": [arriving("d@example.com", "$6$rounds=1000$abc$def"), arriving("g@example.com", "not base64"),
                         arriving("t@example.com", "pbkdf2_sha256$600000$abc$AAAA")],
        "HASH_TOO_EXPENSIVE": [arriving("e@example.com", "$2b$31$" + "C" * 53)],
        "WRONG_ENCRYPTION_SECRET": [arriving("f@example.com", "1.AAAA.AAAA"), arriving("u@example.com", "1..")],
        "HASH_ALGORITHM_MISMATCH": [
            {**arriving("h@example.com", "$2b$04$" + "C" * 53), "passwordHashAlg": "PBKDF2WithHmacSHA512"}],
        "INVALID_VALUE": [1, {}, {"scimUser": 1}, {"scimUser": {"emails": 1}}, arriving("i@example.com", userName=5),
                          {**arriving("j@example.com"), "roles": [1]}, arriving("k@example.com", passwordHistory=1),
                          arriving("l@example.com", passwordUpdatedTimestamp="yesterday"),
                          arriving("m@example.com", passwordExpirationTimestamp=-1)],
        "ATTRIBUTES_TOO_LARGE": [{**arriving("n@example.com"), "profile": {"attributes": {"x": "y" * 110_000}}}],
        "ATTRIBUTES_MISSING": [{**arriving("o@example.com"), "profile": {"attributes": []}}],
        "EMAIL_MISSING": [arriving("p@example.com", emails=[])],
        "TEXT_TOO_LONG": [arriving("q@example.com", displayName="nul\0"),
                          arriving("r@example.com", originalId="x" * 1001)],
    }  # fmt: skip
    good = [arriving("twice@example.com"), arriving("x@example.com"), arriving("s@example.com")]
    users = good + [user for users in bad.values() for user in users]
    answer = import_(target, {"users": users})
    assert (answer["added"], answer["failed"]) == (3, len(users) - 3)
    codes = sorted(reason["error"]["code"] for reason in answer["failReasons"])
    assert codes == sorted(code for code, users in bad.items() for _ in users)
    assert all(reason["error"]["message"] for reason in answer["failReasons"])
    assert {user["userName"] for user in listed(target)} == {
        "taken",
        *(one["scimUser"]["emails"][0]["value"] for one in good),
    }


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("no json", "MALFORMED_JSON"),
        ("[" * 100_000, "MALFORMED_JSON"),
        ([], "USERS_MISSING"),
        ({}, "USERS_MISSING"),
        ({"users": {}}, "USERS_MISSING"),
        ({"users": [{}] * 51}, "TOO_MANY_USERS"),
    ],
)
def test_a_body_that_is_no_import_is_refused(target: People, document: Any, reason: str) -> None:
    assert refusal(lambda: import_(target, document)) == (INVALID, reason)
    assert listed(target) == []


@pytest.mark.parametrize("secret", ["", "x" * 1025])
def test_a_secret_is_needed(target: People, secret: str) -> None:
    for ask in (lambda: export(target, secret), lambda: import_(target, {"users": []}, secret)):
        assert refusal(ask) == (INVALID, "INVALID_ENCRYPTION_SECRET")


def test_a_wrong_secret_or_another_users_hash_opens_nothing(source: People, target: People) -> None:
    source.create("jane@example.com")
    source.create("joe@example.com")
    users = export(source)["users"]
    assert {one["error"]["code"] for one in import_(target, {"users": users}, "another")["failReasons"]} == {
        "WRONG_ENCRYPTION_SECRET"
    }
    users[0]["passwordHash"], users[1]["passwordHash"] = users[1]["passwordHash"], users[0]["passwordHash"]
    assert import_(target, {"users": users})["added"] == 0


def test_an_import_gives_no_rights_no_ids_and_no_password_of_its_own(target: People) -> None:
    forged = arriving("jane@example.com", id=NOBODY, tenantId=NOBODY, password=PASSWORD, roles=["org_owner"],
                      groups=[{"value": NOBODY}], memberships=["org_owner"], meta={"created": "1970-01-01T00:00:00Z"},
                      profileId=NOBODY, version=7, last_login=1)  # fmt: skip
    assert import_(target, {"users": [{**forged, "id": NOBODY, "tenant_id": NOBODY}]})["added"] == 1
    (user,) = listed(target)
    assert (user["id"] != NOBODY, user["meta"]["created"][:4] != "1970", "mfaContext" in user) == (True, True, False)
    with target.made.runtime.store.read() as work:
        assert not work.rows(select(MEMBERS).where(MEMBERS.c.tenant_id == target.tenant_id))
        assert not work.rows(select(PASSWORDS).where(PASSWORDS.c.user_id == user["id"]))


def test_a_user_of_another_system_signs_in_with_the_old_password_and_is_hashed_anew(target: People) -> None:
    salt = b"some salt of sixteen"
    hashes = {
        "bcrypt@example.com": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        "pbkdf2@example.com": f"$pbkdf2-sha512$1000${b64(salt)}$"
        + b64(hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 1000)),
        "scrypt@example.com": f"$scrypt$ln=4,r=8,p=1${b64(salt)}$"
        + b64(hashlib.scrypt(PASSWORD.encode(), salt=salt, n=16, r=8, p=1, dklen=32)),
    }
    assert import_(target, {"users": [arriving(*one) for one in hashes.items()]})["added"] == 3
    application = target.oauth.application()
    for user in listed(target):
        address = user["emails"][0]["value"]
        assert stored_hash(target, user["id"]) == hashes[address]
        with refused("invalid_grant"):
            target.oauth.sign_in(application, address, password="wrong password")
        assert target.tokens(application, address)["access_token"]
        assert stored_hash(target, user["id"]).startswith("$argon2id$")
        assert target.tokens(application, address)["access_token"]


def b64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def test_the_history_and_the_dates_of_passwords_travel(source: People, target: People) -> None:
    user_id, now = source.create()["id"], source.made.clock.now_ms()
    with source.made.runtime.store.write() as work:
        for number in range(3):
            phc = f"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ{number}$" + "A" * 43
            row = {"tenant_id": source.tenant_id, "user_id": user_id, "hash": phc, "replaced_at": now + number}
            work.run(PAST.insert(), row)
        moments = {"valid_until": now + 5, "expires_always": True, "changed_at": now - 5}
        work.run(PASSWORDS.update().where(PASSWORDS.c.user_id == user_id).values(moments))
    exported = export(source)
    scim = exported["users"][0]["scimUser"]
    assert (scim["passwordExpirationTimestamp"], scim["passwordUpdatedTimestamp"]) == (now + 5, now - 5)
    assert [one["hashAlgorithm"] for one in scim["passwordHistory"]] == ["argon2id"] * 3
    import_(target, exported)

    def remembered(people: People) -> list[str]:
        with people.made.runtime.store.read() as work:
            asked = select(PAST.c.hash).where(PAST.c.tenant_id == people.tenant_id).order_by(PAST.c.id.desc())
            return [row.hash for row in work.rows(asked)]

    assert remembered(target) == remembered(source)
    with target.made.runtime.store.read() as work:
        row = work.row(select(PASSWORDS).where(PASSWORDS.c.tenant_id == target.tenant_id))
    assert row is not None
    assert (row.valid_until, row.expires_always, row.changed_at) == (now + 5, True, now - 5)


def test_an_import_is_audited_once_without_names_or_secrets(target: People) -> None:
    import_(target, {"users": [arriving("jane@example.com")]})
    assert target.audited() == [("appid.cloud-directory-users.import", target.tenant_id)]


def test_many_are_removed_with_their_profiles_and_the_unknown_are_reported(target: People) -> None:
    made = [target.with_profile(f"user{number}@example.com") for number in range(25)]
    application = target.oauth.application()
    token = target.tokens(application, "user0@example.com")
    ids = [user["id"] for user in made]
    foreign = People(target.caller, "manager").create()["id"]
    answer = remove(target, [*ids, *ids[:2], NOBODY, foreign])
    assert (answer["removed"], answer["failed"]) == (25, 2)
    assert [(one["id"], one["error"]["code"]) for one in answer["failReasons"]] == [
        (NOBODY, "USER_NOT_FOUND"), (foreign, "USER_NOT_FOUND")
    ]  # fmt: skip
    assert listed(target) == []
    assert target.profiles("SearchUserProfiles")["totalResults"] == 0
    assert not target.oauth.is_active(token["access_token"], application)
    recorded = [user_id for action, user_id in target.audited() if action == "appid.users.bulkdelete"]
    assert sorted(recorded) == sorted(ids)


def test_a_removal_of_nobody_is_recorded_as_one_of_the_tenant(target: People) -> None:
    remove(target, [NOBODY])
    assert target.audited() == [("appid.users.bulkdelete", target.tenant_id)]


@pytest.mark.parametrize(("ids", "reason"), [([], "IDS_MISSING"), ([NOBODY] * 101, "TOO_MANY_IDS")])
def test_a_removal_names_one_to_a_hundred_users(target: People, ids: list[str], reason: str) -> None:
    assert refusal(lambda: remove(target, ids)) == (INVALID, reason)
