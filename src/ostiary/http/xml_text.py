"""Documents in XML, as they are written. What clients send is read in `xml_reading`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 §2.2 cannot hold, not even escaped."""


def element(name: str, facts: Mapping[str, str], *children: ET.Element, text: str = "") -> ET.Element:
    """An element with these attributes, and either children or a text."""
    made = ET.Element(name, {attribute: written(value) for attribute, value in facts.items()})
    made.extend(children)
    made.text = written(text) or None
    return made


def written(text: str) -> str:
    """A text without the characters that XML cannot hold; U+FFFD is in their places."""
    return _NO_CHARACTER.sub("\ufffd", text)


def write_xml(root: ET.Element) -> str:
    """The document in ASCII on one line: what is beyond ASCII is a character reference."""
    text: bytes = ET.tostring(root, encoding="us-ascii")
    return DECLARATION + text.decode()
