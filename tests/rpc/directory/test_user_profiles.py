"""Profiles over native gRPC."""

from __future__ import annotations

import base64
import json
import uuid
from functools import partial
from typing import Any

import pytest
from kit.accounts.directory import INVALID, NOBODY, NOT_FOUND, Json, People, body, raw
from kit.callers import refusal
from kit.oauth import Refused, refused

from ostiary.store.tables import Identity, Profile


def test_a_profile_has_the_documented_form(people: People) -> None:
    made = people.with_profile(displayName="Jane", locale="de", userName="jane")
    profile = people.profiles("GetUserProfile", id=made["profileId"])
    assert list(profile) == ["id", "name", "email", "preferred_username", "locale", "identities", "attributes"]
    known = {name: profile[name] for name in ("id", "name", "email", "preferred_username", "locale", "attributes")}
    assert known == {
        "id": made["profileId"], "name": "Jane", "email": "jane@example.com", "preferred_username": "jane",
        "locale": "de", "attributes": {},
    }  # fmt: skip
    (identity,) = profile["identities"]
    assert (identity["provider"], identity["id"]) == ("cloud_directory", made["id"])
    assert identity["idpUserInfo"]["idpType"] == "cloud_directory"
    assert "password" not in json.dumps(profile)


def add_profile(people: People, provider: str, idp_id: str, email: str, *, anonymous: bool = False) -> str:
    """A profile of another provider, as its sign-in will make one."""
    profile_id = str(uuid.uuid4())
    now_ms = people.made.clock.now_ms()
    with people.made.runtime.store.write() as work:
        work.add(
            Profile(
                id=profile_id, tenant_id=people.tenant_id, email=email, anonymous=anonymous, created_at=now_ms,
                modified_at=now_ms,
            )
        )  # fmt: skip
        if not anonymous:
            work.add(
                Identity(
                    tenant_id=people.tenant_id, provider=provider, idp_id=idp_id, profile_id=profile_id,
                    email_key=email.lower(), user_info='{"id":"g1","n":1.10}',
                )
            )  # fmt: skip
    return profile_id


def test_profiles_are_searched_by_mail_and_by_id_and_anonymous_ones_never_listed(people: People) -> None:
    jane = people.with_profile()
    people.made.clock.advance(1)
    google = add_profile(people, "google", "g1", "Jane@Example.com")
    add_profile(people, "", "anon", "", anonymous=True)
    people.create("early@example.com")  # without a profile

    def found(**asked: Any) -> tuple[list[str], int]:
        page = people.profiles("SearchUserProfiles", **asked)
        assert page["itemsPerPage"] == len(page["users"])
        return [user["id"] for user in page["users"]], page["totalResults"]

    assert found() == ([jane["profileId"], google], 2)
    assert found(email="JANE@example.com") == ([jane["profileId"], google], 2)
    assert found(id=jane["id"]) == ([jane["profileId"]], 1)
    assert found(id="g1", email="jane@example.com") == ([google], 1)
    assert found(id=jane["profileId"]) == ([], 0)
    assert found(email="no address") == ([], 0)
    assert found(startIndex=2, count=1) == ([google], 2)
    assert found(count=0) == ([], 2)


def test_the_index_says_little_and_full_says_all(people: People) -> None:
    made = people.with_profile()
    index = people.profiles("SearchUserProfiles", dataScope="index")
    assert index == {
        "totalResults": 1, "itemsPerPage": 1, "requestOptions": {},
        "users": [{"idp": "cloud_directory", "id": made["profileId"], "email": "jane@example.com"}],
    }  # fmt: skip
    full = people.profiles("SearchUserProfiles", dataScope="full", startIndex=1, count=5)
    assert full["requestOptions"] == {"startIndex": 1, "count": 5}
    assert full["users"] == [people.profiles("GetUserProfile", id=made["profileId"])]
    for start in (-1, 0):
        assert people.profiles("SearchUserProfiles", dataScope="index", startIndex=start)["users"] == index["users"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"count": -1}, "INVALID_COUNT"), ({"count": 101}, "INVALID_COUNT"),
        ({"dataScope": "all"}, "INVALID_DATA_SCOPE"), ({"id": "nul\0"}, "INVALID_FILTER"),
    ],
)  # fmt: skip
def test_a_malformed_search_is_refused(people: People, asked: Json, reason: str) -> None:
    assert refusal(lambda: people.profiles("SearchUserProfiles", **asked)) == (INVALID, reason)


