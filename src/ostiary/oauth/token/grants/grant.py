"""Interface of a grant: it does only its own part of a token request; the endpoint does the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ostiary.http.forms import Form
from ostiary.oauth.claims.subjects import Subject
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.sessions.refresh import GrantTerms, invalid_grant
from ostiary.oauth.token.app_tokens import Issued
from ostiary.oauth.token.settings import TOKENS
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class RequestConnection(Protocol):
    """The reading side of the request in hand."""

    @property
    def work(self) -> Work:
        """A reading connection, opened when asked for."""
        ...

    def release(self) -> None:
        """Gives it back before slow work or a transaction."""
        ...


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client is known."""

    reading: RequestConnection
    tenant: TenantView
    client: ClientView
    form: Form
    now_ms: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Authorized:
    """The result of a grant: for whom tokens may be issued.

    `subject` None means the client itself. `limit` are the scopes that an earlier request asked for; empty: all.
    `scopes` are what the credential itself grants, beside the roles of its subject.
    `auth_time` is when the subject was authenticated (UTC milliseconds), `acr` how, where the client asked for it.
    `terms` open a new grant with a refresh token, where the tenant issues them; `successor` is the refresh token
    that continues an old one. `settle` records in the issuing transaction that the credential is used, and raises
    Overtaken when it no longer is what it was. `repeated` is a finished answer, sent again as it is.
    """

    subject: Subject | None
    amr: str
    limit: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    nonce: str = ""
    auth_time: int = 0
    acr: str = ""
    terms: GrantTerms | None = None
    successor: str = ""
    settle: Callable[[Work, Issued], None] | None = None
    repeated: dict[str, Any] | None = None


class GrantType(Protocol):
    """The handler of one value of `grant_type`."""

    public_clients: bool
    """Whether clients without a secret may use it."""

    def authorize(self, request: TokenRequest) -> Authorized:
        """Checks the grant's own fields; raises `invalid_grant` and its relatives."""
        ...


def check_anonymous(request: TokenRequest, subject: Subject) -> None:
    """Raises `invalid_grant` for an anonymous user whose tenant lets nobody in without a name any more."""
    if subject.anonymous and not TOKENS.read(request.reading.work, request.tenant).anonymous_enabled:
        raise invalid_grant("Anonymous token is disabled")
