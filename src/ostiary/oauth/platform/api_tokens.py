"""API tokens of people: refresh tokens of the platform that stay as they are, since a script sends one on every run."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.ids import Entropy
from ostiary.oauth.platform.accounts import Account
from ostiary.oauth.platform.tokens import LIFETIME_S
from ostiary.oauth.sessions.refresh import (
    API_TOKEN,
    API_TOKEN_LIFETIME_S,
    PLATFORM,
    GrantTerms,
    HeldGrant,
    invalid_grant,
    new_refresh_token,
    note_use,
    open_grant,
)
from ostiary.oauth.sessions.sessions import new_session, store_session
from ostiary.oauth.token.issuing import Issued
from ostiary.oauth.token.profile import Authorized, TokenRequest
from ostiary.store.tables import Session
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class SessionForEachUse:
    """The renewal of API tokens: each use opens a session of its own, of this kind (csp or cloudapi), which ends when
    the API token is revoked."""

    kind: str
    entropy: Entropy

    def __call__(self, request: TokenRequest[Account], held: HeldGrant, account: Account) -> Authorized[Account]:
        """Tokens that depend on a new session; their scope are the permissions."""
        terms, now_ms = held.terms, request.now_ms
        session = new_session(
            request.tenant.id, self.kind, terms.user_id, terms.amr, now_ms, LIFETIME_S, self.entropy,
            grant_id=held.grant_id, access_epoch=terms.access_epoch,
        )  # fmt: skip

        def settle(work: Work, _: Issued) -> None:
            # Before the session: a revocation that comes between finds this row locked, and then the session too.
            if not note_use(work, held, now_ms):
                raise invalid_grant()
            store_session(work, session)

        return Authorized(
            account, terms.amr, limit=tuple(account.perms), session_id=session.id,
            audit_target=("session", session.id), settle=settle, successor=request.form.get("refresh_token"),
        )  # fmt: skip


def new_api_token(work: Work, session: Session, name: str, entropy: Entropy, now_ms: int) -> str:
    """Issues an API token of 90 days to the user of a session that was just opened."""
    secret, user_id = new_refresh_token(entropy), session.user_id
    terms = GrantTerms(
        kind=API_TOKEN, audience=PLATFORM, subject=user_id, auth_time=now_ms, user_id=user_id, name=name,
        amr=session.amr, access_epoch=session.access_epoch,
    )  # fmt: skip
    open_grant(work, session.tenant_id, terms, secret, entropy, now_ms, API_TOKEN_LIFETIME_S)
    return secret
