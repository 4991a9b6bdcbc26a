"""Language of a user: one value, which SCIM calls `locale`, CSP the locale preference, and cloudapi the preference
`internal:localLanguage`."""

from __future__ import annotations

import re

from ostiary.errors import invalid

LOCAL_LANGUAGE = "internal:localLanguage"
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
MAX_TAG = 35
_WITH_REGION = ("zh", "pt")
"""Languages that are written differently by region; translations of an interface are named with it."""


def check_language(value: str) -> str:
    """Returns its argument, a language tag (RFC 5646), also with underscores as some clients write it, or nothing.
    Raises INVALID_LANGUAGE."""
    if value and (len(value) > MAX_TAG or not _TAG.fullmatch(value)):
        raise invalid("INVALID_LANGUAGE", "language must be a language tag such as en, de-CH or zh-TW.")
    return value


def language_of(locale: str) -> str:
    """Language of a locale: `en` of `en-US`; `zh-TW` stays whole, since the language alone says too little."""
    language = re.split("[-_]", locale, maxsplit=1)[0]
    return locale if language.lower() in _WITH_REGION else language


def locale_with(locale: str, language: str) -> str:
    """Returns the locale of somebody who chooses a language: as it is if that is the locale's own, else the
    language."""
    return locale if language == language_of(locale) else language
