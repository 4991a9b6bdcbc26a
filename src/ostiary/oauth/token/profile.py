"""Interfaces of the token endpoint: a profile is all that differs between two authorization servers, a grant all that
differs between two values of `grant_type`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ostiary.audit.event import Event
from ostiary.errors import DomainError, invalid
from ostiary.http.forms import Form
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.sessions.refresh import GrantTerms
from ostiary.oauth.token.issuing import Issued, UnsignedTokens
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

AnySubject = TypeVar("AnySubject")
"""Subject as a profile knows it, read from the store."""


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
class TokenCall:
    """A token request as it was sent.

    `authorization` is the header of that name. `event` is what platform profiles call it in the audit ledger. `tenant`
    is the one that the path names by id, `organization` the one that it names by name, if any.
    """

    reading: RequestConnection
    form: Form
    request_id: str
    authorization: str = ""
    event: str = ""
    tenant: TenantView | None = None
    organization: str = ""


@dataclass(frozen=True, slots=True)
class TokenRequest(Generic[AnySubject]):
    """A token request whose grant type, tenant and client are known. `client` is None where none is asked for."""

    profile: TokenProfile[AnySubject]
    grant: GrantType[AnySubject]
    call: TokenCall
    tenant: TenantView
    client: ClientView | None
    now_ms: int

    @property
    def reading(self) -> RequestConnection:
        """The reading side of the request."""
        return self.call.reading

    @property
    def form(self) -> Form:
        """The fields that were sent."""
        return self.call.form

    @property
    def client_id(self) -> str:
        """The id of the client; empty if there is none."""
        return self.client.id if self.client else ""

    @property
    def required_client(self) -> ClientView:
        """The client; raises where the profile let the grant begin without one: a programming error."""
        if self.client is None:
            raise LookupError("this grant needs a client")
        return self.client


@dataclass(frozen=True, slots=True)
class Authorized(Generic[AnySubject]):
    """The result of a grant: for whom tokens may be issued.

    `subject` None means the client itself. `limit` are the scopes that an earlier request asked for; empty: all.
    `scopes` are what the credential itself grants, beside the roles of its subject.
    `auth_time` is when the subject was authenticated (UTC milliseconds), `acr` how, where the client asked for it.
    `claims` are those that the client asked for by name.
    `session_id` is the session on which the tokens depend, `audit_target` kind and id of what the ledger names.
    `terms` open a new grant with a refresh token, where the profile issues them; `successor` is the refresh token
    that continues an old one. `settle` records in the issuing transaction that the credential is used, and raises
    Overtaken when it no longer is what it was. `repeated` is a finished answer, sent again as it is.
    """

    subject: AnySubject | None
    amr: str
    limit: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    nonce: str = ""
    auth_time: int = 0
    acr: str = ""
    claims: str = ""
    session_id: str = ""
    audit_target: tuple[str, str] = ("", "")
    terms: GrantTerms | None = None
    successor: str = ""
    settle: Callable[[Work, Issued], None] | None = None
    repeated: dict[str, Any] | None = None


class GrantType(Protocol[AnySubject]):
    """The handler of one value of `grant_type`."""

    public_clients: bool = False
    """Whether clients without a secret may use it, where the profile tells them apart."""
    mobile_apps: bool = False
    """Likewise, mobile apps that have registered themselves."""

    def owner(self, work: Work, form: Form) -> str | None:
        """Returns the tenant of the presented credential, for the paths that name none: empty for an unknown one, None
        where the client alone says it."""
        return None

    def authorize(self, request: TokenRequest[AnySubject]) -> Authorized[AnySubject]:
        """Checks the grant's own fields; raises `invalid_grant` and its relatives."""
        ...


class TokenProfile(Protocol[AnySubject]):
    """An authorization server: how it finds clients and tenants, what it grants, and what its tokens say."""

    @property
    def grants(self) -> Mapping[str, GrantType[AnySubject]]:
        """The grant types that it offers, by the value of `grant_type`."""
        ...

    @property
    def audience(self) -> str:
        """The audience of its refresh tokens: one profile never takes those of another."""
        ...

    def unknown_grant(self, form: Form) -> DomainError:
        """Returns the error for a `grant_type` that is not offered, or raises that of a missing one."""
        ...

    def begin(self, call: TokenCall, now_ms: int) -> TokenRequest[AnySubject]:
        """Finds grant type, tenant and client, in the order in which it refuses; raises OAuth errors (RFC 6749
        §5.2)."""
        ...

    def find_subject(self, request: TokenRequest[AnySubject], terms: GrantTerms) -> AnySubject | None:
        """Reads again who signed in on these terms; None for those who get no tokens any more: locked, deactivated or
        deleted since, or whose access was ended."""
        ...

    def refresh_lifetime_s(self, request: TokenRequest[AnySubject]) -> int:
        """The lifetime of a new refresh token; 0 where none is issued."""
        ...

    def prepare(self, request: TokenRequest[AnySubject], authorized: Authorized[AnySubject]) -> UnsignedTokens:
        """Reads what the claims need, and makes them."""
        ...

    def events(self, request: TokenRequest[AnySubject], authorized: Authorized[AnySubject]) -> Sequence[Event]:
        """Returns what the tokens are to be recorded as; no token is answered before that is in the ledger."""
        ...

    def check_unchanged(
        self, work: Work, request: TokenRequest[AnySubject], authorized: Authorized[AnySubject],
        unsigned: UnsignedTokens,
    ) -> None:  # fmt: skip
        """Checks in the issuing transaction what may have changed while the tokens were signed; raises `invalid_grant`
        where the subject's access has ended."""
        ...

    def response(self, issued: Issued) -> dict[str, Any]:
        """The successful response."""
        ...


def find_grant(profile: TokenProfile[AnySubject], form: Form) -> GrantType[AnySubject]:
    """The grant type that was asked for; raises what the profile says of one that it does not offer."""
    grant = profile.grants.get(form.get("grant_type"))
    if grant is None:
        raise profile.unknown_grant(form)
    return grant


def unsupported_grant_type(form: Form, known: str) -> DomainError:
    """RFC 6749 §5.2 `unsupported_grant_type`; raises MISSING_FIELD where the field is not there."""
    form.required("grant_type")
    message = f"grant_type must be one of {known}."
    return invalid("UNSUPPORTED_GRANT_TYPE", message, oauth_error="unsupported_grant_type")
