"""Users as SCIM JSON (RFC 7643 §4.1, §4.3): written from what the directory has, read into what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.clock import rfc3339
from ostiary.directory.groups.membership import BelongsTo
from ostiary.directory.roles.bindings import HeldRole
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import ENTERPRISE, USER_SCHEMA, NewUser, UserChange, formatted_name
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError
from ostiary.scim.schema.attributes import USERS
from ostiary.scim.schema.values import read_resource, taken

_ELSEWHERE = frozenset({
    "schemas", "externalId", "userName", "displayName", "locale", "active", "password", "emails", "phoneNumbers",
})  # fmt: skip
"""Attributes with a place of their own, which is not the document of a user."""
_IN_COLUMNS = ("givenName", "familyName")
_SCHEMAS, _SCHEMAS_EXTENDED = (USER_SCHEMA,), (USER_SCHEMA, ENTERPRISE)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A user as a provisioning client describes it: in the form of `values.read_resource`."""

    resource: Mapping[str, Any]

    @property
    def password(self) -> str:
        """The password; empty where none is sent."""
        return str(self.resource.get("password", ""))

    @property
    def external_id(self) -> str:
        """The client's own id for the user; empty where it has none."""
        return str(self.resource.get("externalId", ""))

    def new_user(self) -> NewUser:
        """The user to be created. Its addresses count as verified, since an administrator has set them."""
        return NewUser(**self._description(), **self._names(), may_sign_in=True, active=self._active is not False)

    def change_of(self, user: UserView) -> UserChange:
        """The change that makes `user` what is described. Whether it may act changes only where that differs: a client
        that repeats what it knows unlocks nobody."""
        active = None if self._active is None or self._active == user.active else self._active
        return UserChange(**self._description(), **self._names(), active=active, names_itself=False)

    @property
    def _active(self) -> bool | None:
        return self.resource.get("active")

    def _names(self) -> dict[str, Any]:
        emails = _contacts(self.resource.get("emails", ()), verified=True)
        return {"user_name": self.resource["userName"], "emails": emails}

    def _description(self) -> dict[str, Any]:
        name = self.resource.get("name", {})
        return {
            "display_name": self.resource.get("displayName", ""), "locale": self.resource.get("locale", ""),
            "given_name": name.get("givenName", ""), "family_name": name.get("familyName", ""),
            "phones": _contacts(self.resource.get("phoneNumbers", ())), "further": _further(self.resource),
        }  # fmt: skip


def read_user(sent: Any) -> Provisioned:
    """Reads a user to be created, or to take the place of another; raises what `read_resource` raises."""
    return Provisioned(read_resource(USERS, sent))


def _contacts(entries: Iterable[Mapping[str, Any]], *, verified: bool = False) -> tuple[Contact, ...]:
    return tuple(
        Contact(one.get("value", ""), one.get("type", ""), one.get("display", ""), one.get("primary", False), verified)
        for one in entries
    )


def _further(resource: Mapping[str, Any]) -> dict[str, Any]:
    further = {name: value for name, value in resource.items() if name not in _ELSEWHERE}
    parts = {name: part for name, part in further.pop("name", {}).items() if name not in _IN_COLUMNS}
    return {**further, "name": parts} if parts else further


@dataclass(frozen=True, slots=True)
class UserContext:
    """The context of a user in SCIM: its roles and groups, the caller's name for it, and its address."""

    roles: Sequence[HeldRole]
    groups: Sequence[BelongsTo]
    external_id: str
    location: str


def etag(user: UserView) -> str:
    """The version of a user as an entity tag (RFC 7644 §3.14)."""
    return f'W/"{user.version}"'


def written_user(user: UserView, context: UserContext) -> dict[str, Any]:
    """The user as JSON, with all that may be shown."""
    stored = user.further if user.document != "{}" else {}
    further = _kept_further(stored)
    written: dict[str, Any] = {
        "schemas": _SCHEMAS_EXTENDED if ENTERPRISE in further else _SCHEMAS, "id": user.id, "userName": user.user_name,
    }  # fmt: skip
    if context.external_id:
        written["externalId"] = context.external_id
    name = _name(user, stored, formatted_name(user.given_name, user.family_name, stored))
    if name:
        written["name"] = name
    written.update(_described(user))
    written.update(further)
    if context.roles:
        written["roles"] = [{"value": role.name, "display": role.display_name} for role in context.roles]
    if context.groups:
        written["groups"] = [_membership(group, context.location) for group in context.groups]
    written["meta"] = {
        "resourceType": "User", "created": rfc3339(user.created_at), "lastModified": rfc3339(user.modified_at),
        "version": etag(user), "location": context.location,
    }  # fmt: skip
    return written


def writable_user(user: UserView, external_id: str) -> dict[str, Any]:
    """What a client could have sent to make the user what it is: where a PATCH begins. `id` is among it to be compared.

    `name.formatted` is there only if it was given: what is made of the parts of the name must follow them.
    """
    stored = user.further
    further = _kept_further(stored)
    formatted = str(stored.get("name", {}).get("formatted", ""))
    written = {"schemas": list(_SCHEMAS), "id": user.id, "userName": user.user_name, **_described(user), **further}
    name = _name(user, stored, formatted)
    return {
        **written,
        **({"externalId": external_id} if external_id else {}),
        **({"name": name} if name else {}),
    }


def _described(user: UserView) -> dict[str, Any]:
    described: dict[str, Any] = {"active": user.active}
    if user.display_name:
        described["displayName"] = user.display_name
    if user.locale:
        described["locale"] = user.locale
    if user.emails:
        described["emails"] = [_entry(one) for one in user.emails]
    if user.phones:
        described["phoneNumbers"] = [_entry(one) for one in user.phones]
    return described


def _kept_further(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The further attributes, without those parts of the name that have columns. Other dialects store what SCIM would
    refuse: such attributes are left out, since the rest must stay readable."""
    kept = {}
    for name, value in stored.items():
        attribute = USERS.attributes.get(name.lower())
        try:
            if name == ENTERPRISE:
                found = _extension(value)
            else:
                found = taken(attribute, value) if attribute is not None and name != "name" else None
        except DomainError:
            continue
        if found is not None:
            kept[name] = found
    return kept


def _extension(value: Mapping[str, Any]) -> dict[str, Any] | None:
    attributes = USERS.extensions[ENTERPRISE.lower()][1]
    found = {
        name: taken(attributes[name.lower()], member) for name, member in value.items() if name.lower() in attributes
    }
    return {name: member for name, member in found.items() if member is not None} or None


def _name(user: UserView, stored: Mapping[str, Any], formatted: str) -> dict[str, str]:
    parts = {"givenName": user.given_name, "familyName": user.family_name, "formatted": formatted}
    return {**stored.get("name", {}), **{name: part for name, part in parts.items() if part}}


def _entry(contact: Contact) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": contact.value, "primary": contact.primary}
    if contact.type:
        entry["type"] = contact.type
    if contact.display:
        entry["display"] = contact.display
    return entry


def _membership(group: BelongsTo, location: str) -> dict[str, str]:
    url = location.rpartition("/Users/")[0]
    return {
        "value": group.id, "$ref": f"{url}/Groups/{group.id}", "display": group.display_name,
        "type": "direct" if group.direct else "indirect",
    }  # fmt: skip
