"""Users as SCIM JSON: read and written by scim2-models, which knows what RFC 7643 says of each attribute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import scim2_models as scim
from google.api import httpbody_pb2
from pydantic import Field, ValidationError, model_validator

from ostiary.clock import rfc3339
from ostiary.directory.groups.membership import BelongsTo
from ostiary.directory.roles.bindings import HeldRole
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.document import USER_SCHEMA
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import read_json

CONTENT_TYPE = "application/scim+json"
LENIENT = scim.ScimPolicy(unknown=scim.ScimPolicy.Unknown.ignore)
"""Attributes that nobody knows are ignored: provisioning clients send extensions of their own."""
_KEPT_ELSEWHERE = frozenset({
    "schemas", "id", "externalId", "meta", "userName", "displayName", "locale", "active", "password", "emails",
    "phoneNumbers", "groups", "roles", "entitlements",
})  # fmt: skip
"""Attributes that are not stored in the document: they have a column of their own, only the server sets them, or they
would grant something."""


_READ_ONLY = frozenset({"id", "meta", "groups"})
"""The attributes that a client cannot set: they are ignored whatever they contain (RFC 7644 §3.3), in any case of
letters."""


class Address(scim.Email):
    """A mail address: the directory says which ones are valid, the same for every dialect."""

    value: str | None = None


class Manager(scim.ComplexAttribute):
    """The manager of a user, as far as it was given: RFC 7643 §4.3 only recommends `value` and `$ref`, and clients send
    either, the name alone, or nothing."""

    value: Annotated[str | None, scim.CaseExact.true] = None
    ref: str | None = Field(None, serialization_alias="$ref", validation_alias="$ref")
    display_name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """The id alone, as some clients send it."""
        return ({"value": given} if given else {}) if isinstance(given, str) else given


class EnterpriseUser(scim.EnterpriseUser):
    """The enterprise extension."""

    manager: Manager | None = None  # type: ignore[assignment]


class ScimUser(scim.User[EnterpriseUser]):
    """A user with the enterprise extension."""

    emails: list[Address] | None = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Provisioned:
    """A user as a provisioning client describes it."""

    new: NewUser
    password: str
    external_id: str


def read_user(body: httpbody_pb2.HttpBody) -> Provisioned:
    """Reads a user to be created; raises INVALID_RESOURCE with the SCIM reason.

    The addresses count as verified, since an administrator has set them.
    """
    kind = body.content_type.partition(";")[0].strip().lower()
    if kind not in ("", CONTENT_TYPE, "application/json"):
        raise invalid("UNSUPPORTED_CONTENT_TYPE", f"Send the user as {CONTENT_TYPE}.", scim_type="invalidSyntax")
    try:
        user = ScimUser.model_validate(
            _said(_json(body.data)), scim_ctx=scim.Context.RESOURCE_CREATION_REQUEST, scim_policy=LENIENT
        )
    except (ValidationError, scim.SCIMException) as error:
        raise refused("INVALID_RESOURCE", error) from error
    if not user.schemas:  # RFC 7643 §3: required; the model refuses only one that lacks the schema of users
        raise invalid("INVALID_RESOURCE", f"schemas must name {USER_SCHEMA}.", scim_type="invalidValue")
    document = user.model_dump(scim_ctx=scim.Context.RESOURCE_CREATION_REQUEST)
    name = document.get("name", {})
    new = NewUser(
        user_name=user.user_name or "", display_name=user.display_name or "", locale=user.locale or "",
        given_name=name.get("givenName", ""), family_name=name.get("familyName", ""), may_sign_in=True,
        active=user.active is not False, emails=_contacts(document.get("emails", ()), verified=True),
        phones=_contacts(document.get("phoneNumbers", ())), further=_further(document),
    )  # fmt: skip
    return Provisioned(new, user.password or "", user.external_id or "")


def _json(data: bytes) -> Any:
    try:
        return read_json(data)
    except DomainError as error:
        raise invalid(error.reason, error.message, scim_type="invalidSyntax") from error


def _said(given: Any) -> Any:
    """Returns what the client said without read-only attributes, and without empty texts: a client that sends one for
    an address has none."""
    if not isinstance(given, dict):
        return given
    return {name: value for name, value in given.items() if value != "" and name.lower() not in _READ_ONLY}


def _contacts(entries: Sequence[dict[str, Any]], *, verified: bool = False) -> tuple[Contact, ...]:
    return tuple(
        Contact(one.get("value", ""), one.get("type", ""), one.get("display", ""), one.get("primary", False), verified)
        for one in entries
    )


def _further(document: dict[str, Any]) -> dict[str, Any]:
    further = {name: value for name, value in document.items() if name not in _KEPT_ELSEWHERE}
    parts = {name: part for name, part in further.pop("name", {}).items() if name not in ("givenName", "familyName")}
    return {**further, "name": parts} if parts else further


@dataclass(frozen=True, slots=True)
class UserContext:
    """The context of a user in SCIM: its roles and groups, the caller's name for it, and its address."""

    roles: Sequence[HeldRole]
    groups: Sequence[BelongsTo]
    external_id: str
    location: str


