"""Appearance of a tenant's pages, as its settings say: colours, logo, texts, and the language of one reader.

The defaults of the settings are the vendor's words for its own service: a page shows what a tenant has set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.pages.texts import LANGUAGES, Texts, accepted, look_up, texts_of
from ostiary.settings.languages import enabled_languages
from ostiary.settings.logo import logo_digest
from ostiary.settings.theme import THEME_COLOR, THEME_TEXT
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_DEFAULT_TEXT = THEME_TEXT.value_of(THEME_TEXT.default_document())


@dataclass(frozen=True, slots=True)
class Appearance:
    """What all pages of a tenant have in common. `brand` is the title of its tabs, `footnote` the line below; both are
    empty where the tenant has set none, as `logo` is, a path. `color` is that of the header, such as #EEF2F5."""

    brand: str = ""
    footnote: str = ""
    color: str = THEME_COLOR.default_document().header_color
    logo: str = ""


PLAIN = Appearance()
"""The appearance of a page that belongs to no tenant."""


@dataclass(frozen=True, slots=True)
class Look:
    """A page's appearance and texts. `language` is the tenant's tag for them (RFC 5646), in which mails are written."""

    appearance: Appearance
    texts: Texts
    language: str


def look_of(work: Work, tenant: TenantView, wanted: Sequence[str], accept_language: str) -> Look:
    """The pages of a tenant for one reader. `wanted` are language tags that the application asks for, which go before
    those of the browser's Accept-Language; the tenant's first language is for whoever reads none of its languages."""
    enabled = enabled_languages(work, tenant)
    language = look_up([*wanted, *accepted(accept_language)], enabled) or enabled[0]
    return Look(tenant.cached("appearance", lambda: _appearance(work, tenant)), texts_of(language), language)


def plain_look(accept_language: str) -> Look:
    """A page that belongs to no tenant, in the language of the browser."""
    texts = texts_of(look_up(accepted(accept_language), LANGUAGES))
    return Look(PLAIN, texts, texts.tag)


def _appearance(work: Work, tenant: TenantView) -> Appearance:
    text, digest = THEME_TEXT.read(work, tenant), logo_digest(work, tenant.id)
    return Appearance(
        _own(text.tab_title, _DEFAULT_TEXT.tab_title), _own(text.footnote, _DEFAULT_TEXT.footnote),
        THEME_COLOR.read(work, tenant), f"/media/v1/{tenant.id}/logo/{digest}" if digest else "",
    )  # fmt: skip


def _own(text: str, default: str) -> str:
    return "" if text == default else text
