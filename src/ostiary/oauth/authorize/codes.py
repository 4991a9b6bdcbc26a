"""Authorization codes. `Finish` ends a sign-in: it stores the session and the code in the transaction that ends the
sign-in. Nothing else creates codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert

from ostiary.clock import Clock
from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.directory.roles.application_roles import scopes_of_profile
from ostiary.errors import DomainError
from ostiary.ids import Entropy, digest, new_secret
from ostiary.oauth.authorize.request import AuthorizationFailed, AuthorizationRequest
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.claims.authentication_context import acr_of
from ostiary.oauth.claims.scopes import ANONYMOUS_SCOPES, USER_SCOPES, granted_scopes
from ostiary.oauth.sessions.refresh import APPID
from ostiary.oauth.sessions.sessions import open_session
from ostiary.store.tables import AuthorizationCode, table_of
from ostiary.store.work import Work

CODE_LIFETIME_S = 60
SESSION_LIFETIME_S = 86_400
_ADD = insert(table_of(AuthorizationCode))


@dataclass(frozen=True, slots=True)
class Finish:
    """Turns a completed sign-in into a code, whatever its steps were. `audience` is where the code is taken."""

    clock: Clock
    entropy: Entropy
    audience: str = APPID
    session_lifetime_s: int = SESSION_LIFETIME_S

    def __call__(self, work: Work, tenant_id: str, transaction: SignInTransaction, found: Identified) -> str:
        """The code, for the person whom the steps have found. Raises AuthorizationFailed when that one may not have
        what was asked for, or is not the one whom the client expects; the caller's transaction must roll back then."""
        request, now = transaction.request, self.clock.now_ms()
        _check_hint(request, found.subject)
        code = new_secret(self.entropy)
        row = AuthorizationCode(
            digest=digest(code), tenant_id=tenant_id, audience=self.audience, client_id=request.client_id,
            redirect_uri=request.address.redirect_uri, subject=found.subject, scope=" ".join(request.scope),
            nonce=request.nonce, challenge=request.challenge, amr=transaction.amr, auth_time=now,
            acr=acr_of(transaction.amr) if request.wants_acr else "", expires_at=now + CODE_LIFETIME_S * 1000,
            claims=request.claims, access_epoch=found.access_epoch, user_id=found.user_id,
        )  # fmt: skip
        if found.provider != ANONYMOUS:
            row.session_id = self._session(work, tenant_id, transaction.amr, found, now)
        if self.audience == APPID:
            standard = ANONYMOUS_SCOPES if found.provider == ANONYMOUS else USER_SCOPES
            _check_scope(request, standard, scopes_of_profile(work, tenant_id, found.subject, request.client_id))
        work.run(_ADD, row.model_dump())
        return code

    def _session(self, work: Work, tenant_id: str, amr: str, found: Identified, now_ms: int) -> str:
        session = open_session(
            work, tenant_id, "browser", found.user_id, amr, now_ms, self.session_lifetime_s, self.entropy,
            access_epoch=found.user_epoch,
        )  # fmt: skip
        return session.id


def _check_hint(request: AuthorizationRequest, subject: str) -> None:
    if request.hinted_subject not in ("", subject):
        raise AuthorizationFailed(request.address, "login_required", "Somebody else signed in than was expected.")


def _check_scope(request: AuthorizationRequest, standard: Sequence[str], roles: list[str]) -> None:
    try:
        granted_scopes(request.scope, standard, roles)
    except DomainError as error:
        raise AuthorizationFailed(request.address, "invalid_scope", error.message) from error