def write_user(user: UserView, user_context: UserContext, chosen: scim.ResponseParameters[Any]) -> dict[str, Any]:
    """The user as JSON, with the attributes that the caller has chosen."""
    ours = {
        "id": user.id, "externalId": user_context.external_id or None, "userName": user.user_name,
        "displayName": user.display_name or None, "locale": user.locale or None, "active": user.active,
        "name": _name(user) or None, "emails": _entries(user.emails), "phoneNumbers": _entries(user.phones),
        "roles": [{"value": role.name, "display": role.display_name} for role in user_context.roles] or None,
        "groups": [_membership(group) for group in user_context.groups] or None,
        "meta": {
            "resourceType": "User", "created": rfc3339(user.created_at), "lastModified": rfc3339(user.modified_at),
            "version": etag(user), "location": user_context.location,
        },
    }  # fmt: skip
    resource = _resource({**user.further, **ours})
    return resource.model_dump(scim_ctx=scim.Context.RESOURCE_QUERY_RESPONSE, response_parameters=chosen)


def _resource(document: dict[str, Any]) -> ScimUser:
    """Returns the user as a SCIM resource. Other dialects store what SCIM would refuse: such attributes are left out,
    since the rest must stay readable."""
    try:
        return ScimUser.model_validate(document, scim_policy=LENIENT)
    except ValidationError as error:
        bad = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        return ScimUser.model_validate(
            {name: value for name, value in document.items() if name not in bad}, scim_policy=LENIENT
        )


def _name(user: UserView) -> dict[str, str]:
    parts = {"givenName": user.given_name, "familyName": user.family_name, "formatted": user.formatted_name}
    return {**user.further.get("name", {}), **{name: part for name, part in parts.items() if part}}


def _entries(contacts: Sequence[Contact]) -> list[dict[str, Any]] | None:
    return [
        {"value": one.value, "type": one.type or None, "display": one.display or None, "primary": one.primary}
        for one in contacts
    ] or None


def _membership(group: BelongsTo) -> dict[str, str]:
    return {"value": group.id, "display": group.display_name, "type": "direct" if group.direct else "indirect"}


def etag(user: UserView) -> str:
    """The version of a user as an entity tag (RFC 7644 §3.14)."""
    return f'W/"{user.version}"'


def chosen_attributes(attributes: str, excluded: str) -> scim.ResponseParameters[Any]:
    """Returns the attributes that the caller wants to see (RFC 7644 §3.9); raises INVALID_ATTRIBUTES."""
    try:
        return scim.ResponseParameters[ScimUser].model_validate(
            {"attributes": attributes or None, "excludedAttributes": excluded or None}
        )
    except (ValidationError, scim.SCIMException) as error:
        raise refused("INVALID_ATTRIBUTES", error) from error


def as_body(document: dict[str, Any]) -> httpbody_pb2.HttpBody:
    """A SCIM answer."""
    return httpbody_pb2.HttpBody(content_type=CONTENT_TYPE, data=json.dumps(document, separators=(",", ":")).encode())


def refused(reason: str, error: ValidationError | scim.SCIMException) -> DomainError:
    """Returns the error for what scim2-models found wrong, in its own words: they name the attribute, not its value."""
    faults = scim.Error.from_validation_errors(error) if isinstance(error, ValidationError) else [error.to_error()]
    return invalid(reason, faults[0].detail or "The request is not valid.", scim_type=faults[0].scim_type or "")
