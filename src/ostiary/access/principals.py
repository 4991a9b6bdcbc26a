"""Principals: the users, API keys and clients for which requests act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from ostiary.directory.roles.permissions import NONE, Permissions


class PrincipalKind(Enum):
    """The kind of a principal; the value is written to audit records."""

    ANONYMOUS = "anonymous"
    API_KEY = "api_key"
    USER = "user"
    CLIENT = "client"
    SERVICE_ACCOUNT = "service_account"
    SCIM_TOKEN = "scim_token"
    END_USER = "end_user"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credentials were checked on this very request.

    `id` is an API key's, directory user's, client's, service account's, SCIM token's or (end user) profile's id.
    `tenant_id` is its own tenant, `permissions` what it may do there, `roles` those that were given to itself, as
    bindings name them, `scopes` those of its token. `token` is the digest of the token it presented, `session_id` the
    session the token belongs to, `expires_at` its end in UTC milliseconds.
    """

    kind: PrincipalKind
    id: str = ""
    tenant_id: str = ""
    permissions: Permissions = NONE
    roles: Sequence[str] = ()
    scopes: frozenset[str] = frozenset()
    client_id: str = ""
    user_id: str = ""
    session_id: str = ""
    token: str = ""
    expires_at: int = 0
    claims: dict[str, object] = field(default_factory=dict, compare=False)


ANONYMOUS = Principal(PrincipalKind.ANONYMOUS)
