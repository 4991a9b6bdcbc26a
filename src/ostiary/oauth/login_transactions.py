"""Sign-in transactions: from the authorization request to the code, stored from the first page on (decision 15).

The handle stands in the form, a secret of the browser's own in a cookie; neither is worth anything without the other.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select, update

from ostiary.errors import denied, invalid
from ostiary.ids import Entropy, digest, new_secret, same
from ostiary.oauth.authorization_request import AuthorizationRequest
from ostiary.store.tables import LoginTransaction, table_of
from ostiary.store.work import Work

LIFETIME_S = 1_800
SIGN_IN = "sign_in"

_TRANSACTIONS = table_of(LoginTransaction)
_START = insert(_TRANSACTIONS)
_FIND = select(_TRANSACTIONS).where(
    _TRANSACTIONS.c.tenant_id == bindparam("of_tenant"), _TRANSACTIONS.c.id == bindparam("transaction_id")
)
_FINISH = (
    update(_TRANSACTIONS)
    .where(_TRANSACTIONS.c.tenant_id == bindparam("of_tenant"), _TRANSACTIONS.c.id == bindparam("transaction_id"))
    .where(_TRANSACTIONS.c.finished_at.is_(None))
    .values(finished_at=bindparam("now_ms"), user_id=bindparam("of_user"))
)


@dataclass(frozen=True, slots=True)
class BrowserHalf:
    """What the browser of a transaction holds: the `handle` in the form, the `secret` in a cookie."""

    handle: str
    secret: str

    @property
    def cookie(self) -> str:
        """The name of the cookie: one for each transaction, so that two tabs do not disturb each other."""
        return cookie_name(self.handle)

    @property
    def csrf_token(self) -> str:
        """What a form must carry besides the handle: only pages that we sent to this browser know it."""
        return hmac.new(self.secret.encode(), f"csrf {self.handle}".encode(), hashlib.sha256).hexdigest()


def cookie_name(handle: str) -> str:
    """The name of the cookie that belongs to a handle."""
    return f"ostiary_sign_in_{digest(handle)[:16]}"


def start(
    work: Work, tenant_id: str, request: AuthorizationRequest, browser: BrowserHalf, step: str, now_ms: int
) -> None:
    """Stores a new transaction."""
    row = LoginTransaction(
        id=digest(browser.handle), tenant_id=tenant_id, client_id=request.client_id, request=request.dump(), step=step,
        browser=digest(browser.secret), created_at=now_ms, expires_at=now_ms + LIFETIME_S * 1000,
    )  # fmt: skip
    work.run(_START, row.model_dump())


def new_browser_half(entropy: Entropy) -> BrowserHalf:
    """Two fresh secrets of 256 bits."""
    return BrowserHalf(new_secret(entropy), new_secret(entropy))


def resume(work: Work, tenant_id: str, browser: BrowserHalf, csrf_token: str, now_ms: int) -> AuthorizationRequest:
    """The request of a transaction that a form continues. Raises CSRF_FAILED (403) when the form does not come from a
    page that this browser got, SIGN_IN_OVER (400) when the transaction has expired or was finished.
    """
    row = work.row(_FIND, {"of_tenant": tenant_id, "transaction_id": digest(browser.handle)})
    genuine = same(browser.csrf_token, csrf_token)
    if row is None or not genuine or not same(row.browser, digest(browser.secret)):
        message = "The form does not belong to this browser. Go back to the application and sign in again."
        raise denied("CSRF_FAILED", message, oauth_error="access_denied")
    if row.expires_at <= now_ms or row.finished_at is not None:
        raise over()
    return AuthorizationRequest.load(row.request)


def finish(work: Work, tenant_id: str, handle: str, user_id: str, now_ms: int) -> None:
    """Ends a transaction; of two forms sent at once only one does. Raises SIGN_IN_OVER."""
    facts = {"of_tenant": tenant_id, "transaction_id": digest(handle), "of_user": user_id, "now_ms": now_ms}
    if not work.run(_FINISH, facts):
        raise over()


def over() -> Exception:
    """The transaction led somewhere already, or took too long."""
    message = "This sign-in is over or took too long. Go back to the application and sign in again."
    return invalid("SIGN_IN_OVER", message, oauth_error="invalid_request")
