"""Authorization codes. `finish` ends a sign-in: it stores the end of the sign-in transaction, the session and the code
in one transaction. Nothing else creates codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert

from ostiary.audit.runtime_events import capture, identity_authenticated
from ostiary.clock import Clock
from ostiary.directory.profiles.anonymous import ANONYMOUS, keep_anonymous_profile, new_anonymous_profile
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.directory.roles.application_roles import scopes_of_profile
from ostiary.errors import DomainError
from ostiary.ids import Entropy, digest, new_secret
from ostiary.oauth.authorize.request import AuthorizationFailed, AuthorizationRequest
from ostiary.oauth.authorize.transactions import LoginTransaction, finish
from ostiary.oauth.claims.authentication_context import acr_of
from ostiary.oauth.claims.scopes import ANONYMOUS_SCOPES, USER_SCOPES, granted_scopes
from ostiary.oauth.claims.subjects import Subject, get_subject
from ostiary.oauth.sessions.sessions import open_session
from ostiary.store.engine import Store
from ostiary.store.tables import AuthorizationCode, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

CODE_LIFETIME_S = 60
SESSION_LIFETIME_S = 86_400
_ADD = insert(table_of(AuthorizationCode))


@dataclass(frozen=True, slots=True)
class Finish:
    """Turns a completed sign-in into a code."""

    store: Store
    clock: Clock
    entropy: Entropy

    def __call__(self, tenant_id: str, transaction: LoginTransaction, subject: Subject) -> str:
        """The code. Raises AuthorizationFailed when the subject may not have what was asked for, or is not the one
        whom the client expects; raises SIGN_IN_OVER when the transaction led somewhere already.
        """
        request, now = transaction.request, self.clock.now_ms()
        _check_hint(request, subject.id)
        with self.store.write() as work:
            finish(work, tenant_id, transaction)
            session = open_session(
                work, tenant_id, "browser", subject.user_id, CLOUD_DIRECTORY, now, SESSION_LIFETIME_S, self.entropy,
                access_epoch=subject.user_epoch,
            )  # fmt: skip
            row = self._row(tenant_id, request, subject.id, CLOUD_DIRECTORY, now)
            row.user_id, row.session_id, row.access_epoch = subject.user_id, session.id, subject.access_epoch
            return self._add(work, row, request, USER_SCOPES)

    def anonymous(self, tenant: TenantView, request: AuthorizationRequest, request_id: str) -> str:
        """Issues the code of an anonymous user: of the one that the user was until now, or of a new one. Raises as
        above."""
        now = self.clock.now_ms()
        with self.store.write() as work:
            profile_id, until = request.anonymous_id, now + CODE_LIFETIME_S * 1000
            if not profile_id or not keep_anonymous_profile(work, tenant.id, profile_id, until):
                profile_id = new_anonymous_profile(work, tenant.id, self.entropy, now, until)
            _check_hint(request, profile_id)
            capture(work, tenant, now, identity_authenticated(tenant.id, profile_id, ANONYMOUS, request_id))
            row = self._row(tenant.id, request, profile_id, ANONYMOUS, now)
            row.access_epoch = get_subject(work, tenant.id, profile_id, now).access_epoch
            return self._add(work, row, request, ANONYMOUS_SCOPES)

    def _row(
        self, tenant_id: str, request: AuthorizationRequest, subject: str, amr: str, now_ms: int
    ) -> AuthorizationCode:
        """A code without its secret."""
        return AuthorizationCode(
            digest="", tenant_id=tenant_id, client_id=request.client_id, redirect_uri=request.address.redirect_uri,
            subject=subject, scope=" ".join(request.scope), nonce=request.nonce, challenge=request.challenge, amr=amr,
            auth_time=now_ms, acr=acr_of(amr) if request.wants_acr else "", expires_at=now_ms + CODE_LIFETIME_S * 1000,
        )  # fmt: skip

    def _add(self, work: Work, row: AuthorizationCode, request: AuthorizationRequest, standard: Sequence[str]) -> str:
        """Stores the code; its secret."""
        _check_scope(request, standard, scopes_of_profile(work, row.tenant_id, row.subject, row.client_id))
        code = new_secret(self.entropy)
        row.digest = digest(code)
        work.run(_ADD, row.model_dump())
        return code


def _check_hint(request: AuthorizationRequest, subject: str) -> None:
    if request.hinted_subject not in ("", subject):
        raise AuthorizationFailed(request.address, "login_required", "Somebody else signed in than was expected.")


def _check_scope(request: AuthorizationRequest, standard: Sequence[str], roles: list[str]) -> None:
    try:
        granted_scopes(request.scope, standard, roles)
    except DomainError as error:
        raise AuthorizationFailed(request.address, "invalid_scope", error.message) from error
