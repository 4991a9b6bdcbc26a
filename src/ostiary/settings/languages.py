"""Setting of the languages in which a tenant's pages and messages are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

from ostiary.errors import invalid
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.appid.management.v4 import languages_pb2 as pb

DEFAULT_LANGUAGE = "en"
DOCUMENTED = frozenset(json.loads((resources.files("ostiary.settings") / "languages.json").read_text("utf-8")))
"""The tags (RFC 5646) that the interface documents; no others can be enabled."""


def check_languages(config: pb.LanguagesConfig) -> None:
    """Refuses tags outside the documented list and repeated ones; nothing at all means English."""
    if not config.languages:
        config.languages.append(DEFAULT_LANGUAGE)
    for position, tag in enumerate(config.languages):
        if tag not in DOCUMENTED or tag in config.languages[:position]:
            message = f"languages[{position}] must be a documented language tag, such as en or de-CH, named only once."
            raise invalid("INVALID_LANGUAGE", message)


def _decoded(config: pb.LanguagesConfig) -> tuple[str, ...]:
    return tuple(config.languages)


LANGUAGES = Setting("languages", pb.LanguagesConfig(languages=[DEFAULT_LANGUAGE]), check_languages, _decoded)


def enabled_languages(work: Work, tenant: TenantView) -> Sequence[str]:
    """The enabled language tags (RFC 5646)."""
    return LANGUAGES.read(work, tenant)
