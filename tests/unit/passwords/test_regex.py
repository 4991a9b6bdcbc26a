"""Password rules of tenants: what can be stored, what they refuse, and that no pattern can hang a worker."""

from __future__ import annotations

import base64
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis.strategies import sampled_from, text

from ostiary.directory.passwords.regex import (
    BUILT_IN,
    BUILT_IN_MESSAGE,
    PASSWORD_REGEX,
    PasswordRule,
    check_password_regex,
    check_regex_config,
)
from ostiary.errors import DomainError
from ostiary_api.appid.management.v4.password_regex_pb2 import PasswordRegexConfig


def encoded(pattern: str) -> str:
    return base64.b64encode(pattern.encode()).decode()


@pytest.mark.parametrize(
    ("config", "regex", "message"),
    [
        (PasswordRegexConfig(base64_encoded_regex=encoded(".*[a-z].*"), error_message="No"), ".*[a-z].*", "No"),
        (PasswordRegexConfig(regex="^.{4}$"), "^.{4}$", BUILT_IN_MESSAGE),
        (PasswordRegexConfig(regex="^a$", base64_encoded_regex=encoded("^b$")), "^b$", BUILT_IN_MESSAGE),
        (PasswordRegexConfig(regex="^a$", base64_encoded_regex=""), BUILT_IN, BUILT_IN_MESSAGE),
        (PasswordRegexConfig(base64_encoded_regex="", error_message="Eight"), BUILT_IN, "Eight"),
        (PasswordRegexConfig(), BUILT_IN, BUILT_IN_MESSAGE),
        (PasswordRegexConfig(regex="^[äöü]{8,}$"), "^[äöü]{8,}$", BUILT_IN_MESSAGE),
    ],
)
def test_each_form_is_derived_from_the_other(config: PasswordRegexConfig, regex: str, message: str) -> None:
    check_regex_config(config)
    assert (config.regex, config.base64_encoded_regex, config.error_message) == (regex, encoded(regex), message)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (PasswordRegexConfig(base64_encoded_regex="not base64!"), "INVALID_BASE64"),
        (PasswordRegexConfig(base64_encoded_regex="Lio"), "INVALID_BASE64"),
        (PasswordRegexConfig(base64_encoded_regex="Lio\n"), "INVALID_BASE64"),
        (PasswordRegexConfig(base64_encoded_regex=base64.b64encode(b"\xff\xfe").decode()), "INVALID_BASE64"),
        (PasswordRegexConfig(regex="(?=.*[0-9]).*"), "INVALID_REGEX"),
        (PasswordRegexConfig(regex="(?<!a)b"), "INVALID_REGEX"),
        (PasswordRegexConfig(regex=r"(.)\1"), "INVALID_REGEX"),
        (PasswordRegexConfig(regex="(unclosed"), "INVALID_REGEX"),
        (PasswordRegexConfig(regex="((a{100}){100}){100}"), "INVALID_REGEX"),
        (PasswordRegexConfig(regex="a" * 2_001), "REGEX_TOO_LONG"),
    ],
)
def test_what_cannot_be_matched_in_linear_time_or_read_is_refused(config: PasswordRegexConfig, reason: str) -> None:
    with pytest.raises(DomainError) as error:
        check_regex_config(config)
    assert error.value.reason == reason


def test_the_refusal_of_a_look_ahead_says_what_is_wrong() -> None:
    with pytest.raises(DomainError, match=r"invalid perl operator: \(\?=.*look-ahead only right after a leading"):
        check_regex_config(PasswordRegexConfig(regex="^a(?=.*[A-Z]).*$"))


LOOK_AHEADS = (
    r"^(?:(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).*)$",
    r"^(?=.*[A-Za-z])(?=.*\d)[A-Za-z\d]{3,}$",
    r"^(?!.*(a|b)c)(?=[^)(|]*\)).+",
    r"^(?!.*\s)(?=.*[]()|\]]).{1,4}$",
    r"^(?=a|b)(?!ab)(?:a|b|c)*$",
    r"^(?=.*\()(?=.*\|).*",
)


@given(pattern=sampled_from(LOOK_AHEADS), password=text(alphabet="abcABC123()|[] \\", max_size=8))
@settings(max_examples=500, deadline=None)
def test_look_aheads_at_the_beginning_mean_what_they_mean_elsewhere(pattern: str, password: str) -> None:
    assert matches(PasswordRegexConfig(regex=pattern), password) == bool(re.search(pattern, password))


@pytest.mark.parametrize(
    "pattern",
    ["(?=a).*", "^(?=a)b|c", "^(?:(?=a)b|c)$", "^(?=a)*b", "^(?=a", "^(?=(?=a)b)c", r"^(?=\Q)\E)a", "^(?<=a)b"],
)
def test_look_around_that_has_no_such_form_is_refused(pattern: str) -> None:
    with pytest.raises(DomainError) as error:
        check_regex_config(PasswordRegexConfig(regex=pattern))
    assert error.value.reason == "INVALID_REGEX"


@pytest.mark.parametrize(
    ("password", "good"), [("12345678", True), ("1234567", False), ("äöüäöüäö", True), ("", False)]
)
def test_the_built_in_rule_asks_for_eight_characters(password: str, good: bool) -> None:
    assert matches(PASSWORD_REGEX.default_document(), password) == good


def test_a_pattern_without_anchors_is_searched_for() -> None:
    config = PasswordRegexConfig(regex="[0-9]")
    check_regex_config(config)
    assert matches(config, "ab1cd")
    assert not matches(config, "abcd")


def test_a_refused_password_gets_the_tenants_own_message() -> None:
    with pytest.raises(DomainError) as error:
        check_password_regex(PasswordRule("^x$", "Only x will do"), "y")
    assert (error.value.reason, error.value.message) == ("INVALID_PASSWORD", "Only x will do")


def test_a_catastrophic_pattern_takes_linear_time() -> None:
    config = PasswordRegexConfig(regex="^((a+)+)+$")
    check_regex_config(config)
    started = time.perf_counter()
    assert not matches(config, "a" * 1_023 + "!")
    assert time.perf_counter() - started < 0.5


def matches(config: PasswordRegexConfig, password: str) -> bool:
    try:
        check_password_regex(PASSWORD_REGEX.value_of(config), password)
    except DomainError:
        return False
    return True
