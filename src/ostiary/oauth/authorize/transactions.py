"""Sign-in transactions: from the authorization request to the code.

Until somebody has proved a first factor the browser keeps the transaction. The handle in the form is the checked
request, sealed and bound to a secret that the same browser has in a cookie; neither is worth anything without the
other. So an authorization request, which anybody may send, stores nothing. From the first proved factor on the
transaction is a row, and the browser has only a reference to one version of it. The end of a transaction is a record of
single use, so that it leads to no second code, also after a backup was restored.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update

from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind, denied
from ostiary.ids import Entropy, digest, new_secret, same
from ostiary.keys.sealing import SealBroken, SealedField, Sealing
from ostiary.oauth.authorize.request import AuthorizationRequest
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.store import tables
from ostiary.store.prepared import prepared
from ostiary.store.replay import single_use_digest, use_once
from ostiary.store.tables import UsedOnce, table_of
from ostiary.store.work import Work

LIFETIME_S = 1_800

_KIND = "login transaction"
_ROWS, _USED = table_of(tables.SignInTransaction), table_of(UsedOnce)
_THE_ROW = (_ROWS.c.tenant_id == bindparam("of_tenant"), _ROWS.c.id == bindparam("transaction_id"))
_STATE = prepared(
    select(
        exists()
        .where(_USED.c.tenant_id == bindparam("of_tenant"), _USED.c.digest == bindparam("its_digest"))
        .label("ended"),
        select(_ROWS.c.version).where(*_THE_ROW).scalar_subquery().label("version"),
        select(_ROWS.c.sealed_state).where(*_THE_ROW).scalar_subquery().label("sealed_state"),
    )
)
_LOCK = select(_ROWS.c.version).where(*_THE_ROW).with_for_update()


class SignInOver(DomainError):
    """The transaction led somewhere already, went on since the form was shown, or took too long."""

    def __init__(self) -> None:
        message = "This sign-in is over or took too long. Go back to the application and sign in again."
        super().__init__(Kind.INVALID, "SIGN_IN_OVER", message, oauth_error="invalid_request")


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
class SignInTransactions:
    """Keeps transactions: in the browser, then in the store."""

    sealing: Sealing
    clock: Clock
    entropy: Entropy
    flow: str = "sign_in_transaction"
    """The flow to which they belong: none takes those of another."""

    def begin(self, request: AuthorizationRequest) -> SignInTransaction:
        """A new transaction, which nobody has yet; it expires after LIFETIME_S."""
        return SignInTransaction(request, self.clock.now_ms() + LIFETIME_S * 1000)

    def hand_out(self, tenant_id: str, transaction: SignInTransaction) -> tuple[SignInTransaction, BrowserHalf]:
        """Gives the transaction, as it is now, to the browser, under a new secret: what the browser had for an earlier
        version, and whoever planted it there, cannot continue this one."""
        secret = new_secret(self.entropy)
        # An id of its own, since the text of a sealed value can be spelled in several ways.
        transaction = transaction if transaction.id else replace(transaction, id=new_secret(self.entropy))
        facts: dict[str, Any] = {"id": transaction.id, "expires_at": transaction.expires_at}
        facts |= {"version": transaction.version} if transaction.version else {"state": transaction.dump()}
        handle = self.sealing.seal(json.dumps(facts).encode(), self._in_browser(tenant_id, secret))
        return transaction, BrowserHalf(handle, secret)

    def resume(self, work: Work, tenant_id: str, browser: BrowserHalf, csrf_token: str) -> SignInTransaction:
        """Returns the transaction that a form continues. Raises CSRF_FAILED (403) when the form does not come from a
        page that this browser received, SIGN_IN_OVER (400) when the transaction has expired or was finished, or went on
        since that page was shown."""
        try:
            facts = json.loads(self.sealing.open(browser.handle, self._in_browser(tenant_id, browser.secret)))
        except SealBroken:
            facts = None
        if facts is None or not same(browser.csrf_token, csrf_token):
            message = "The form does not belong to this browser. Go back to the application and sign in again."
            raise denied("CSRF_FAILED", message, oauth_error="access_denied")
        id, version = facts["id"], facts.get("version", 0)
        asked = {"of_tenant": tenant_id, "its_digest": single_use_digest(_KIND, id), "transaction_id": id}
        row = work.row(_STATE, asked)
        if facts["expires_at"] <= self.clock.now_ms() or row is None or row.ended or (row.version or 0) != version:
            raise SignInOver
        state = facts["state"] if not version else self._opened(tenant_id, id, row.sealed_state)
        return SignInTransaction.load(state, facts["expires_at"], id, version)

    def hold(self, work: Work, tenant_id: str, transaction: SignInTransaction) -> None:
        """Locks a stored transaction for a change. Raises SIGN_IN_OVER when it has gone on, ended or expired."""
        row = work.row(_LOCK, _key(tenant_id, transaction)) if transaction.version else None
        if transaction.version and (row is None or row.version != transaction.version):
            raise SignInOver

    def keep(self, work: Work, tenant_id: str, transaction: SignInTransaction) -> SignInTransaction:
        """Stores the transaction as its next version. Of two that do so at once one raises SIGN_IN_OVER."""
        kept = replace(
            transaction, id=transaction.id or new_secret(self.entropy), version=transaction.version + 1
        )  # fmt: skip
        sealed = self.sealing.seal(json.dumps(kept.dump()).encode(), _place(tenant_id, kept.id))
        values = {"version": kept.version, "sealed_state": sealed}
        if transaction.version:
            same_version = (*_THE_ROW, _ROWS.c.version == transaction.version)
            stored = bool(work.run(update(_ROWS).where(*same_version).values(values), _key(tenant_id, kept)))
        else:
            subject = kept.identified.subject if kept.identified else ""
            row = {"id": kept.id, "tenant_id": tenant_id, "subject": subject, "expires_at": kept.expires_at, **values}
            stored = work.insert_new(_ROWS, row)
        if not stored:
            raise SignInOver
        return kept

    def end(self, work: Work, tenant_id: str, transaction: SignInTransaction) -> None:
        """Ends a transaction; of two forms sent at once only one does. Raises SIGN_IN_OVER. One that no browser has
        seen cannot come back, and leaves no record."""
        if transaction.id and not use_once(work, tenant_id, _KIND, transaction.id, transaction.expires_at):
            raise SignInOver
        if transaction.version:
            work.run(delete(_ROWS).where(*_THE_ROW), _key(tenant_id, transaction))

    def _in_browser(self, tenant_id: str, secret: str) -> SealedField:
        return SealedField(tenant_id, "browser", digest(secret), self.flow)

    def _opened(self, tenant_id: str, id: str, sealed: str) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.sealing.open(sealed, _place(tenant_id, id)))
        return state


def cookie_name(handle: str) -> str:
    """The name of the cookie that belongs to a handle."""
    return f"ostiary_sign_in_{digest(handle)[:16]}"


def _key(tenant_id: str, transaction: SignInTransaction) -> dict[str, Any]:
    return {"of_tenant": tenant_id, "transaction_id": transaction.id}


def _place(tenant_id: str, id: str) -> SealedField:
    return SealedField(tenant_id, _ROWS.name, id, "sealed_state")
