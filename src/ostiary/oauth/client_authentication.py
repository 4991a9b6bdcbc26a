"""Who is the client (RFC 6749 §2.3): Basic or body, one of the two, decided before anything else is looked at."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import unquote_plus

from ostiary.errors import DomainError, invalid, unauthenticated
from ostiary.ids import same
from ostiary.oauth.clients import ClientView, check_secret, find_client
from ostiary.oauth.form import Form
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says about its client. `secret` may be a code verifier: see `authenticate_client`."""

    client_id: str
    secret: str
    in_header: bool


def authenticate_client(
    work: Work, tenant: TenantView, authorization: str, form: Form, *, public: bool = True
) -> ClientView:
    """The client that the request comes from; `authorization` is the header of that name, empty when absent.

    Confidential clients prove themselves by their secret. Public ones, where `public` admits them, only name
    themselves; the SPA SDK's `Basic clientId:code_verifier` must then repeat the form's verifier. Raises
    `invalid_client` (401), alike for unknown, disabled and wrong; `invalid_request` for two ways at once.
    """
    presented = presented_client(authorization, form)
    client = find_client(work, tenant, presented.client_id)
    if client is None or not client.enabled:
        raise invalid_client()
    if client.is_public:
        verifier = form.get("code_verifier")
        repeats = presented.in_header and bool(verifier) and same(presented.secret, verifier)
        if not public or (presented.secret and not repeats):
            raise invalid_client()
    elif not _is_secret(client, presented):
        raise invalid_client()
    return client


def presented_client(authorization: str, form: Form) -> Presented:
    """Client id and secret. A `client_id` beside Basic is fine when it is the same one."""
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if not authorization:
        return Presented(client_id, secret, in_header=False)
    name, password = _basic(authorization)
    if secret:
        raise _twice("The client secret stands both in the header and in the body; send it once.")
    if client_id and client_id != name:
        raise _twice("The Authorization header and client_id name different clients.")
    return Presented(name, password, in_header=True)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:
        raise invalid_client() from error
    name, colon, password = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise invalid_client()
    return name, password


def _is_secret(client: ClientView, presented: Presented) -> bool:
    if check_secret(client, presented.secret):
        return True
    # RFC 6749 §2.3.1 has both parts of Basic form-urlencoded; most clients do not, so both readings are tried.
    return presented.in_header and "%" in presented.secret and check_secret(client, unquote_plus(presented.secret))


def invalid_client() -> DomainError:
    """RFC 6749 §5.2 `invalid_client`."""
    return unauthenticated(
        "INVALID_CLIENT", "The client is unknown or its secret is wrong.", oauth_error="invalid_client"
    )


def _twice(message: str) -> DomainError:
    return invalid("TWO_CLIENT_AUTHENTICATIONS", message, oauth_error="invalid_request")
