"""Texts of the pages in each language: a message catalogue (GNU gettext) for each, compiled by `make texts`."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

SOURCE = "en"
"""The language of the texts in templates and code, which needs no catalogue."""
LANGUAGES = (SOURCE, "ar", "de", "es", "fr", "it", "ja", "ko", "pt-BR", "zh-CN", "zh-TW")
"""The languages of the pages (RFC 5646)."""
MAX_WANTED = 20
"""Ranges that are looked at: browsers send few, and anybody may send more."""
_RIGHT_TO_LEFT = frozenset({"ar"})
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
"""Subtags of Chinese in traditional characters, by script or region."""
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?")


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; `tag` and `direction` are the page's `lang` and `dir`."""

    tag: str
    direction: str
    catalogue: gettext.NullTranslations

    def __call__(self, text: str) -> str:
        """The text in this language; as it is, where the catalogue does not know it."""
        return self.catalogue.gettext(text) if text else ""


def marked(text: str) -> str:
    """Marks a text for the catalogues, where it is written; whoever shows it translates it."""
    return text


@lru_cache(maxsize=256)
def texts_of(tag: str) -> Texts:
    """The texts for a language tag: its own, else those of the language without region or script, else English."""
    language = look_up([tag], LANGUAGES) or SOURCE
    return Texts(language, "rtl" if language in _RIGHT_TO_LEFT else "ltr", _catalogue(language))


def look_up(wanted: Iterable[str], available: Sequence[str]) -> str:
    """The available tag that fits best (RFC 4647 §3.4): each wanted one in turn, shortened from the end; then any of
    the same language, in their order. Empty where none fits."""
    tags = {tag.lower(): tag for tag in available}
    for tag in wanted:
        parts = tag.lower().split("-")
        for length in range(len(parts), 0, -1):
            if found := tags.get("-".join(parts[:length])):
                return found
        near = [tag for key, tag in tags.items() if _writing(key.split("-")) == _writing(parts)]
        if near:
            return near[0]
    return ""


def _writing(parts: Sequence[str]) -> tuple[str, bool]:
    """The language, and whether it is Chinese in traditional characters, which is read by others than simplified."""
    return parts[0], parts[0] == "zh" and not _TRADITIONAL.isdisjoint(parts)


def accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110 §12.5.4), those first that are liked best."""
    ranges = [_RANGE.fullmatch(entry) for entry in header[:1_000].split(",")[:MAX_WANTED]]
    liked = [(float(found[2] or 1), found[1]) for found in ranges if found]
    return [tag for weight, tag in sorted(liked, key=lambda entry: -entry[0]) if weight]


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    with (resources.files("ostiary.pages") / "locale" / f"{language}.mo").open("rb") as compiled:
        return gettext.GNUTranslations(compiled)
