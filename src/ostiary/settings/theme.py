"""Appearance of a tenant's pages and mails: texts and colours. The logo is in `logo`."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import widget_pb2 as pb

_TEXT = pb.ThemeText(tab_title="Login", footnote="Powered by App ID")
_COLORS = pb.ThemeColor(header_color="#EEF2F5")


@dataclass(frozen=True, slots=True)
class ThemeText:
    """The texts of a tenant's pages: the title of the browser's tab, and the line at the bottom."""

    tab_title: str
    footnote: str


def check_theme_text(theme: pb.ThemeText) -> None:
    """Fills in defaults."""
    if not theme.HasField("tab_title"):
        theme.tab_title = _TEXT.tab_title
    if not theme.HasField("footnote"):
        theme.footnote = _TEXT.footnote


def check_theme_color(theme: pb.ThemeColor) -> None:
    """Fills in the default."""
    if not theme.HasField("header_color"):
        theme.header_color = _COLORS.header_color


def _decoded_text(theme: pb.ThemeText) -> ThemeText:
    return ThemeText(theme.tab_title, theme.footnote)


def _decoded_color(theme: pb.ThemeColor) -> str:
    return theme.header_color


THEME_TEXT = Setting("theme_text", _TEXT, check_theme_text, _decoded_text)
THEME_COLOR = Setting("theme_color", _COLORS, check_theme_color, _decoded_color)
"""The value is the colour of headers, such as #EEF2F5."""
