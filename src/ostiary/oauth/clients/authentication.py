"""Client authentication (RFC 6749 §2.3): by Basic or in the body, only one of them, and before anything else is
checked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote_plus

from ostiary.errors import DomainError, invalid, unauthenticated
from ostiary.http.forms import Form
from ostiary.ids import same
from ostiary.oauth.clients.clients import ClientView, check_secret, find_client
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

CREDENTIALS = ("client_id", "client_secret", "client_assertion", "client_assertion_type")
"""The fields of a form by which clients authenticate; assertions (RFC 7523 §2.2) are not taken."""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Presented:
    """The client credentials of a request; the most likely reading of each part first.

    RFC 6749 §2.3.1 has both parts of Basic form-encoded, so a `+` is a blank and `%2D` a hyphen. Many clients send them
    as they are, which is another reading where the id or the secret holds `+` or `%`; none that is made here does, but
    one that was brought from another server may. A secret may be a code verifier: see `authenticate_client`.
    """

    client_ids: Sequence[str]
    secrets: Sequence[str]
    in_header: bool

    def find(self, look: Callable[[str], Found | None]) -> Found | None:
        """Returns what `look` finds for the id, in the first reading that is known."""
        return next((found for found in map(look, self.client_ids) if found is not None), None)


def authenticate_client(
    work: Work, tenant: TenantView, authorization: str, form: Form, *, public: bool = True
) -> ClientView:
    """Returns the client that sent the request; `authorization` is the header of that name, empty when absent.

    Confidential clients prove themselves by their secret. Public ones, where `public` admits them, only name
    themselves; the SPA SDK's `Basic clientId:code_verifier` must then repeat the form's verifier. Raises
    `invalid_client` (401), alike for unknown, disabled and wrong; `invalid_request` for two ways at once.
    """
    presented = presented_client(authorization, form)
    client = presented.find(lambda client_id: find_client(work, tenant, client_id))
    if client is None or not client.enabled:
        raise invalid_client()
    if client.is_public:
        verifier = form.get("code_verifier")
        repeats = presented.in_header and bool(verifier) and any(same(one, verifier) for one in presented.secrets)
        if not public or (any(presented.secrets) and not repeats):
            raise invalid_client()
    elif not any(check_secret(client, secret) for secret in presented.secrets):
        raise invalid_client()
    return client


def presented_client(authorization: str, form: Form) -> Presented:
    """Returns client id and secret. A `client_id` in addition to Basic is accepted when it is the same one."""
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if form.get("client_assertion") or form.get("client_assertion_type"):
        raise _assertion()
    if not authorization:
        return Presented([client_id], [secret], in_header=False)
    name, password = _basic(authorization)
    if secret:
        raise _twice("The client secret stands both in the header and in the body; send it once.")
    names = _readings(name)
    if client_id and client_id not in names:
        raise _twice("The Authorization header and client_id name different clients.")
    return Presented([client_id] if client_id else names, _readings(password), in_header=True)


def _readings(part: str) -> list[str]:
    """A part of Basic: form-decoded, and as it is where that differs."""
    if "%" not in part and "+" not in part:
        return [part]
    try:
        decoded = unquote_plus(part, errors="strict")
    except UnicodeDecodeError:  # then nobody has encoded it
        return [part]
    return [decoded, part]


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
