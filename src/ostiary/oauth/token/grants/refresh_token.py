"""Refresh token grant (RFC 6749 §6) with rotation: a refresh token is exchanged for new tokens and a new refresh
token."""

from __future__ import annotations

from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing
from ostiary.oauth.claims.subjects import Subject, find_subject
from ostiary.oauth.sessions.refresh import (
    APPID,
    ROTATING,
    HeldGrant,
    Reused,
    get_grant,
    invalid_grant,
    new_refresh_token,
    repeated_answer,
    revoke_grant,
    rotate,
)
from ostiary.oauth.token.app_tokens import Issued
from ostiary.oauth.token.grants.grant import Authorized, TokenRequest, check_anonymous
from ostiary.oauth.token.settings import TOKENS
from ostiary.store.engine import Store
from ostiary.store.work import Work


class RefreshTokenGrant:
    """`refresh_token`; `scope` may narrow, never widen.

    SDKs send `appid_access_token` here too. It changes nothing: the refresh token says whose it is.
    """

    public_clients = False

    def __init__(self, store: Store, sealing: Sealing, entropy: Entropy) -> None:
        self._store = store
        self._sealing = sealing
        self._entropy = entropy

    def authorize(self, request: TokenRequest) -> Authorized:
        """Reads the subject again: a user who is locked, deactivated or deleted since the sign-in gets no tokens."""
        settings = TOKENS.read(request.reading.work, request.tenant)
        if not settings.refresh_enabled:
            raise invalid_grant("This tenant does not issue refresh tokens.")
        held = self._held(request)
        subject = self._subject(request, held)
        if held.sealed_answer:
            return Authorized(subject, held.terms.amr, repeated=repeated_answer(self._sealing, held))

        def settle(work: Work, issued: Issued) -> None:
            answer, lifetime = issued.document(), settings.refresh_lifetime_s
            rotate(work, self._sealing, held, issued.refresh_token, answer, request.now_ms, lifetime)

        return Authorized(
            subject, held.terms.amr, limit=tuple(held.terms.scope.split()), auth_time=held.terms.auth_time,
            acr=held.terms.acr, settle=settle, successor=new_refresh_token(self._entropy),
        )  # fmt: skip

    def _held(self, request: TokenRequest) -> HeldGrant:
        token, tenant_id = request.form.required("refresh_token"), request.tenant.id
        try:
            return get_grant(request.reading.work, tenant_id, token, ROTATING, APPID, request.now_ms, request.client.id)
        except Reused as reuse:
            request.reading.release()
            with self._store.write(awaited=False) as work:
                revoke_grant(work, tenant_id, reuse.grant_id, request.now_ms)
            raise invalid_grant() from reuse

    def _subject(self, request: TokenRequest, held: HeldGrant) -> Subject:
        subject = find_subject(request.reading.work, request.tenant.id, held.terms.subject, request.now_ms)
        if subject is None or not subject.may_sign_in or subject.access_epoch != held.terms.access_epoch:
            raise invalid_grant()
        if not subject.is_still(held.terms.amr):
            raise invalid_grant()
        check_anonymous(request, subject)
        return subject
