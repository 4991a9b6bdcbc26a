"""Organizations as administrators see them in XML, and as requests describe them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from google.api import httpbody_pb2
from sqlalchemy import Row

from ostiary.directory.query_records.roles import RoleRecord
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.tenants.organizations import URN
from ostiary.errors import invalid
from ostiary.http.xml_reading import read_xml
from ostiary.http.xml_text import element
from ostiary.services.vcloud.admin.role_documents import rights_element
from ostiary.services.vcloud.documents import ADMIN_ORG, ROLE, USER, document, link, reference, text, truth
from ostiary.transport.bounds.messages import check_body
from ostiary.transport.dialects.vcloud import NAMESPACE
from ostiary_api.cloudapi.v1 import orgs_pb2 as pb

_NAMES = {
    "name": "The attribute name", "displayName": "FullName", "description": "Description", "isEnabled": "IsEnabled",
}  # fmt: skip
_check_new = check_body(pb.CreateOrgRequest.DESCRIPTOR, "org", _NAMES)
_check_change = check_body(pb.UpdateOrgRequest.DESCRIPTOR, "org", _NAMES)


def admin_org_document(api: str, row: Row[Any], roles: list[RoleRecord]) -> httpbody_pb2.HttpBody:
    """An organization with its roles, and the addresses where users and roles are created."""
    facts = {"href": f"{api}/admin/org/{row.id}", "name": row.name, "id": f"{URN}{row.id}"}
    return document("AdminOrg", ADMIN_ORG, facts, _told(api, row, roles))


def _told(api: str, row: Row[Any], roles: list[RoleRecord]) -> Iterator[ET.Element]:
    yield link("alternate", f"{api}/org/{row.id}")
    yield link("add", f"{api}/admin/org/{row.id}/users", USER)
    yield link("add", f"{api}/admin/org/{row.id}/roles", ROLE)
    yield text("Description", row.description)
    yield text("FullName", row.display_name)
    yield text("IsEnabled", truth(row.state == "enabled"))
    yield rights_element(api, frozenset(Permission))
    named = [reference("RoleReference", ROLE, f"{api}/admin/role/{role.id}", role.name) for role in roles]
    yield element("RoleReferences", {}, *named)


def read_new_org(body: httpbody_pb2.HttpBody) -> pb.Org:
    """The organization that a request wants to be created. Raises NAME_MISSING, what `read_xml` raises, and what is
    beyond the bounds of cloudapi."""
    asked = _read(body)
    if not asked.name or not asked.display_name:
        raise invalid("NAME_MISSING", "AdminOrg needs the attribute name, and the element FullName.")
    _check_new(pb.CreateOrgRequest(org=asked))
    return asked


def read_changed_org(body: httpbody_pb2.HttpBody, shown: str) -> pb.Org:
    """The organization as a request wants it; what it leaves out stays, such as the name to show, which is `shown`.
    Raises as above."""
    asked = _read(body)
    if not asked.HasField("display_name"):
        asked.display_name = shown
    _check_change(pb.UpdateOrgRequest(org=asked))
    return asked


def _read(body: httpbody_pb2.HttpBody) -> pb.Org:
    fields = read_xml(body, "AdminOrg", NAMESPACE)
    return pb.Org(
        name=fields.attribute("name") or None, display_name=fields.text("FullName"),
        description=fields.text("Description"), is_enabled=fields.truth("IsEnabled"),
    )  # fmt: skip
