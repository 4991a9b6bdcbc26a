"""XML that clients send: parsed without a document type, so that no entity can be declared, expanded or fetched."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from google.api import httpbody_pb2

from ostiary.errors import DomainError, invalid

MAX_BYTES = 1_048_576
_DOCTYPE = "<!DOCTYPE"
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
"""The spellings of xs:boolean."""


class XmlFields:
    """An element that describes something: what it says by attributes, and by elements of its namespace below it.
    Others are not looked at."""

    def __init__(self, root: ET.Element, namespace: str) -> None:
        self._root = root
        self._namespace = namespace

    def attribute(self, name: str) -> str | None:
        """An attribute; None where it is left out."""
        return self._root.get(name)

    def element(self, name: str) -> XmlFields | None:
        """The element of this name; None where it is left out. Raises REPEATED_ELEMENT."""
        found = self.elements(name)
        if len(found) > 1:
            raise invalid("REPEATED_ELEMENT", f"The element {name} may be there once, not {len(found)} times.")
        return found[0] if found else None

    def elements(self, name: str) -> list[XmlFields]:
        """The elements of this name, in turn."""
        return [XmlFields(one, self._namespace) for one in self._root.findall(f"{{{self._namespace}}}{name}")]

    def text(self, name: str) -> str | None:
        """The text of an element, empty where it holds none; None where it is left out. Raises NOT_A_TEXT."""
        found = self.element(name)
        return None if found is None else found.content()

    def content(self) -> str:
        """The text of this element itself; raises NOT_A_TEXT."""
        if len(self._root):
            name = self._root.tag.rpartition("}")[2]
            raise invalid("NOT_A_TEXT", f"The element {name} holds a text, and no further elements.")
        return self._root.text or ""

    def truth(self, name: str) -> bool | None:
        """The boolean that an element holds; None where it is left out. Raises NOT_A_BOOLEAN."""
        text = self.text(name)
        if text is None:
            return None
        value = _TRUTH.get(text.strip())
        if value is None:
            raise invalid("NOT_A_BOOLEAN", f"The element {name} holds true or false.")
        return value


def read_xml(body: httpbody_pb2.HttpBody, name: str, namespace: str) -> XmlFields:
    """The document, whose root is the element `name` of the namespace. Raises UNSUPPORTED_CONTENT_TYPE, BODY_TOO_LARGE,
    MALFORMED_XML, DOCUMENT_TYPE_REFUSED, UNEXPECTED_ELEMENT."""
    kind = body.content_type.partition(";")[0].strip().lower()
    if kind not in ("", "application/xml", "text/xml") and not kind.endswith("+xml"):
        raise invalid("UNSUPPORTED_CONTENT_TYPE", "Send the body as application/xml, or a type that ends in +xml.")
    root = _parsed(body.data)
    if root.tag != f"{{{namespace}}}{name}":
        raise invalid("UNEXPECTED_ELEMENT", f"The body is an element {name} of the namespace {namespace}.")
    return XmlFields(root, namespace)


def _parsed(data: bytes) -> ET.Element:
    if len(data) > MAX_BYTES:
        raise invalid("BODY_TOO_LARGE", f"The body has at most {MAX_BYTES} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    if _DOCTYPE in text:  # where entities are declared, and nowhere else (XML 1.0 §4.2)
        raise invalid("DOCUMENT_TYPE_REFUSED", "The body has no document type declaration.")
    try:
        # The encoding that the document itself declares does not count: the text was looked through as UTF-8.
        return ET.fromstring(text.encode(), ET.XMLParser(encoding="utf-8"))  # noqa: S314 - no document type, no entities
    except ET.ParseError as error:
        raise _malformed(str(error)) from error


def _malformed(why: str) -> DomainError:
    return invalid("MALFORMED_XML", f"The body is no well-formed XML: {why}.")
