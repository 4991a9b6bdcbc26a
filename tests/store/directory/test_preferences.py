"""Preferences of users and programs, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT

from ostiary.directory.preferences.definitions import (
    DataType,
    PreferenceDefinition,
    check_value,
    define_preference,
    delete_definition,
    get_definition,
)
from ostiary.directory.preferences.language import language_of, locale_with
from ostiary.directory.preferences.preferences import (
    CLIENT,
    Owner,
    forget_preferences,
    get_preference,
    list_preferences,
    put_preference,
)
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user, delete_user, get_user
from ostiary.errors import DomainError
from ostiary.store.engine import Store
from ostiary.store.work import Work

NOW, LANGUAGE = 1_000, "internal:localLanguage"
ROBOT = Owner("robot", CLIENT)


def rows_per_page(**facts: Any) -> PreferenceDefinition:
    return PreferenceDefinition(
        "ui:rows", "Rows per page", DataType.INTEGER, min_value=10, max_value=100, default_value="25", **facts
    )


def person(work: Work, locale: str = "") -> Owner:
    return Owner(create_user(work, TENANT, NewUser(user_name="ann", locale=locale), None, ENTROPY, NOW).id)


def shown(work: Work, owner: Owner) -> dict[str, str]:
    return {one.classifier: one.value for one in list_preferences(work, TENANT, owner)}


def refused(reason: str) -> Any:
    return pytest.raises(DomainError, match=f"^{reason}:")


def test_the_language_of_a_user_is_its_locale_and_that_of_a_program_its_own(store: Store) -> None:
    with store.write() as work:
        ann = person(work, "de-CH")
        assert shown(work, ann) == {LANGUAGE: "de-CH"}
        put_preference(work, TENANT, ann, LANGUAGE, "fr", NOW + 5)
        put_preference(work, TENANT, ROBOT, LANGUAGE, "es", NOW)
        user = get_user(work, TENANT, ann.id)
        assert (user.locale, user.version, user.modified_at) == ("fr", 2, NOW + 5)
        put_preference(work, TENANT, ann, LANGUAGE, "fr", NOW + 9)
        assert get_user(work, TENANT, ann.id).version == 2, "what changes nothing is no new version"
        assert (shown(work, ann), shown(work, ROBOT)) == ({LANGUAGE: "fr"}, {LANGUAGE: "es"})
        forget_preferences(work, TENANT, ROBOT)
        assert shown(work, ROBOT) == {LANGUAGE: ""}


def test_a_defined_preference_holds_its_default_until_it_is_set_and_goes_with_its_definition(store: Store) -> None:
    with store.write() as work:
        ann = person(work)
        define_preference(work, rows_per_page(), NOW)
        assert shown(work, ann) == {LANGUAGE: "", "ui:rows": "25"}
        for value in ("50", "100"):
            assert put_preference(work, TENANT, ann, "ui:rows", value, NOW).value == value
        assert (get_preference(work, TENANT, ann, "ui:rows").value, shown(work, ROBOT)["ui:rows"]) == ("100", "25")
        with refused("CLASSIFIER_TAKEN"):
            define_preference(work, rows_per_page(), NOW)
        delete_definition(work, "ui:rows")
        define_preference(work, rows_per_page(), NOW)
        assert shown(work, ann)["ui:rows"] == "25"
        put_preference(work, TENANT, ann, "ui:rows", "50", NOW)
        delete_user(work, TENANT, ann.id)
        with refused("USER_NOT_FOUND"):
            list_preferences(work, TENANT, ann)


@pytest.mark.parametrize(
    ("facts", "good", "bad"),
    [
        ({"data_type": DataType.BOOLEAN}, {"true": "true", "FALSE": "false"}, ["yes", "1", ""]),
        ({"data_type": DataType.INTEGER}, {"-3": "-3", "007": "7"}, ["1.5", "x", "", "9" * 17, "9" * 16, "\u0661"]),
        ({"data_type": DataType.INTEGER, "min_value": 1, "max_value": 5}, {"1": "1", "5": "5"}, ["0", "6"]),
        ({"constrained": True, "allowed_values": ("dark", "light")}, {"dark": "dark"}, ["Dark", "", "blue"]),
        ({}, {"": "", "x" * 2_048: "x" * 2_048}, ["x" * 2_049]),
    ],
)  # fmt: skip
def test_a_value_is_what_its_definition_says(facts: dict[str, Any], good: dict[str, str], bad: list[str]) -> None:
    definition = PreferenceDefinition("ui:x", "X", **facts)
    for value, stored in good.items():
        assert check_value(definition, value) == stored
    for value in bad:
        with refused("INVALID_PREFERENCE_VALUE"):
            check_value(definition, value)


@pytest.mark.parametrize(
    "facts",
    [
        {"classifier": "rows"}, {"classifier": "ui:a b"}, {"classifier": "a:b:c"}, {"name": ""}, {"name": "x" * 256},
        {"min_value": 1}, {"data_type": DataType.INTEGER, "min_value": 2, "max_value": 1}, {"constrained": True},
        {"allowed_values": ("a",)}, {"data_type": DataType.BOOLEAN, "default_value": "maybe"},
        {"data_type": DataType.INTEGER, "max_value": 1 << 60}, {"data_type": DataType.INTEGER, "default_value": "07"},
        {"constrained": True, "allowed_values": tuple(map(str, range(101)))},
    ],
)  # fmt: skip
def test_a_definition_that_contradicts_itself_is_refused(store: Store, facts: dict[str, Any]) -> None:
    with store.write() as work, refused("INVALID_PREFERENCE_(DEFINITION|VALUE)"):
        define_preference(work, PreferenceDefinition(**{"classifier": "ui:x", "name": "X", **facts}), NOW)


def test_unknown_and_built_in_classifiers_and_languages_that_are_none_are_refused(store: Store) -> None:
    with store.write() as work:
        ann = person(work)
        for act in (
            lambda: get_definition(work, "ui:none"), lambda: delete_definition(work, "ui:none"),
            lambda: get_preference(work, TENANT, ann, "ui:none"),
            lambda: put_preference(work, TENANT, ann, "ui:none", "x", NOW),
        ):  # fmt: skip
            with refused("PREFERENCE_NOT_FOUND"):
                act()
        with refused("PREFERENCE_BUILT_IN"):
            delete_definition(work, LANGUAGE)
        for value in ("english language", "e", "en-", "x" * 36, "en\n"):
            with refused("INVALID_LANGUAGE"):
                put_preference(work, TENANT, ann, LANGUAGE, value, NOW)


@pytest.mark.parametrize(
    ("locale", "language"), [("", ""), ("en", "en"), ("en-US", "en"), ("en_US", "en"), ("zh-TW", "zh-TW")]
)
def test_the_language_of_a_locale(locale: str, language: str) -> None:
    assert language_of(locale) == language
    assert locale_with(locale, language) == locale, "who chooses the language that it has keeps the region"
    assert locale_with(locale, "ja") == "ja"
