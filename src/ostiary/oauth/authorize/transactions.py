"""Sign-in transactions: from the authorization request to the code.

The browser keeps them. The handle in the form is the checked request, sealed and bound to a secret that the same
browser has in a cookie; neither is worth anything without the other. So an authorization request, which anybody may
send, stores nothing; only a transaction that led to a code is remembered, so that it leads to no second one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass

from ostiary.errors import denied, invalid
from ostiary.ids import Entropy, digest, new_secret, same
from ostiary.keys.sealing import SealBroken, SealedField, Sealing
from ostiary.oauth.authorize.request import AuthorizationRequest
from ostiary.store.replay import use_once, was_used
from ostiary.store.work import Work

LIFETIME_S = 1_800

_KIND = "login transaction"


@dataclass(frozen=True, slots=True)
class BrowserHalf:
    """The part of a sign-in transaction that the browser has: the `handle` in the form, the `secret` in a cookie."""

    handle: str
    secret: str

    @property
    def cookie(self) -> str:
        """The name of the cookie: one for each transaction, so that two tabs do not disturb each other."""
        return cookie_name(self.handle)

    @property
    def csrf_token(self) -> str:
        """Returns the value that a form must contain in addition to the handle: only pages sent to this browser have
        it."""
        return hmac.new(self.secret.encode(), f"csrf {self.handle}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class LoginTransaction:
    """A transaction as its form brings it back. `expires_at` is UTC milliseconds."""

    id: str
    expires_at: int
    request: AuthorizationRequest


def cookie_name(handle: str) -> str:
    """The name of the cookie that belongs to a handle."""
    return f"ostiary_sign_in_{digest(handle)[:16]}"


def start(
    sealing: Sealing, entropy: Entropy, tenant_id: str, request: AuthorizationRequest, now_ms: int
) -> BrowserHalf:
    """Starts a transaction; it expires after LIFETIME_S."""
    secret = new_secret(entropy)
    # An id of its own, since the text of a sealed value can be spelled in several ways.
    facts = {"id": new_secret(entropy), "expires_at": now_ms + LIFETIME_S * 1000, "request": request.dump()}
    return BrowserHalf(sealing.seal(json.dumps(facts).encode(), _place(tenant_id, secret)), secret)


def resume(
    work: Work, sealing: Sealing, tenant_id: str, browser: BrowserHalf, csrf_token: str, now_ms: int
) -> LoginTransaction:
    """Returns the transaction that a form continues. Raises CSRF_FAILED (403) when the form does not come from a page
    that this browser received, SIGN_IN_OVER (400) when the transaction has expired or was finished."""
    try:
        facts = json.loads(sealing.open(browser.handle, _place(tenant_id, browser.secret)))
    except SealBroken:
        facts = None
    if facts is None or not same(browser.csrf_token, csrf_token):
        message = "The form does not belong to this browser. Go back to the application and sign in again."
        raise denied("CSRF_FAILED", message, oauth_error="access_denied")
    if facts["expires_at"] <= now_ms or was_used(work, tenant_id, _KIND, facts["id"]):
        raise over()
    return LoginTransaction(facts["id"], facts["expires_at"], AuthorizationRequest.load(facts["request"]))


def finish(work: Work, tenant_id: str, transaction: LoginTransaction) -> None:
    """Ends a transaction; of two forms sent at once only one does. Raises SIGN_IN_OVER."""
    if not use_once(work, tenant_id, _KIND, transaction.id, transaction.expires_at):
        raise over()


def over() -> Exception:
    """The transaction led somewhere already, or took too long."""
    message = "This sign-in is over or took too long. Go back to the application and sign in again."
    return invalid("SIGN_IN_OVER", message, oauth_error="invalid_request")


def _place(tenant_id: str, secret: str) -> SealedField:
    return SealedField(tenant_id, "login_transactions", digest(secret), "request")
