"""Roles and rights in XML: as they are shown, and roles as requests describe them."""

from __future__ import annotations

from collections.abc import Collection
from xml.etree import ElementTree as ET

from google.api import httpbody_pb2

from ostiary.directory.roles.permissions import Permission, Permissions
from ostiary.directory.roles.right_list import RIGHTS, Right
from ostiary.directory.roles.role_list import ListedRole
from ostiary.directory.roles.stored_roles import RoleDefinition
from ostiary.errors import invalid
from ostiary.http.xml_reading import XmlFields, read_xml
from ostiary.http.xml_text import element
from ostiary.services.cloudapi.rights import permissions_referred_to
from ostiary.services.vcloud.admin.references import referred_to
from ostiary.services.vcloud.documents import RIGHT, ROLE, document, reference, text
from ostiary.transport.bounds.messages import check_body
from ostiary.transport.dialects.vcloud import NAMESPACE
from ostiary_api.cloudapi.v1 import cloudapi_roles_pb2 as pb

MOST_RIGHTS = 100
_NAMES = {"name": "The attribute name", "description": "Description"}
_check = check_body(pb.CreateRoleRequest.DESCRIPTOR, "role", _NAMES)


def role_document(api: str, role: ListedRole) -> httpbody_pb2.HttpBody:
    """A role with its rights as the answer to a request."""
    facts = {"href": f"{api}/admin/role/{role.id}", "name": role.name, "id": f"urn:vcloud:role:{role.id}"}
    return document("Role", ROLE, facts, [text("Description", role.description), rights_element(api, role.permissions)])


def right_document(api: str, right: Right) -> httpbody_pb2.HttpBody:
    """A right as the answer to a request."""
    name = right.permission.value
    facts = {"href": f"{api}/admin/right/{right.id}", "name": name, "id": f"urn:vcloud:right:{right.id}"}
    return document("Right", RIGHT, facts, [text("Description", right.description)])


def rights_element(api: str, among: Collection[Permission]) -> ET.Element:
    """References to the rights that are these permissions, by name."""
    held = sorted((right for right in RIGHTS.values() if right.permission in among), key=lambda one: one.permission)
    named = [
        reference("RightReference", RIGHT, f"{api}/admin/right/{right.id}", right.permission.value) for right in held
    ]
    return element("RightReferences", {}, *named)


class RoleDescription:
    """A role as a request describes it. Raises what `read_xml` raises, and what is beyond the bounds of cloudapi."""

    def __init__(self, body: httpbody_pb2.HttpBody) -> None:
        fields = read_xml(body, "Role", NAMESPACE)
        self._name = fields.attribute("name") or ""
        self._description = fields.text("Description")
        self._rights = _rights(fields)

    def new(self) -> RoleDefinition:
        """The role that is to be defined. Raises NAME_MISSING."""
        if not self._name:
            raise invalid("NAME_MISSING", "Role needs the attribute name.")
        return self.after(RoleDefinition(self._name))

    def after(self, held: RoleDefinition) -> RoleDefinition:
        """What the role `held` becomes; what the request leaves out stays."""
        name = self._name or held.name
        description = held.description if self._description is None else self._description
        _check(pb.CreateRoleRequest(role=pb.Role(name=name, description=description)))
        permissions = held.permissions if self._rights is None else self._rights
        return RoleDefinition(name, description=description, permissions=permissions)


def _rights(fields: XmlFields) -> Permissions | None:
    """The rights that a role shall have; None where the request does not say. Raises TOO_MANY_RIGHTS,
    INVALID_RIGHT_REFERENCE."""
    named = fields.element("RightReferences")
    if named is None:
        return None
    references = named.elements("RightReference")
    if len(references) > MOST_RIGHTS:
        raise invalid("TOO_MANY_RIGHTS", f"RightReferences holds at most {MOST_RIGHTS} elements RightReference.")
    return permissions_referred_to([referred_to(one, "right") for one in references])
