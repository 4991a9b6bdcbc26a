"""Refresh token grant (RFC 6749 §6): what the use of a refresh token does depends on its kind, its renewal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ostiary.http.forms import Form
from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing
from ostiary.oauth.sessions.refresh import (
    HeldGrant,
    Reused,
    get_grant,
    invalid_grant,
    new_refresh_token,
    origin_of_refresh_token,
    repeated_answer,
    revoke_grant,
    rotate,
)
from ostiary.oauth.token.issuing import Issued
from ostiary.oauth.token.profile import AnySubject, Authorized, GrantType, TokenRequest
from ostiary.store.engine import Store
from ostiary.store.work import Work

Renewal = Callable[[TokenRequest[AnySubject], HeldGrant, AnySubject], Authorized[AnySubject]]
"""Renewal by a refresh token of one kind, for a subject that may still have tokens."""


class RefreshTokenGrant(GrantType[AnySubject]):
    """`refresh_token`; `scope` may narrow, never widen. Takes tokens of the kinds that have a renewal.

    App ID's SDKs send `appid_access_token` here too. It changes nothing: the refresh token says whose it is.
    """

    mobile_apps = True

    def __init__(self, store: Store, renewals: Mapping[str, Renewal[AnySubject]]) -> None:
        self._store = store
        self._renewals = renewals

    def owner(self, work: Work, form: Form) -> str | None:
        """The tenant of the token, also of one that is not valid any more."""
        origin = origin_of_refresh_token(work, form.required("refresh_token"))
        return origin.tenant_id if origin else ""

    def authorize(self, request: TokenRequest[AnySubject]) -> Authorized[AnySubject]:
        """Reads the subject again: a user who is locked, deactivated or deleted since the sign-in gets no tokens."""
        if not request.profile.refresh_lifetime_s(request):
            raise invalid_grant("This tenant does not issue refresh tokens.")
        held = self._held(request)
        subject = request.profile.find_subject(request, held.terms)
        if subject is None:
            raise invalid_grant()
        return self._renewals[held.terms.kind](request, held, subject)

    def _held(self, request: TokenRequest[AnySubject]) -> HeldGrant:
        token, tenant_id, now_ms = request.form.required("refresh_token"), request.tenant.id, request.now_ms
        work, audience = request.reading.work, request.profile.audience
        try:
            return get_grant(work, tenant_id, token, self._renewals.keys(), audience, now_ms, request.client_id)
        except Reused as reuse:
            request.reading.release()
            with self._store.write(awaited=False) as writing:
                revoke_grant(writing, tenant_id, reuse.grant_id, now_ms)
            raise invalid_grant() from reuse


class Rotation:
    """The renewal of a token that is used once (RFC 9700 §4.14): its answer brings its successor, and is repeated to
    a client that asks again at once, unless it `repeats` nothing: then any second use revokes all."""

    def __init__(self, sealing: Sealing, entropy: Entropy, *, repeats: bool = True) -> None:
        self._sealing = sealing
        self._entropy = entropy
        self._repeats = repeats

    def __call__(
        self, request: TokenRequest[AnySubject], held: HeldGrant, subject: AnySubject
    ) -> Authorized[AnySubject]:
        """Renews with the same subject and scope, and a successor of the token."""
        terms, profile = held.terms, request.profile
        if held.sealed_answer:
            return Authorized(subject, terms.amr, repeated=repeated_answer(self._sealing, held))
        lifetime_s = profile.refresh_lifetime_s(request)

        def settle(work: Work, issued: Issued) -> None:
            answer = profile.response(issued)
            rotate(
                work, self._sealing, held, issued.refresh_token, answer, request.now_ms, lifetime_s,
                repeats=self._repeats,
            )  # fmt: skip

        return Authorized(
            subject, terms.amr, limit=tuple(terms.scope.split()), auth_time=terms.auth_time, acr=terms.acr,
            claims=terms.claims,
            session_id=terms.session_id, audit_target=("grant", held.grant_id), settle=settle,
            successor=new_refresh_token(self._entropy),
        )  # fmt: skip
