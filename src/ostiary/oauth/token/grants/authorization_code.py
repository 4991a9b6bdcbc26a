"""Authorization code grant (RFC 6749 §4.1.3) with PKCE (RFC 7636): a code is exchanged for tokens, once, by the client
and with the redirect URI that it is bound to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update

from ostiary.ids import digest
from ostiary.oauth.sessions.refresh import (
    ROTATING,
    GrantTerms,
    Overtaken,
    invalid_grant,
    revoke_access_token,
    revoke_grant,
)
from ostiary.oauth.token.issuing import Issued
from ostiary.oauth.token.pkce import proves
from ostiary.oauth.token.profile import AnySubject, Authorized, GrantType, TokenRequest
from ostiary.store.engine import Store
from ostiary.store.prepared import prepared
from ostiary.store.tables import AuthorizationCode, Session, table_of
from ostiary.store.work import Work

_CODES, _SESSIONS = table_of(AuthorizationCode), table_of(Session)
_FIND = prepared(
    select(_CODES, _SESSIONS.c.ended_at)
    .select_from(
        _CODES.outerjoin(
            _SESSIONS, and_(_SESSIONS.c.tenant_id == _CODES.c.tenant_id, _SESSIONS.c.id == _CODES.c.session_id)
        )
    )
    .where(_CODES.c.tenant_id == bindparam("of_tenant"), _CODES.c.digest == bindparam("code_digest"))
)
_USE = (
    update(_CODES)
    .where(_CODES.c.tenant_id == bindparam("of_tenant"), _CODES.c.digest == bindparam("code_digest"))
    .where(_CODES.c.used_at.is_(None))
    .values(used_at=bindparam("now_ms"), grant_id=bindparam("of_grant"), access_digest=bindparam("token_digest"))
)


class AuthorizationCodeGrant(GrantType[AnySubject]):
    """`code`, `redirect_uri` and, where the authorization request had a challenge, `code_verifier`."""

    public_clients = True
    mobile_apps = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def authorize(self, request: TokenRequest[AnySubject]) -> Authorized[AnySubject]:
        """All that is wrong with a code is one `invalid_grant`; a second use revokes what the first one issued."""
        row = self._row(request)
        terms = GrantTerms(
            ROTATING, request.profile.audience, row.subject, row.auth_time, client_id=row.client_id,
            user_id=row.user_id, session_id=row.session_id, scope=row.scope, amr=row.amr, acr=row.acr,
            claims=row.claims, access_epoch=row.access_epoch,
        )  # fmt: skip
        subject = request.profile.find_subject(request, terms)
        if subject is None:
            raise _refused()
        return Authorized(
            subject, row.amr, limit=tuple(row.scope.split()), nonce=row.nonce,
            auth_time=row.auth_time, acr=row.acr, claims=row.claims, session_id=row.session_id,
            audit_target=("session", row.session_id), terms=terms,
            settle=lambda work, issued: _use(work, row, issued, request.now_ms),
        )  # fmt: skip

    def _row(self, request: TokenRequest[AnySubject]) -> Row[Any]:
        code = request.form.required("code")
        facts = {"of_tenant": request.tenant.id, "code_digest": digest(code)}
        row = request.reading.work.row(_FIND, facts)
        if row is None or row.client_id != request.client_id or row.expires_at <= request.now_ms:
            raise _refused()
        if row.audience != request.profile.audience:
            raise _refused()
        if row.used_at is not None:
            self._revoke(request, row)
            raise _refused()
        if row.ended_at is not None:  # the session of which it comes
            raise _refused()
        if row.redirect_uri != request.form.get("redirect_uri") or not _has_verifier(row, request):
            raise _refused()
        return row

    def _revoke(self, request: TokenRequest[AnySubject], row: Row[Any]) -> None:
        """Revokes what was issued for a code that is used twice: one of the two parties has stolen it (RFC 6749
        §4.1.2)."""
        request.reading.release()
        with self._store.write(awaited=False) as work:
            if row.access_digest:
                revoke_access_token(work, row.tenant_id, row.access_digest, request.now_ms, amr=row.amr)
            revoke_grant(work, row.tenant_id, row.grant_id, request.now_ms)


def _has_verifier(row: Row[Any], request: TokenRequest[AnySubject]) -> bool:
    """Whether the verifier is right. A code without a challenge must come without a verifier: else the request was
    downgraded on its way (RFC 9700 §4.8)."""
    verifier = request.form.get("code_verifier")
    if not row.challenge:
        return not verifier and not request.required_client.is_public
    return proves(verifier, row.challenge)


def _use(work: Work, row: Row[Any], issued: Issued, now_ms: int) -> None:
    facts = {
        "of_tenant": row.tenant_id, "code_digest": row.digest, "now_ms": now_ms, "of_grant": issued.grant_id,
        "token_digest": digest(issued.access_token),
    }  # fmt: skip
    if not work.run(_USE, facts):
        raise Overtaken


def _refused() -> Exception:
    return invalid_grant("The code is not valid, has expired or was used, or does not belong to this request.")
