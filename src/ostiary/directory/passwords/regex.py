"""The pattern that new passwords of a tenant must match.

A tenant chooses the pattern and any user the password: RE2 matches in time linear in the password, so no pattern can
block a worker. Look-aheads at the beginning become patterns of their own; what RE2 cannot express (other
look-around, back references) is refused when it is stored.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from ostiary.directory.passwords.lookaheads import conditions
from ostiary.errors import invalid
from ostiary.settings.encoded_text import decoded_text
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import password_regex_pb2 as pb

BUILT_IN = "^.{8,}$"
BUILT_IN_MESSAGE = "The password doesn't meet the strength requirements."
MAX_REGEX = 2_000
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 20
"""Bytes for a compiled pattern: nested repetitions that need more are refused."""


@dataclass(frozen=True, slots=True)
class PasswordRule:
    """The pattern that new passwords must match, and what people read when one does not."""

    regex: str
    error_message: str


def check_regex_config(config: pb.PasswordRegexConfig) -> None:
    """Derives regex and base64_encoded_regex from one another and fills in what is built in."""
    encoded = config.HasField("base64_encoded_regex")
    given = decoded_text("base64_encoded_regex", config.base64_encoded_regex, "a pattern") if encoded else config.regex
    config.regex = given or BUILT_IN
    config.error_message = config.error_message or BUILT_IN_MESSAGE
    if len(config.regex) > MAX_REGEX:
        raise invalid("REGEX_TOO_LONG", f"The pattern has at most {MAX_REGEX} characters.")
    try:
        _compiled(config.regex)
    except re2.error as error:
        raise invalid("INVALID_REGEX", _explained(error)) from error
    config.base64_encoded_regex = base64.b64encode(config.regex.encode()).decode()


def check_password_regex(rule: PasswordRule, password: str) -> None:
    """Raises INVALID_PASSWORD with the tenant's message when the password does not match its rule."""
    met = all((pattern.search(password) is not None) == wanted for pattern, wanted in _compiled(rule.regex))
    if not met:
        raise invalid("INVALID_PASSWORD", rule.error_message, scim_type="invalidValue")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> list[tuple[Any, bool]]:
    return [(re2.compile(plain, _OPTIONS), wanted) for plain, wanted in conditions(pattern)]


def _explained(error: re2.error) -> str:
    reason = error.args[0]
    reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return (
        f"The pattern is not valid RE2 syntax: {reason}. Patterns are matched in linear time, so back references and "
        "look-behind cannot be used, and look-ahead only right after a leading ^."
    )


def _decoded(config: pb.PasswordRegexConfig) -> PasswordRule:
    return PasswordRule(config.regex, config.error_message)


PASSWORD_REGEX = Setting(
    "password_regex",
    pb.PasswordRegexConfig(
        regex=BUILT_IN,
        base64_encoded_regex=base64.b64encode(BUILT_IN.encode()).decode(),
        error_message=BUILT_IN_MESSAGE,
    ),
    check_regex_config,
    _decoded,
)
