"""Users of the Cloud Directory over native gRPC."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from kit.accounts.directory import INVALID, NOBODY, NOT_FOUND, TAKEN, Json, People, person, unwrapped
from kit.callers import refusal
from kit.oauth import PASSWORD, Refused, refused
from sqlalchemy import select

from ostiary.oauth.sessions.sessions import find_session, open_session
from ostiary.store.tables import Password, Profile, RoleBinding, User, table_of

MEMBERS, PASSWORDS, PROFILES = table_of(RoleBinding), table_of(Password), table_of(Profile)
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
EVERYTHING: Json = {
    "userName": "jane", "displayName": "Jane D.", "nickName": "JD", "profileUrl": "https://example.com/jane",
    "title": "Dr", "userType": "Employee", "preferredLanguage": "de-CH, de;q=0.9", "locale": "de-CH",
    "timezone": "Europe/Zurich", "active": True, "status": "CONFIRMED", "lockedUntil": 4_102_444_800_000,
    "name": {"formatted": "Dr. Jane Doe III", "givenName": "Jane", "familyName": "Doe", "middleName": "Q",
             "honorificPrefix": "Dr.", "honorificSuffix": "III"},
    "emails": [{"value": "jane@example.com", "primary": False, "type": "home", "display": "Jane"},
               {"value": "jane@work.example", "primary": True}],
    "phoneNumbers": [{"value": "+15555550100", "primary": True, "type": "mobile"}],
    "ims": [{"value": "jane", "type": "xmpp"}], "photos": [{"value": "https://example.com/jane.png"}],
    "addresses": [{"country": "CH", "primary": True}], "x509Certificates": [{"value": "MIIC"}],
    ENTERPRISE: {"employeeNumber": "7", "manager": {"displayName": "Boss"}},
}  # fmt: skip


def test_a_minimal_user_has_the_documented_form(people: People) -> None:
    made = people.users("CreateCloudDirectoryUser", user=person("Jane@Example.com"))
    created = made["meta"].pop("created")
    assert made == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": made["id"], "userName": "Jane@Example.com",
        "displayName": "Jane@Example.com", "emails": [{"value": "Jane@Example.com", "primary": True}],
        "phoneNumbers": [], "active": True, "status": "PENDING",
        "meta": {"lastModified": created, "location": f"/v1/{people.tenant_id}/Users/{made['id']}",
                 "resourceType": "User"},
    }  # fmt: skip
    assert created.endswith("Z")


def test_every_core_attribute_is_stored_and_returned_and_survives_being_sent_back(people: People) -> None:
    made = people.users("CreateCloudDirectoryUser", user={**EVERYTHING, "password": PASSWORD})
    # Shown as not active while it is locked.
    assert {name: made[name] for name in EVERYTHING} == {**EVERYTHING, "active": False}
    read = people.users("GetCloudDirectoryUser", userId=made["id"])
    assert read == made
    again = people.update(read)
    assert {**again, "meta": 0} == {**made, "meta": 0}
    with people.caller.installation.runtime.store.read() as work:
        row = work.row(select(table_of(User)).where(table_of(User).c.id == made["id"]))
    assert row is not None
    assert row.active, "what was read and sent back deactivates nobody"


def test_the_formatted_name_and_the_display_name_are_made_of_the_parts(people: People) -> None:
    made = people.create(name={"givenName": "Jane", "familyName": "Doe"})
    assert made["name"]["formatted"] == made["displayName"] == "Jane Doe"
    plain = people.users("UpdateCloudDirectoryUser", userId=made["id"], user={"emails": made["emails"]})
    assert (plain["displayName"], "name" in plain) == ("jane@example.com", False)


BAD: list[tuple[Json, str]] = [
    ({"emails": []}, "EMAIL_MISSING"),
    ({"emails": [{"value": "no address"}]}, "INVALID_EMAIL"),
    ({"emails": [{"value": "jane@example.com\r\nBcc: x@example.com"}]}, "INVALID_EMAIL"),
    ({"emails": [{"value": " "}]}, "VALUE_MISSING"),
    ({"emails": [{"value": "a@example.com", "primary": True}, {"value": "b@example.com", "primary": True}]},
     "TWO_PRIMARY_VALUES"),
    ({"emails": [{"value": f"a{number}@example.com"} for number in range(21)]}, "TOO_MANY_VALUES"),
    ({"password": ""}, "INVALID_PASSWORD"),
    ({"password": "short"}, "INVALID_PASSWORD"),
    ({"password": "x" * 1025}, "INVALID_PASSWORD"),
    ({"password": "x" * 1_000_000}, "INVALID_PASSWORD"),
    ({"userName": "two\nlines"}, "INVALID_USERNAME"),
    ({"userName": " "}, "INVALID_USERNAME"),
    ({"userName": "x" * 257}, "INVALID_USERNAME"),
    ({"displayName": "x" * 1001}, "TEXT_TOO_LONG"),
    ({"displayName": "nul\0"}, "TEXT_TOO_LONG"),
    ({"name": {"givenName": "nul\0"}}, "TEXT_TOO_LONG"),
    ({"nickName": "x" * 40_000}, "TEXT_TOO_LONG"),
    ({"photos": ["https://example.com"]}, "INVALID_VALUE"),
    ({"status": "DONE"}, "INVALID_STATUS"),
    ({"lockedUntil": -1}, "INVALID_LOCKED_UNTIL"),
    ({"lockedUntil": 1e300}, "INVALID_LOCKED_UNTIL"),
    ({"lockedUntil": "NaN"}, "INVALID_LOCKED_UNTIL"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "reason"), BAD)
def test_bad_input_is_refused_with_its_reason_and_nothing_is_stored(people: People, facts: Json, reason: str) -> None:
    user = {**person("jane@example.com"), **facts}
    assert refusal(lambda: people.users("CreateCloudDirectoryUser", user=user)) == (INVALID, reason)
    assert people.users("ListCloudDirectoryUsers")["totalResults"] == 0
    assert people.audited() == []


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "line\r\nSubject: spam", "%{user.email}", '"; DROP TABLE users; --', "\u202e"]
)
def test_markup_and_line_breaks_in_names_are_data(people: People, text: str) -> None:
    made = people.create(displayName=text, name={"givenName": text})
    assert (made["displayName"], made["name"]["givenName"]) == (text, text)


def test_nobody_gives_himself_rights_or_ids(people: People) -> None:
    """The gateway drops what is no field; what is one and read-only is ignored (mass assignment)."""
    field_names = set(people.create("first@example.com"))
    assert not field_names & {"roles", "groups", "entitlements", "tenantId"}
    forged = {"id": NOBODY, "profileId": NOBODY, "schemas": ["x"], "mfaContext": {},
              "meta": {"created": "1970-01-01T00:00:00.000Z", "location": "/x"}}  # fmt: skip
    made = people.create("second@example.com", **forged)
    assert not set(made) & {"profileId", "mfaContext"}
    assert (made["id"] != NOBODY, made["meta"]["created"][:4] != "1970") == (True, True)
    with people.made.runtime.store.read() as work:
        assert not work.rows(select(MEMBERS).where(MEMBERS.c.tenant_id == people.tenant_id))


def test_a_password_is_never_returned_nor_stored_as_it_is(people: People) -> None:
    made = people.create()
    assert "password" not in made
    with people.made.runtime.store.read() as work:
        row = work.row(select(PASSWORDS.c.hash).where(PASSWORDS.c.user_id == made["id"]))
    assert row is not None
    assert PASSWORD not in row.hash


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (person("JANE@example.com"), "EMAIL_TAKEN"),
        (person("other@example.com", userName="JANE"), "USERNAME_TAKEN"),
        (person("other@example.com", userName="\uff4aane"), "USERNAME_TAKEN"),
    ],
)
def test_a_name_in_use_is_a_conflict_whatever_its_spelling(people: People, second: Json, reason: str) -> None:
    people.create(userName="jane")
    assert refusal(lambda: people.users("CreateCloudDirectoryUser", user=second)) == (TAKEN, reason)


def test_of_two_simultaneous_users_with_one_mail_one_is_made_and_one_is_a_conflict(people: People) -> None:
    with ThreadPoolExecutor(2) as pool:
        outcomes = [pool.submit(refusal, people.create) for _ in range(2)]
    assert sorted(outcome.result()[1] for outcome in outcomes) == ["", "EMAIL_TAKEN"]
    assert people.users("ListCloudDirectoryUsers")["totalResults"] == 1


def test_users_are_listed_by_pages_and_found_by_their_sign_in_name(people: People) -> None:
    made = []
    for number in range(5):
        made.append(people.create(f"user{number}@example.com")["id"])
        people.made.clock.advance(1)

    def listed(**asked: Any) -> tuple[list[str], int, int]:
        page = people.users("ListCloudDirectoryUsers", **asked)
        assert page["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
        return [user["id"] for user in page["Resources"]], page["itemsPerPage"], page["totalResults"]

    assert listed() == (made, 5, 5)
    assert listed(startIndex=2, count=2) == (made[1:3], 2, 5)
    assert listed(startIndex=6) == ([], 0, 5)
    assert listed(count=0) == ([], 0, 5)
    assert listed(query="USER3@example.com") == (made[3:4], 1, 1)
    assert listed(query="user3") == ([], 0, 0)
    assert listed(query="nul\0") == ([], 0, 0)
    for start in (-(2**31), -1, 0):  # RFC 7644 §3.4.2.4
        assert listed(startIndex=start, count=2) == (made[:2], 2, 5)
    for count in (-1, 101):
        assert refusal(partial(listed, count=count)) == (INVALID, "INVALID_COUNT")


CALLS: list[tuple[str, Json]] = [
    ("GetCloudDirectoryUser", {}), ("UpdateCloudDirectoryUser", {"user": {"emails": [{"value": "jane@example.com"}]}}),
    ("DeleteCloudDirectoryUser", {}), ("RemoveCloudDirectoryUser", {}), ("InvalidateUserSsoSessions", {}),
    ("GetCloudDirectoryUserinfo", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "body"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_user_of_another_tenant_is_as_unknown_as_nobody(people: People, method: str, body: Json) -> None:
    theirs = People(people.caller).create()["id"]
    for user_id in (theirs, NOBODY, "", "x", "' OR 1=1"):
        assert refusal(partial(people.users, method, userId=user_id, **body)) == (NOT_FOUND, "USER_NOT_FOUND")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"emails": [{"value": "new@example.com"}]}, "EMAIL_IMMUTABLE"),
        ({"emails": [{"value": "jane@example.com"}, {"value": "more@example.com"}]}, "EMAIL_IMMUTABLE"),
        ({"emails": []}, "EMAIL_MISSING"),
        ({"userName": ""}, "INVALID_USERNAME"),
        ({"status": "x"}, "INVALID_STATUS"),
    ],
)
def test_an_update_that_may_not_be_changes_nothing(people: People, change: Json, reason: str) -> None:
    made = people.create()
    assert refusal(lambda: people.update(made, **{"displayName": "x", **change})) == (INVALID, reason)
    assert people.users("GetCloudDirectoryUser", userId=made["id"]) == made


def test_an_update_does_not_set_the_password_and_can_rename(people: People) -> None:
    made, app = people.create(), people.oauth.application()
    people.create("other@example.com", userName="other")
    people.update(made, password="another password", userName="jane", emails=[{"value": "JANE@example.com"}])
    people.tokens(app)
    assert refusal(lambda: people.update(made, userName="OTHER")) == (TAKEN, "USERNAME_TAKEN")


def test_what_is_not_sent_stays_or_empties_as_documented(people: People) -> None:
    made = people.create(userName="jane", displayName="Jane", locale="de", phoneNumbers=[{"value": "+1"}], title="Dr")
    locked = people.update(made, active=False, lockedUntil=4_102_444_800_000)
    kept = people.users("UpdateCloudDirectoryUser", userId=made["id"], user={"emails": made["emails"]})
    assert {name: kept[name] for name in ("userName", "active", "status", "lockedUntil")} == {
        name: locked[name] for name in ("userName", "active", "status", "lockedUntil")
    }
    assert not set(kept) & {"locale", "title"}
    assert (kept["phoneNumbers"], kept["displayName"]) == ([], "jane@example.com")
    assert "lockedUntil" not in people.update(kept, active=True)


def test_deactivation_acts_on_the_next_request_and_what_was_cut_stays_cut(people: People) -> None:
    people.oauth.settings(refresh={"enabled": True})
    made, app = people.create(), people.oauth.application()
    tokens = people.tokens(app)
    assert people.oauth.is_active(tokens["access_token"], app)
    people.update(made, active=False)
    assert not people.oauth.is_active(tokens["access_token"], app)
    with pytest.raises(Refused):
        people.oauth.userinfo(tokens["access_token"])
    with refused("invalid_grant"):
        people.tokens(app)
    people.update(made, active=True)
    people.tokens(app)
    with refused("invalid_grant"):
        people.oauth.refresh(app, tokens["refresh_token"])


@pytest.mark.parametrize("method", ["DeleteCloudDirectoryUser", "RemoveCloudDirectoryUser"])
def test_a_deleted_user_takes_every_token_and_session_along(people: People, method: str) -> None:
    people.oauth.settings(refresh={"enabled": True})
    made, app = people.with_profile(), people.oauth.application()
    tokens, store, now_ms = people.tokens(app), people.made.runtime.store, people.made.clock.now_ms()
    with store.write() as work:
        session = open_session(
            work,
            people.tenant_id,
            "browser",
            made["id"],
            "pwd",
            now_ms,
            60,
            people.made.runtime.entropy,
            access_epoch=0,
        )
    people.users(method, userId=made["id"])
    assert not people.oauth.is_active(tokens["access_token"], app)
    with refused("invalid_grant"):
        people.oauth.refresh(app, tokens["refresh_token"])
    with store.read() as work:
        assert find_session(work, people.tenant_id, session.id, now_ms) is None
        kept = [row.id for row in work.rows(select(PROFILES.c.id).where(PROFILES.c.tenant_id == people.tenant_id))]
    assert kept == ([made["profileId"]] if method == "DeleteCloudDirectoryUser" else [])
    assert refusal(lambda: people.users(method, userId=made["id"])) == (NOT_FOUND, "USER_NOT_FOUND")
    people.create()  # name and address are free again


def test_sso_logout_ends_every_session_of_that_user_alone(people: People) -> None:
    jane, joe = people.create()["id"], people.create("joe@example.com")["id"]
    runtime, now_ms = people.made.runtime, people.made.clock.now_ms()
    with runtime.store.write() as work:
        mine, other, theirs = (
            open_session(work, people.tenant_id, kind, user, "pwd", now_ms, 60, runtime.entropy, access_epoch=0)
            for kind, user in (("browser", jane), ("cloudapi", jane), ("browser", joe))
        )
    people.users("InvalidateUserSsoSessions", userId=jane)
    with runtime.store.read() as work:
        living = [find_session(work, people.tenant_id, one.id, now_ms) is not None for one in (mine, other, theirs)]
    assert living == [False, False, True]


def test_userinfo_maps_the_directory_id_to_the_profile(people: People) -> None:
    before = people.create("early@example.com")["id"]
    assert refusal(partial(people.users, "GetCloudDirectoryUserinfo", userId=before)) == (
        NOT_FOUND,
        "PROFILE_NOT_FOUND",
    )
    made = people.with_profile(lockedUntil=4_102_444_800_000)
    found = unwrapped(people.users("GetCloudDirectoryUserinfo", userId=made["id"]))
    profile_id = made.pop("profileId")
    assert found == {
        "sub": profile_id,
        "identities": [
            {
                "provider": "cloud_directory",
                "id": made["id"],
                "idpUserInfo": {**made, "active": True, "idpType": "cloud_directory"},  # what is set, locked or not
            }
        ],
        "attributes": {},
    }


def test_after_a_sign_in_the_user_says_when(people: People) -> None:
    made = people.create()
    people.made.clock.advance(5)
    people.tokens(people.oauth.application())
    read = people.users("GetCloudDirectoryUser", userId=made["id"])
    assert read["mfaContext"] == {}
    assert read["meta"]["lastLogin"] > read["meta"]["created"]


def test_changes_are_audited_under_the_new_users_id(people: People) -> None:
    made = people.create()
    people.update(made)
    people.users("InvalidateUserSsoSessions", userId=made["id"])
    people.users("DeleteCloudDirectoryUser", userId=made["id"])
    assert people.audited() == [
        ("appid.cloud-directory-user.update", made["id"]), ("appid.cloud-directory-user.update", made["id"]),
        ("appid.cloud-directory-user-sso.set-off", made["id"]), ("appid.cloud-directory-user.delete", made["id"]),
    ]  # fmt: skip
