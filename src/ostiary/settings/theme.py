"""Appearance of a tenant's pages and mails: texts and colours. The logo is in `logo`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ostiary.errors import invalid
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import widget_pb2 as pb

MAX_TITLE = 200
MAX_FOOTNOTE = 500
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_TEXT = pb.ThemeText(tab_title="Login", footnote="Powered by App ID")
_COLORS = pb.ThemeColor(header_color="#EEF2F5")


@dataclass(frozen=True, slots=True)
class ThemeText:
    """The texts of a tenant's pages: the title of the browser's tab, and the line at the bottom."""

    tab_title: str
    footnote: str


def check_theme_text(theme: pb.ThemeText) -> None:
    """Fills in defaults; refuses texts that are too long or hold control characters."""
    if not theme.HasField("tab_title"):
        theme.tab_title = _TEXT.tab_title
    if not theme.HasField("footnote"):
        theme.footnote = _TEXT.footnote
    for name, text, longest in (("tabTitle", theme.tab_title, MAX_TITLE), ("footnote", theme.footnote, MAX_FOOTNOTE)):
        if len(text) > longest or any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            raise invalid("INVALID_TEXT", f"{name} has at most {longest} characters and no line breaks.")


def check_theme_color(theme: pb.ThemeColor) -> None:
    """Fills in the default; refuses what is no colour, since it is written into the styles of pages and mails."""
    if not theme.HasField("header_color"):
        theme.header_color = _COLORS.header_color
    if not _COLOR.fullmatch(theme.header_color):
        raise invalid("INVALID_COLOR", "headerColor must be # and six hexadecimal digits, such as #EEF2F5.")


def _decoded_text(theme: pb.ThemeText) -> ThemeText:
    return ThemeText(theme.tab_title, theme.footnote)


def _decoded_color(theme: pb.ThemeColor) -> str:
    return theme.header_color


THEME_TEXT = Setting("theme_text", _TEXT, check_theme_text, _decoded_text)
THEME_COLOR = Setting("theme_color", _COLORS, check_theme_color, _decoded_color)
"""The value is the colour of headers, such as #EEF2F5."""
