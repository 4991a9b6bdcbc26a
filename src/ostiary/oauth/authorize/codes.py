"""Authorization codes. `Finish` ends a sign-in: it enters the session and stores the code in the transaction that ends
the sign-in. Nothing else creates codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert

from ostiary.clock import Clock
from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.directory.roles.application_roles import scopes_of_profile
from ostiary.errors import DomainError
from ostiary.ids import Entropy, digest, new_secret
from ostiary.oauth.authorize.logout_notices import note_client
from ostiary.oauth.authorize.proofs import dump_proofs
from ostiary.oauth.authorize.request import CHANGE_DETAILS, AuthorizationFailed, AuthorizationRequest
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.claims.authentication_context import acr_of
from ostiary.oauth.claims.scopes import ANONYMOUS_SCOPES, USER_SCOPES, granted_scopes
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.clients.sso import idle_time_s
from ostiary.oauth.sessions.browser import Entered, SessionEnded, Terms, enter_session
from ostiary.oauth.sessions.places import NOWHERE, Place
from ostiary.oauth.sessions.refresh import APPID, PLATFORM
from ostiary.store.tables import AuthorizationCode, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

CODE_LIFETIME_S = 60
SESSION_LIFETIME_S = 86_400
_ADD = insert(table_of(AuthorizationCode))


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a sign-in: the code, and what the browser's cookie holds from now on; empty where that stays as it
    is."""

    code: str
    session_secret: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """Turns a completed sign-in into a code, whatever its steps were. `audience` is where the code is taken."""

    clock: Clock
    entropy: Entropy
    audience: str = APPID
    session_lifetime_s: int = SESSION_LIFETIME_S

    def __call__(
        self, work: Work, tenant: TenantView, transaction: SignInTransaction, found: Identified, cookie: str = "",
        place: Place = NOWHERE, request_id: str = "",
    ) -> Finished:  # fmt: skip
        """The code, for the person whom the steps have found; `cookie` is the secret of a session that the browser had
        until now, `place` where it is; `request_id` is that of events, which here the steps record. Raises
        AuthorizationFailed when the person may not have what was asked for, or is not the one whom the client expects;
        the caller's transaction must roll back then."""
        request, now, tenant_id = transaction.request, self.clock.now_ms(), tenant.id
        _check_hint(request, found.subject)
        code = new_secret(self.entropy)
        row = AuthorizationCode(
            digest=digest(code), tenant_id=tenant_id, audience=self.audience, client_id=request.client_id,
            redirect_uri=request.address.redirect_uri, subject=found.subject, scope=" ".join(request.scope),
            nonce=request.nonce, challenge=request.challenge, amr=transaction.amr,
            auth_time=transaction.auth_time or now,
            acr=acr_of(transaction.amr) if request.wants_acr else "", expires_at=now + CODE_LIFETIME_S * 1000,
            claims=request.claims, access_epoch=found.access_epoch, user_id=found.user_id,
        )  # fmt: skip
        entered = Entered("")
        if found.provider != ANONYMOUS:
            entered = self._entered(work, tenant, transaction, found, cookie, place, now)
            row.session_id = entered.id
            client = find_client(work, tenant, request.client_id)
            if client is not None and client.own.is_told_of_sign_outs:
                note_client(work, tenant_id, entered.id, client.id, self.audience, found.subject)
        if self.audience == APPID:
            standard = ANONYMOUS_SCOPES if found.provider == ANONYMOUS else USER_SCOPES
            _check_scope(request, standard, scopes_of_profile(work, tenant_id, found.subject, request.client_id))
        work.run(_ADD, row.model_dump())
        return Finished(code, entered.secret)

    def _entered(
        self, work: Work, tenant: TenantView, transaction: SignInTransaction, found: Identified, cookie: str,
        place: Place, now_ms: int,
    ) -> Entered:  # fmt: skip
        idle_s = idle_time_s(work, tenant, at_platform=self.audience == PLATFORM)
        terms = Terms(
            found.user_id, found.user_epoch, dump_proofs(transaction.proofs, self.audience), transaction.amr,
            transaction.auth_time or now_ms, idle_s if _opens_others(transaction) else 0,
            self.session_lifetime_s, place,
        )  # fmt: skip
        try:
            return enter_session(
                work, tenant.id, terms, self.entropy, now_ms, proved_by=found.session_id, cookie=cookie
            )  # fmt: skip
        except SessionEnded as error:
            raise AuthorizationFailed(
                transaction.request.address, "login_required", "The session has ended meanwhile."
            ) from error


def _opens_others(transaction: SignInTransaction) -> bool:
    """Whether what was proved is good for other applications: the code by which details are changed was made by one
    application alone, with its access token."""
    return bool(transaction.proofs) and transaction.request.purpose != CHANGE_DETAILS


def _check_hint(request: AuthorizationRequest, subject: str) -> None:
    if request.hinted_subject not in ("", subject):
        raise AuthorizationFailed(request.address, "login_required", "Somebody else signed in than was expected.")


def _check_scope(request: AuthorizationRequest, standard: Sequence[str], roles: list[str]) -> None:
    try:
        granted_scopes(request.scope, standard, roles)
    except DomainError as error:
        raise AuthorizationFailed(request.address, "invalid_scope", error.message) from error
