"""QR codes, drawn as a picture within a page: no script and no other file."""

from __future__ import annotations

import segno
from markupsafe import Markup

QUIET_ZONE = 4
"""Modules of white around it, as readers expect (ISO/IEC 18004)."""


def qr_code(text: str) -> Markup:
    """An SVG element, dark on white also where the page is dark: many readers take no other. It has no size of its own
    and no style, which the page gives."""
    code = segno.make_qr(text, error="m")
    svg = code.svg_inline(
        border=QUIET_ZONE, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )  # fmt: skip
    return Markup(svg)  # noqa: S704 - numbers and names of ours; the text is in the modules alone
