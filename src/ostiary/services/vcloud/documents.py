"""Documents of Cloud Director's older API: elements of its namespace, and the links between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

from google.api import httpbody_pb2

from ostiary.http.xml_text import element, write_xml
from ostiary.transport.dialects.vcloud import NAMESPACE

ORG, ORGS = "application/vnd.vmware.vcloud.org+xml", "application/vnd.vmware.vcloud.orgList+xml"
ADMIN, ADMIN_ORG = "application/vnd.vmware.admin.vcloud+xml", "application/vnd.vmware.admin.organization+xml"
USER, ROLE = "application/vnd.vmware.admin.user+xml", "application/vnd.vmware.admin.role+xml"
RIGHT = "application/vnd.vmware.admin.right+xml"
QUERIES = "application/vnd.vmware.vcloud.query.queryList+xml"
RECORDS = "application/vnd.vmware.vcloud.query.records+xml"
REFERENCES = "application/vnd.vmware.vcloud.query.references+xml"
SESSION, TASK = "application/vnd.vmware.vcloud.session+xml", "application/vnd.vmware.vcloud.task+xml"


def document(
    name: str, media_type: str, facts: Mapping[str, str], children: Iterable[ET.Element] = ()
) -> httpbody_pb2.HttpBody:
    """The answer whose root is an element of the namespace with these attributes."""
    root = element(name, {"xmlns": NAMESPACE, **facts, "type": media_type}, *children)
    return httpbody_pb2.HttpBody(content_type=media_type, data=write_xml(root).encode())


def link(rel: str, href: str, media_type: str = "", **facts: str) -> ET.Element:
    """A Link, as clients find their way by: `rel` and the media type say what is there."""
    typed = {"type": media_type} if media_type else {}
    return element("Link", {"rel": rel, "href": href, **typed, **facts})


def reference(name: str, media_type: str, href: str, shown: str) -> ET.Element:
    """A reference to an entity, under its name `shown`."""
    return element(name, {"href": href, "name": shown, "type": media_type})


def text(name: str, content: str) -> ET.Element:
    """An element with a text; empty where there is none."""
    return element(name, {}, text=content)


def truth(value: bool) -> str:
    """A boolean as XML writes it."""
    return "true" if value else "false"
