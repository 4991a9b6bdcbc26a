"""A user's own attributes over native gRPC (`/api/v1/attributes`)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pytest
from kit.accounts.directory import INVALID, LIMITED, NOT_FOUND, Json, People, body, unwrapped
from kit.callers import bearer, refusal
from kit.oauth import Application

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.directory.profiles.attribute_storage import USERS_PROFILE
from ostiary_api.appid.management.v4 import runtime_activity_pb2, users_profile_pb2

DENIED, UNAUTHENTICATED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED


class Jane:
    """A user with a token of her own."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.app: Application = people.oauth.application()
        self.made = people.with_profile()
        self.token: str = people.tokens(self.app)["access_token"]

    def ask(self, method: str, token: str = "", **request: Any) -> Json:
        path = f"identity.profiles.v1.AttributesService/{method}"
        return unwrapped(self.people.caller.ask(path, request, **bearer(token or self.token)))

    def put(self, name: str, value: str, kind: str = "text/plain") -> Json:
        return self.ask("PutAttribute", name=name, value=body(value, kind))


@pytest.fixture
def jane(people: People) -> Jane:
    return Jane(people)


def test_an_attribute_lives_from_its_first_writing_to_its_deletion(jane: Jane) -> None:
    assert jane.ask("ListAttributes") == {}
    assert jane.put("points", "150") == {"points": "150"}
    assert jane.put("colour", "blue") == {"colour": "blue"}
    assert jane.put("points", "200") == {"points": "200"}
    assert jane.ask("ListAttributes") == {"points": "200", "colour": "blue"}
    assert jane.ask("GetAttribute", name="points") == {"points": "200"}
    assert jane.ask("DeleteAttribute", name="points") == {}
    assert jane.ask("ListAttributes") == {"colour": "blue"}
    assert refusal(lambda: jane.ask("GetAttribute", name="points")) == (NOT_FOUND, "ATTRIBUTE_NOT_FOUND")
    assert refusal(lambda: jane.ask("DeleteAttribute", name="points")) == (NOT_FOUND, "ATTRIBUTE_NOT_FOUND")
    profile = jane.people.profiles("GetUserProfile", id=jane.made["profileId"])
    assert profile["attributes"] == {"colour": "blue"}


@pytest.mark.parametrize(
    ("sent", "kind", "stored"),
    [
        ("blue", "application/json", "blue"),  # what App ID's SDK for Node sends
        ("150", "application/json", "150"),
        ("true", "application/json", "true"),
        ("150", "text/plain", "150"),
        ('{"a": 1.5}', "application/json; charset=utf-8", {"a": 1.5}),
        ('["x"]', "application/json", ["x"]),
        ('"quoted"', "application/json", "quoted"),
        ('"half', "application/json", '"half'),
        ('{"a": 1}', "text/plain", '{"a": 1}'),
        ("", "", ""),
        ("nul\0 and ü", "application/octet-stream", "nul\0 and ü"),
    ],
)
def test_the_body_is_the_bare_value(jane: Jane, sent: str, kind: str, stored: Any) -> None:
    assert jane.put("x", sent, kind) == {"x": stored}
    assert jane.ask("GetAttribute", name="x") == {"x": stored}


def test_what_does_not_fit_is_refused(jane: Jane) -> None:
    assert refusal(lambda: jane.put("x" * 257, "v")) == (INVALID, "INVALID_ATTRIBUTE_NAME")
    assert refusal(lambda: jane.put("", "v")) == (INVALID, "INVALID_ATTRIBUTE_NAME")
    jane.put("half", "x" * 60_000)
    assert refusal(lambda: jane.put("more", "x" * 60_000)) == (INVALID, "ATTRIBUTES_TOO_LARGE")
    not_text = {"contentType": "text/plain", "data": "//79"}
    assert refusal(partial(jane.ask, "PutAttribute", name="x", value=not_text)) == (INVALID, "INVALID_ATTRIBUTE_VALUE")
    assert list(jane.ask("ListAttributes")) == ["half"]


def test_five_updates_and_five_deletes_a_minute_each_exact(jane: Jane) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda number: refusal(lambda: jane.put(f"a{number}", "x")), range(8)))
    assert [reason for _, reason in outcomes].count("") == 5
    assert outcomes.count((LIMITED, "TOO_MANY_ATTRIBUTE_WRITES")) == 3
    names = list(jane.ask("ListAttributes"))
    assert len(names) == 5
    for name in names:
        jane.ask("DeleteAttribute", name=name)
    assert refusal(lambda: jane.ask("DeleteAttribute", name="x")) == (LIMITED, "TOO_MANY_ATTRIBUTE_WRITES")
    jane.people.made.clock.advance(61)
    assert jane.put("again", "x") == {"again": "x"}


def test_concurrent_writers_lose_nothing(jane: Jane) -> None:
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda number: jane.put(f"a{number}", "x"), range(5)))
    assert sorted(jane.ask("ListAttributes")) == [f"a{number}" for number in range(5)]


def test_a_tenant_that_stores_no_attributes_refuses_writing_only(jane: Jane) -> None:
    jane.put("kept", "x")
    with jane.people.made.runtime.store.write() as work:
        USERS_PROFILE.replace(work, jane.people.tenant_id, users_profile_pb2.UsersProfileConfig(is_active=False), 1)
    assert refusal(lambda: jane.put("new", "x")) == (DENIED, "USERS_PROFILE_INACTIVE")
    assert jane.ask("ListAttributes") == {"kept": "x"}
    jane.ask("DeleteAttribute", name="kept")


def test_only_an_access_token_of_a_living_user_opens_them(jane: Jane) -> None:
    people = jane.people
    tokens = people.tokens(jane.app)
    strangers = {
        "an identity token": tokens["id_token"],
        "an IAM token": people.caller.token(people.made.api_keys["manager"]),
        "no token at all": "x",
    }
    for token in strangers.values():
        assert refusal(partial(jane.ask, "ListAttributes", token))[0] is UNAUTHENTICATED
    client = people.oauth.token({"grant_type": "client_credentials"}, jane.app.basic)["access_token"]
    for method in ("ListAttributes", "PutAttribute"):
        request = {"name": "x", "value": body("x")} if method == "PutAttribute" else {}
        assert refusal(partial(jane.ask, method, client, **request)) == (DENIED, "INSUFFICIENT_SCOPE")
    people.update(jane.made, active=False)
    assert refusal(lambda: jane.ask("ListAttributes"))[0] is UNAUTHENTICATED


@pytest.mark.parametrize("captured", [True, False])
def test_changes_are_recorded_where_the_tenant_captures_runtime_activity(jane: Jane, captured: bool) -> None:
    people = jane.people
    with people.made.runtime.store.write() as work:
        config = runtime_activity_pb2.RuntimeActivityConfig(is_active=captured)
        CAPTURE_RUNTIME_ACTIVITY.replace(work, people.tenant_id, config, 1)
    before = len(people.audited())
    jane.put("x", "1")
    jane.ask("DeleteAttribute", name="x")
    profile_id = jane.made["profileId"]
    assert people.audited()[before:] == [
        ("appid.user-profile-attributes.update", profile_id), ("appid.user-profile-attributes.delete", profile_id),
    ] * captured  # fmt: skip