def test_attributes_keep_every_digit_and_their_order(people: People) -> None:
    made = people.with_profile()
    sent = '{"z":1.10,"a":12345678901234567890,"m":{"y":1E+400,"b":[true,null,"\\u00fc"]},"10":"x","9":-0.0}'
    people.profiles("UpdateUserProfile", id=made["profileId"], profile=body('{"attributes":' + sent + ',"name":"x"}'))
    text = raw(people.manage("UsersService/GetUserProfile", id=made["profileId"]))
    assert text.endswith('"attributes":' + sent + "}")
    assert json.loads(text)["name"] == "jane@example.com"  # everything else in the body is ignored


def test_an_update_replaces_all_attributes(people: People) -> None:
    made = people.with_profile()
    for attributes in ({"a": 1, "b": 2}, {"b": 3}, {}):
        answer = people.profiles("UpdateUserProfile", id=made["profileId"], profile=body({"attributes": attributes}))
        assert answer["attributes"] == attributes
        assert answer == people.profiles("GetUserProfile", id=made["profileId"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "MALFORMED_JSON"), ("{", "MALFORMED_JSON"), ("{'attributes': {}}", "MALFORMED_JSON"),
        ('{"attributes":{"a":NaN}}', "MALFORMED_JSON"), ('{"attributes":{"a":Infinity}}', "MALFORMED_JSON"),
        ("\ufeff{}", "ATTRIBUTES_MISSING"), ("[" * 100_000, "MALFORMED_JSON"),
        ('{"attributes":{"a":' + "[" * 64 + "]" * 64 + "}}", "MALFORMED_JSON"),
        ('{"attributes":{"a":' + "1" * 5000 + "}}", "MALFORMED_JSON"),
        ("{}", "ATTRIBUTES_MISSING"), ("[]", "ATTRIBUTES_MISSING"), ('{"attributes":[]}', "ATTRIBUTES_MISSING"),
        ('{"attributes":null}', "ATTRIBUTES_MISSING"), ('{"attributes":{"":1}}', "INVALID_ATTRIBUTE_NAME"),
        ('{"attributes":{"a":"' + "x" * 102_400 + '"}}', "ATTRIBUTES_TOO_LARGE"),
    ],
    ids=range(15),
)  # fmt: skip
def test_a_bad_body_is_refused_and_changes_nothing(people: People, text: str, reason: str) -> None:
    made = people.with_profile()
    people.profiles("UpdateUserProfile", id=made["profileId"], profile=body({"attributes": {"a": 1}}))
    asked = partial(people.profiles, "UpdateUserProfile", id=made["profileId"], profile=body(text))
    assert refusal(asked) == (INVALID, reason)
    assert people.profiles("GetUserProfile", id=made["profileId"])["attributes"] == {"a": 1}


def test_a_hundred_kilobytes_fit_counted_in_utf8(people: People) -> None:
    made = people.with_profile()
    attributes = {"a": "ü" * 51_190}  # 102,380 bytes and the punctuation
    answer = people.profiles("UpdateUserProfile", id=made["profileId"], profile=body({"attributes": attributes}))
    assert answer["attributes"] == attributes


CALLS: list[tuple[str, Json]] = [
    ("DeleteUserProfile", {}), ("RevokeUserRefreshTokens", {}), ("GetUserProfile", {}), ("GetUserRoles", {}),
    ("UpdateUserProfile", {"profile": body({"attributes": {}})}), ("UpdateUserRoles", {"assignment": {"roles": {}}}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "request_body"), CALLS, ids=[method for method, _ in CALLS])
def test_a_directory_id_another_tenants_profile_and_nobody_are_alike(
    people: People, method: str, request_body: Json
) -> None:
    mine = people.with_profile()
    theirs = People(people.caller).with_profile()
    for profile_id in (mine["id"], theirs["profileId"], NOBODY, ""):
        asked = partial(people.profiles, method, id=profile_id, **request_body)
        assert refusal(asked) == (NOT_FOUND, "PROFILE_NOT_FOUND")
        with pytest.raises(Exception, match="Profile not found"):
            asked()


def new_role(people: People, name: str) -> str:
    """A role without scopes; its id."""
    role_id: str = people.manage("RolesService/CreateRole", role={"name": name, "access": []})["id"]
    return role_id


