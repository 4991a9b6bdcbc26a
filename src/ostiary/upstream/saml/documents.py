"""XML documents from outside: read without a document type and without entities, within limits.

lxml is loaded at the first document: most workers never see one.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from ostiary.errors import Kind
from ostiary.upstream.saml.refusals import ResponseRefused, malformed

if TYPE_CHECKING:
    from lxml.etree import XMLParser, _Element

MAX_BYTES = 262_144
"""The size of a document; a response with 150 groups of a person has less than 50,000."""
LONGEST = 700_000
"""Characters of a field that holds one; more than the limit comes to, so that it is named."""
MAX_NODES = 10_000
_DECLARES = re.compile(r"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)")


def parser() -> XMLParser:
    """A parser that loads nothing, replaces no entity, and drops comments and processing instructions: the text of an
    element is whole."""
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        remove_comments=True, remove_pis=True, huge_tree=False,
    )  # fmt: skip


def decoded(text: str) -> bytes:
    """The document in a field of a form: base64 (SAML Bindings §3.5.4). Raises SAML_MALFORMED, SAML_TOO_LARGE."""
    if len(text) > 2 * MAX_BYTES:
        raise too_large()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise malformed("SAMLResponse must be in base64.") from error


def read_document(document: bytes) -> _Element:
    """The root of a document in UTF-8. Raises SAML_MALFORMED, SAML_TOO_LARGE."""
    from lxml import etree

    if len(document) > MAX_BYTES:
        raise too_large()
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise malformed("it is not in UTF-8.") from error
    if _DECLARES.search(text):
        raise malformed("it has a document type declaration.")
    try:
        root = etree.fromstring(text.encode(), parser())
    except etree.XMLSyntaxError as error:
        raise malformed("it is not well-formed XML.") from error
    _check_shape(root)
    return root


def too_large() -> ResponseRefused:
    """A document beyond the limits."""
    message = f"A SAML response has at most {MAX_BYTES:,} bytes and {MAX_NODES:,} elements."
    return ResponseRefused("TOO_LARGE", message, Kind.TOO_LARGE)


def _check_shape(root: _Element) -> None:
    """Counts the elements, and refuses an ID that is there twice: an ID must mean one element. How deep they are nested
    is limited by the parser."""
    ids: set[str] = set()
    for number, element in enumerate(root.iter()):
        if number >= MAX_NODES:
            raise too_large()
        if not isinstance(element.tag, str):
            raise malformed("it has an entity.")
        name = element.get("ID")
        if name is not None and name in ids:
            raise malformed("two elements have the same ID.")
        ids.add(name or "")


def alone(element: _Element) -> bytes:
    """The element as a document of its own, with the namespaces that it uses."""
    from lxml import etree

    return etree.tostring(element, with_tail=False, encoding="utf-8")


def text_of(element: _Element) -> str:
    """The text of an element that has nothing but text, without blanks around it. Raises SAML_MALFORMED."""
    if len(element):
        raise malformed(f"the element {local_name(element)} must have text alone.")
    return (element.text or "").strip()


def local_name(element: _Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]
