"""Colours of a page: a tenant chooses one, and what is written on it must stay readable (WCAG 2.2 §1.4.3)."""

from __future__ import annotations

DARK, LIGHT = "#000000", "#ffffff"
"""What is written in, on a colour that a tenant chose."""
READABLE = 4.5
"""The least contrast of a text."""
COLORFUL = 1.5
"""The least contrast to white of what is a tenant's own colour, and no shade of paper."""


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, such as #EEF2F5: 1 to 21 (WCAG 2.2, contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(color: str) -> str:
    """The one of DARK and LIGHT that is easier to read on a colour. One of them always has a contrast of 4.5."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, color))


def readable_on(color: str, background: str, otherwise: str) -> str:
    """The colour where it can be read on the background and is one, else another one."""
    return color if contrast(color, background) >= READABLE and contrast(color, LIGHT) >= COLORFUL else otherwise


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
