"""Plain-text part of a mail for which only HTML was written.

RE2 is used and not an HTML parser: tenants write the texts, and no text may take more than linear time.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import re2

_HIDDEN = [re2.compile(rf"(?is)<{tag}\b[^<>]*>.*?</{tag}\s*>") for tag in ("head", "style", "script", "template")]
_COMMENT = re2.compile(r"(?s)<!--.*?-->")
_LINK = re2.compile(r"""(?is)<a\b[^<>]*\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')[^<>]*>(.*?)</a\s*>""")
_IMAGE = re2.compile(r"""(?is)<img\b[^<>]*\balt\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')[^<>]*>""")
_PARAGRAPH = re2.compile(r"(?i)</?(?:p|h[1-6]|table|blockquote|pre)\b[^<>]*>")
_LINE = re2.compile(r"(?i)<(?:br|hr|/?(?:address|article|div|footer|header|li|ol|section|tr|ul))\b[^<>]*>")
_TAG = re2.compile(r"<[!/a-zA-Z][^<>]*>")


def plain_text(html: str) -> str:
    """Returns the readable text: blocks become lines, links show their address."""
    text = " ".join(html.split())
    for unseen in (*_HIDDEN, _COMMENT):
        text = unseen.sub("", text)
    text = _LINK.sub(_link, text)
    text = _IMAGE.sub(lambda found: found[1] or found[2] or "", text)
    text = _TAG.sub("", _LINE.sub("\n", _PARAGRAPH.sub("\n\n", text)))
    lines = [" ".join(line.split()) for line in unescape(text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _link(found: Any) -> str:
    address, words = found[1] or found[2] or "", found[3]
    return words if not address or address in words else f"{words} ({address})"
