"""Preferences of cloudapi: one's own, and those of users."""

from __future__ import annotations

from typing import Any

import pytest
from kit.accounts.director import NOBODY, Director
from kit.accounts.people import new_client
from kit.callers import Caller

from ostiary.directory.preferences.definitions import DataType, PreferenceDefinition, define_preference
from ostiary.directory.users.users import get_user

LANGUAGE = "internal:localLanguage"
URN = "urn:vcloud:user:"


@pytest.fixture(scope="module")
def defined(shared_caller: Caller) -> Caller:
    """An installation with a preference that is true or false."""
    now_ms = shared_caller.installation.clock.now_ms()
    definition = PreferenceDefinition("ui:dark", "Dark", DataType.BOOLEAN, default_value="false")
    with shared_caller.installation.runtime.store.write() as work:
        define_preference(work, definition, now_ms)
    return shared_caller


@pytest.fixture
def director(defined: Caller) -> Director:
    return Director(defined)


def test_the_language_is_the_one_that_other_dialects_show(director: Director) -> None:
    asked = {"classifier": LANGUAGE, "preference": {"classifier": LANGUAGE, "name": "Local language", "value": "de"}}
    shown = director.ask("PreferencesService/UpdatePreference", director.member, **asked)
    assert shown == asked["preference"]
    assert director.ask("PreferencesService/GetPreference", director.member, classifier=LANGUAGE) == shown
    with director.made.runtime.store.read() as work:
        assert get_user(work, director.tenant_id, director.member.id).locale == "de"


def test_a_program_has_preferences_of_its_own(director: Director) -> None:
    robot = new_client(director.made, director.tenant_id, service_account=True)
    change = {"classifier": "ui:dark", "preference": {"value": "TRUE"}}
    assert director.ask("PreferencesService/UpdatePreference", robot, **change)["value"] == "true"
    seen = [director.ask("PreferencesService/GetPreference", who, classifier="ui:dark") for who in (robot, None)]
    assert [one["value"] for one in seen] == ["true", "false"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [LANGUAGE, "ui:dark"]), ({"filter": "classifier==ui:*"}, ["ui:dark"]),
        ({"filter": "value==false"}, ["ui:dark"]),
        ({"sortDesc": "classifier"}, ["ui:dark", LANGUAGE]), ({"pageSize": 1, "page": 2}, ["ui:dark"]),
        ({"filter": "name==local*"}, [LANGUAGE]),
    ],
)  # fmt: skip
def test_preferences_are_listed(director: Director, query: Any, expected: list[str]) -> None:
    of_member = {"id": f"{URN}{director.member.id}"}
    for method, who, named in (
        ("ListPreferences", director.member, {}), ("ListUserPreferences", director.owner, of_member),
    ):  # fmt: skip
        listed = director.ask(f"PreferencesService/{method}", who, **named, **query)
        assert [one["classifier"] for one in listed["values"]] == expected


def test_owners_set_what_others_prefer_and_members_their_own_alone(director: Director) -> None:
    own, others = f"{URN}{director.member.id}", f"{URN}{director.owner.id}"
    change = {"classifier": "ui:dark", "preference": {"value": "true"}}
    assert director.ask("PreferencesService/UpdateUserPreference", id=own, **change)["value"] == "true"
    back = {"classifier": "ui:dark", "preference": {"value": "false"}}
    assert director.ask("PreferencesService/UpdateUserPreference", director.member, id=own, **back)["value"] == "false"
    for named in (others, f"{URN}{NOBODY}", "nonsense"):
        refused = director.refused("PreferencesService/UpdateUserPreference", director.member, id=named, **change)
        assert refused == ("PERMISSION_DENIED", "FORBIDDEN")
    assert director.ask("PreferencesService/GetUserPreference", id=others, classifier="ui:dark")["value"] == "false"


@pytest.mark.parametrize(
    ("classifier", "preference", "reason"),
    [
        ("ui:dark", {"value": "maybe"}, "INVALID_PREFERENCE_VALUE"), ("ui:dark", {}, "FIELD_MISSING"),
        ("ui:unknown", {"value": "x"}, "PREFERENCE_NOT_FOUND"),
        ("ui:dark", {"value": "true", "classifier": "ui:other"}, "PREFERENCE_FIXED"),
        ("ui:dark", {"value": "true", "name": "Else"}, "PREFERENCE_FIXED"),
        ("ui:dark", {"value": "x" * 2049}, "INVALID_FIELD"), (LANGUAGE, {"value": "no language!"}, "INVALID_LANGUAGE"),
    ],
)  # fmt: skip
def test_what_cannot_be_preferred_is_refused(director: Director, classifier: str, preference: Any, reason: str) -> None:
    change = {"classifier": classifier, "preference": preference}
    assert director.refused("PreferencesService/UpdatePreference", **change)[1] == reason
    own = f"{URN}{director.owner.id}"
    assert director.refused("PreferencesService/UpdateUserPreference", id=own, **change)[1] == reason


def test_preferences_of_people_elsewhere_look_like_those_of_nobody(director: Director) -> None:
    foreign = f"{URN}{Director(director.caller).owner.id}"
    change = {"classifier": "ui:dark", "preference": {"value": "true"}}
    for method, body in (
        ("ListUserPreferences", {}), ("GetUserPreference", {"classifier": "ui:dark"}), ("UpdateUserPreference", change),
    ):  # fmt: skip
        seen = {
            director.refused(f"PreferencesService/{method}", id=named, **body) for named in (foreign, f"{URN}{NOBODY}")
        }
        assert seen == {("NOT_FOUND", "USER_NOT_FOUND")}, method
