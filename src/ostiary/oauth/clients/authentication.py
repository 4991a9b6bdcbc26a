"""Client authentication (RFC 6749 §2.3): by Basic or in the body, only one of them, and before anything else is
checked."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from ostiary.errors import DomainError, invalid, unauthenticated
from ostiary.http.forms import Form
from ostiary.ids import same
from ostiary.oauth.clients.clients import ClientView, check_secret, find_client
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

CREDENTIALS = ("client_id", "client_secret", "client_assertion", "client_assertion_type")
"""The fields of a form by which clients authenticate; assertions (RFC 7523 §2.2) are not taken."""
MAX_COLONS = 8
"""The number of colons in the text of Basic at which its client id may end."""


@dataclass(frozen=True, slots=True)
class Presented:
    """The client credentials of a request: pairs of client id and secret, the most likely reading first.

    RFC 6749 §2.3.1 has both parts of Basic form-encoded, so a `+` is a blank, `%2D` a hyphen and `%3A` a colon. Many
    clients send them as they are, which is another reading where the id or the secret holds one of these; none that is
    made here does, but one that was brought from another server may: the id may be a URL. A secret may be a code
    verifier: see `authenticate_client`.
    """

    readings: Sequence[tuple[str, str]]
    in_header: bool


def authenticate_client(
    work: Work, tenant: TenantView, authorization: str, form: Form, *, public: bool = True
) -> ClientView:
    """Returns the client that sent the request; `authorization` is the header of that name, empty when absent.

    Confidential clients prove themselves by their secret. Public ones, where `public` admits them, only name
    themselves; the SPA SDK's `Basic clientId:code_verifier` must then repeat the form's verifier. Mobile apps, which
    nobody has approved, are admitted where public ones are, and prove themselves by their key. Raises `invalid_client`
    (401), alike for unknown, disabled and wrong; `invalid_request` for two ways at once.
    """
    presented = presented_client(authorization, form)
    client = find_proved_client(work, tenant, presented, form.get("code_verifier"), public=public)
    if client is None:
        raise invalid_client()
    return client


def find_proved_client(
    work: Work, tenant: TenantView, presented: Presented, verifier: str = "", *, public: bool = True
) -> ClientView | None:
    """The tenant's enabled client that one of the readings proves, or None; see `authenticate_client`."""
    for client_id, secret in presented.readings:
        client = find_client(work, tenant, client_id)
        if client is None or not client.enabled:
            continue
        if client.is_public:
            repeats = presented.in_header and bool(verifier) and same(secret, verifier)
            proved = public and (repeats or not secret)
        else:
            proved = (public or client.app is None) and check_secret(client, secret)
        if proved:
            return client
    return None


def presented_client(authorization: str, form: Form) -> Presented:
    """Returns client id and secret. A `client_id` in addition to Basic is accepted when it is the same one."""
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if form.get("client_assertion") or form.get("client_assertion_type"):
        raise _assertion()
    if not authorization:
        return Presented([(client_id, secret)], in_header=False)
    text = _basic(authorization)
    if secret:
        raise _twice("The client secret is both in the header and in the body; send it once.")
    readings = list(_readings(text))
    if client_id:
        readings = [reading for reading in readings if reading[0] == client_id]
        if not readings:
            raise _twice("The Authorization header and client_id name different clients.")
    return Presented(readings, in_header=True)


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """The pairs that the text of Basic may mean. As RFC 7617 has it the id ends at the first colon; an id that holds
    colons, and was not encoded, ends at a later one."""
    name, _, password = text.partition(":")
    yield from ((one, other) for one in _decoded(name) for other in _decoded(password))
    for _ in range(MAX_COLONS):
        more, colon, password = password.partition(":")
        if not colon:
            return
        name = f"{name}:{more}"
        yield name, password


def _decoded(part: str) -> list[str]:
    """A part of Basic: form-decoded, and as it is where that differs."""
    if "%" not in part and "+" not in part:
        return [part]
    try:
        decoded = unquote_plus(part, errors="strict")
    except UnicodeDecodeError:  # then nobody has encoded it
        return [part]
    return [decoded, part]


def _basic(authorization: str) -> str:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:
        raise invalid_client() from error
    if scheme.lower() != "basic" or ":" not in decoded:
        raise invalid_client()
    return decoded


def invalid_client(message: str = "The client is unknown or its secret is wrong.") -> DomainError:
    """RFC 6749 §5.2 `invalid_client`."""
    return unauthenticated("INVALID_CLIENT", message, oauth_error="invalid_client")


def _assertion() -> DomainError:
    return invalid_client(
        "client_assertion is not taken here. Clients authenticate by client_secret_basic (the header) or "
        "client_secret_post (the form); those without a secret send client_id alone."
    )


def _twice(message: str) -> DomainError:
    return invalid("TWO_CLIENT_AUTHENTICATIONS", message, oauth_error="invalid_request")
