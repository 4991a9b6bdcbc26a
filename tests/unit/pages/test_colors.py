"""Colours of a page: what is written on a tenant's colour can be read, whatever the colour."""

from __future__ import annotations

from itertools import product

from ostiary.pages.colors import READABLE, contrast, ink_on, readable_on
from ostiary.pages.rendering import ACCENT_DARK, ACCENT_LIGHT, CARD_DARK, CARD_LIGHT

COLORS = [f"#{red:02x}{green:02x}{blue:02X}" for red, green, blue in product(range(0, 256, 15), repeat=3)]


def test_contrast_is_that_of_wcag() -> None:
    assert round(contrast("#000000", "#FFFFFF"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


def test_a_text_on_any_color_and_a_link_in_any_color_can_be_read() -> None:
    for color in COLORS:
        assert contrast(ink_on(color), color) >= READABLE
        for card, otherwise in ((CARD_LIGHT, ACCENT_LIGHT), (CARD_DARK, ACCENT_DARK)):
            accent = readable_on(color, card, otherwise)
            assert min(contrast(accent, card), contrast(ink_on(accent), accent)) >= READABLE
