"""Users in XML: as they are shown, and as requests describe them. What both say is the user of cloudapi."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from google.api import httpbody_pb2

from ostiary.errors import invalid
from ostiary.http.xml_reading import XmlFields, read_xml
from ostiary.ids import guid
from ostiary.names import login_key
from ostiary.services.vcloud.admin.references import referred_to
from ostiary.services.vcloud.documents import ROLE, USER, document, reference, text, truth
from ostiary.transport.bounds.messages import check_body
from ostiary.transport.dialects.vcloud import NAMESPACE
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2 as pb
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference

_TEXTS = {
    "Description": "description", "FullName": "full_name", "EmailAddress": "email", "Telephone": "phone",
    "Password": "password",
}  # fmt: skip
_TRUTHS = {"IsEnabled": "enabled", "IsLocked": "locked"}
_NAMES = {
    "username": "The attribute name", "roleEntityRefs": "Role",
    **{pb.User.DESCRIPTOR.fields_by_name[name].json_name: element for element, name in {**_TEXTS, **_TRUTHS}.items()},
}  # fmt: skip
"""Attribute and elements by the names of cloudapi, whose bounds hold here too."""
_check_new = check_body(pb.CreateUserRequest.DESCRIPTOR, "user", _NAMES)
_check_change = check_body(pb.UpdateUserRequest.DESCRIPTOR, "user", _NAMES)


def user_document(api: str, user: pb.User) -> httpbody_pb2.HttpBody:
    """A user as the answer to a request."""
    user_id = guid(user.id, "user")
    facts = {"href": f"{api}/admin/user/{user_id}", "name": user.username, "id": user.id}
    return document("User", USER, facts, _told(api, user))


def _told(api: str, user: pb.User) -> Iterator[ET.Element]:
    yield text("Description", user.description)
    yield text("FullName", user.full_name)
    yield text("EmailAddress", user.email)
    yield text("Telephone", user.phone)
    yield text("IsEnabled", truth(user.enabled))
    yield text("IsLocked", truth(user.locked))
    yield text("IsExternal", truth(False))
    yield text("IsGroupRole", truth(user.is_group_role))
    # The vendor's users have one role: of several, the first by name, which a client that sends it back leaves alone.
    for role in (user.role_entity_refs or user.effective_role_entity_refs)[:1]:
        yield reference("Role", ROLE, f"{api}/admin/role/{guid(role.id, 'role')}", role.name)
    yield text("RoleNames", ",".join(role.name for role in user.role_entity_refs))


def read_new_user(body: httpbody_pb2.HttpBody) -> pb.User:
    """The user that a request wants to be created. Raises NAME_MISSING, ROLE_MISSING, what `read_xml` raises, and what
    is beyond the bounds of cloudapi."""
    asked = _read(body)
    if not asked.username:
        raise invalid("NAME_MISSING", "User needs the attribute name: what the user signs in with.")
    if not asked.role_entity_refs:
        raise invalid("ROLE_MISSING", "User needs an element Role, with the href of a role of the organization.")
    _check_new(pb.CreateUserRequest(user=asked))
    return asked


def read_changed_user(body: httpbody_pb2.HttpBody) -> pb.User:
    """The user as a request wants it; what it leaves out stays. Raises as above."""
    return _read(body)


def completed(shown: pb.User, asked: pb.User) -> pb.User:
    """What a request wants, with what it leaves out filled in. A role that the user has, itself or by a group, stays as
    it is; so does a name in another case, by which clients found the user. Raises what is beyond the bounds of
    cloudapi."""
    whole = pb.User()
    whole.CopyFrom(asked)
    if not asked.username or login_key(asked.username) == login_key(shown.username):
        whole.username = shown.username
    has = {role.id for role in (*shown.role_entity_refs, *shown.effective_role_entity_refs)}
    if all(role.id in has for role in asked.role_entity_refs):
        del whole.role_entity_refs[:]
        whole.role_entity_refs.extend(shown.role_entity_refs)
    _check_change(pb.UpdateUserRequest(user=whole))
    return whole


def _read(body: httpbody_pb2.HttpBody) -> pb.User:
    fields = read_xml(body, "User", NAMESPACE)
    if fields.truth("IsExternal"):
        raise invalid("PROVIDER_TYPE_NOT_OFFERED", "IsExternal is false: no other source of users is set up.")
    said = {
        **{name: fields.text(element) for element, name in _TEXTS.items()},
        **{name: fields.truth(element) for element, name in _TRUTHS.items()},
    }
    return pb.User(username=fields.attribute("name"), role_entity_refs=_roles(fields), **said)  # type: ignore[arg-type]


def _roles(fields: XmlFields) -> list[EntityReference]:
    role = fields.element("Role")
    return [] if role is None else [referred_to(role, "role")]