def test_roles_are_replaced_by_ids_or_names(people: People) -> None:
    profile_id = people.with_profile()["profileId"]
    admin, editor = new_role(people, "Admin"), new_role(people, "Editor")

    def put(**roles: Any) -> list[str]:
        answer = people.profiles("UpdateUserRoles", id=profile_id, assignment={"roles": roles})
        assert answer == people.profiles("GetUserRoles", id=profile_id)
        return [role["name"] for role in answer["roles"]]

    assert people.profiles("GetUserRoles", id=profile_id) == {"roles": []}
    assert put(ids=[editor, admin, admin]) == ["Admin", "Editor"]
    assert put(names=["EDITOR"]) == ["Editor"]
    assert put(ids=[]) == []
    put(ids=[admin])
    for assignment, refused_with in (
        ({"roles": {"ids": [editor], "names": ["Admin"]}}, (INVALID, "IDS_AND_NAMES")),
        ({"roles": {"ids": [editor, NOBODY]}}, (NOT_FOUND, "ROLE_NOT_FOUND")),
        ({"roles": {"names": ["nobody"]}}, (NOT_FOUND, "ROLE_NOT_FOUND")),
        ({}, (INVALID, "ROLES_MISSING")),
    ):
        asked = partial(people.profiles, "UpdateUserRoles", id=profile_id, assignment=assignment)
        assert refusal(asked) == refused_with
    assert [role["id"] for role in people.profiles("GetUserRoles", id=profile_id)["roles"]] == [admin]


def test_revoking_kills_every_refresh_token_and_leaves_the_access_tokens_of_others(people: People) -> None:
    people.oauth.settings(refresh={"enabled": True})
    made, app = people.with_profile(), people.oauth.application()
    people.with_profile("joe@example.com")
    first, second, other = people.tokens(app), people.tokens(app), people.tokens(app, "joe@example.com")
    people.profiles("RevokeUserRefreshTokens", id=made["profileId"])
    for tokens in (first, second):
        with refused("invalid_grant"):
            people.oauth.refresh(app, tokens["refresh_token"])
    assert people.oauth.refresh(app, other["refresh_token"])["access_token"]


def test_a_deleted_profile_takes_its_tokens_along_and_the_user_gets_a_new_one(people: People) -> None:
    people.oauth.settings(refresh={"enabled": True})
    made, app = people.with_profile(), people.oauth.application()
    profile_id, tokens = made["profileId"], people.tokens(app)
    people.profiles("UpdateUserProfile", id=profile_id, profile=body({"attributes": {"a": 1}}))
    people.profiles("DeleteUserProfile", id=profile_id)
    assert not people.oauth.is_active(tokens["access_token"], app)
    with pytest.raises(Refused):
        people.oauth.userinfo(tokens["access_token"])
    with refused("invalid_grant"):
        people.oauth.refresh(app, tokens["refresh_token"])
    sub = people.oauth.verified(people.tokens(app)["access_token"])[1]["sub"]
    assert sub != profile_id
    assert people.profiles("GetUserProfile", id=sub)["attributes"] == {}


def test_changes_are_audited_with_the_profile_id(people: People) -> None:
    profile_id = people.with_profile()["profileId"]
    people.profiles("UpdateUserProfile", id=profile_id, profile=body({"attributes": {}}))
    people.profiles("UpdateUserRoles", id=profile_id, assignment={"roles": {}})
    people.profiles("RevokeUserRefreshTokens", id=profile_id)
    people.profiles("DeleteUserProfile", id=profile_id)
    assert people.audited()[1:] == [
        ("appid.user-profile.update", profile_id), ("appid.user-roles.update", profile_id),
        ("appid.refresh-token.revoke", profile_id), ("appid.user-profile.bulkdelete", profile_id),
    ]  # fmt: skip


def test_a_number_that_no_reader_of_tokens_can_hold_is_left_out_there_and_whole_in_the_profile(people: People) -> None:
    mapping = {"source": "attributes", "source_claim": "a"}
    people.oauth.settings(access_token_claims=[mapping], id_token_claims=[mapping])
    profile_id, app = people.with_profile()["profileId"], people.oauth.application()
    sent = '{"a":{"large":1E+400,"small":1.5,"list":[-1e999]}}'
    people.profiles("UpdateUserProfile", id=profile_id, profile=body('{"attributes":' + sent + "}"))
    tokens = people.tokens(app)
    for kind in ("access_token", "id_token"):
        payload = tokens[kind].split(".")[1]
        text = base64.urlsafe_b64decode(payload + "==").decode()
        assert json.loads(text, parse_constant=pytest.fail)["a"] == {"small": 1.5, "list": []}
    assert '"large":1E+400' in raw(people.manage("UsersService/GetUserProfile", id=profile_id))
