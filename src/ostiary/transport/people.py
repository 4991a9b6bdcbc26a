"""Directory users on which a request acts, as the rules of its RPC name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.api import httpbody_pb2
from google.protobuf.message import Message

from ostiary.directory.profiles.pre_registration import expected_user
from ostiary.directory.profiles.profiles import directory_identities
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import find_by_login
from ostiary.errors import DomainError
from ostiary.http.forms import read_fields
from ostiary.names import is_text
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.options.v1 import rules_pb2 as options

USER_URN = "urn:vcloud:user:"
"""The prefix with which the Tenant Manager may write a directory id."""
MOST = 100
"""The limit of users that one request can name; operations refuse lists that are longer."""


def people_named(work: Work, tenant: TenantView, request: Message, person: options.Person) -> Sequence[str]:
    """The directory ids of the people that `request` acts on."""
    found = (name for field in person.fields for name in _texts(request, *field.split(".")))
    names = [name for name in found if name and is_text(name)][:MOST]
    match person.by:
        case options.PERSON_NAME_LOGIN:
            return _found(work, tenant, names, CLOUD_DIRECTORY.read(work, tenant).identity_field)
        case options.PERSON_NAME_PROFILE_ID:
            identities = [each for name in names for each in directory_identities(work, tenant.id, name)]
            return [*identities, *_found(work, tenant, identities, "email")]
        case options.PERSON_NAME_IDENTITY:
            return [*names, *_found(work, tenant, names, "email")]
        case _:
            return [name.removeprefix(USER_URN).lower() for name in names]


def _found(work: Work, tenant: TenantView, names: Iterable[str], field: str) -> list[str]:
    users = (find_by_login(work, tenant.id, name, field) for name in names)
    return [user_id for user_id in users if user_id]


def _texts(message: Any, name: str, *below: str) -> Iterator[str]:
    value = getattr(message, name)
    if isinstance(value, httpbody_pb2.HttpBody):
        yield _in_form(value, below[0]) if below else expected_user(value.data)
    elif below:
        yield from _texts(value, *below)
    else:
        yield from [value] if isinstance(value, str) else (item for item in value if isinstance(item, str))


def _in_form(body: httpbody_pb2.HttpBody, name: str) -> str:
    """Reads the body as the operation itself reads it, so that both see the same user; a body that it refuses names no
    user."""
    try:
        return read_fields(body, name).get(name)
    except DomainError:
        return ""
