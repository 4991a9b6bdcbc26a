"""`finish` ends a sign-in: the transaction, the session and the code in one transaction. Nothing else makes codes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert

from ostiary.clock import Clock
from ostiary.directory.profiles import CLOUD_DIRECTORY
from ostiary.directory.roles import scopes_of_profile
from ostiary.errors import DomainError
from ostiary.ids import Entropy, digest, new_secret
from ostiary.oauth.authorization_request import AuthorizationFailed, AuthorizationRequest
from ostiary.oauth.login_transactions import LoginTransaction, finish
from ostiary.oauth.scopes import USER_SCOPES, granted_scopes
from ostiary.oauth.sessions import open_session
from ostiary.oauth.subjects import Subject
from ostiary.store.engine import Store
from ostiary.store.tables import AuthorizationCode, table_of

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
        request = transaction.request
        if request.hinted_subject not in ("", subject.id):
            raise AuthorizationFailed(request.address, "login_required", "Somebody else signed in than was expected.")
        code, now = new_secret(self.entropy), self.clock.now_ms()
        with self.store.write() as work:
            finish(work, tenant_id, transaction)
            roles = scopes_of_profile(work, tenant_id, subject.id, request.client_id)
            _check_scope(request, roles)
            session = open_session(
                work,
                tenant_id,
                "browser",
                subject.user_id,
                CLOUD_DIRECTORY,
                now,
                SESSION_LIFETIME_S,
                self.entropy,
                access_epoch=subject.user_epoch,
            )
            row = AuthorizationCode(
                digest=digest(code), tenant_id=tenant_id, client_id=request.client_id,
                redirect_uri=request.address.redirect_uri, subject=subject.id, user_id=subject.user_id,
                session_id=session.id, scope=" ".join(request.scope), nonce=request.nonce,
                challenge=request.challenge, amr=CLOUD_DIRECTORY, auth_time=now,
                access_epoch=subject.access_epoch,
                expires_at=now + CODE_LIFETIME_S * 1000,
            )  # fmt: skip
            work.run(_ADD, row.model_dump())
        return code


def _check_scope(request: AuthorizationRequest, roles: list[str]) -> None:
    try:
        granted_scopes(request.scope, USER_SCOPES, roles)
    except DomainError as error:
        raise AuthorizationFailed(request.address, "invalid_scope", error.message) from error
