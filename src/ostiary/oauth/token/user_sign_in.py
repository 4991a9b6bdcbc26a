"""Sign-in of a directory user at App ID's runtime: the password is checked, the profile found or created, the event
recorded.

The same for the resource owner password grant and for the sign-in page, so that no part is missing in either.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.audit.runtime_events import user_authenticated, user_refused
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.profiles.linking import arrival_of
from ostiary.directory.signin.admission import SignedIn
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.errors import DomainError, Kind
from ostiary.ids import Entropy
from ostiary.oauth.claims.subjects import Subject, subject_at_sign_in
from ostiary.oauth.token.profile import RequestConnection, TokenRequest
from ostiary.oauth.token.progressive import PARAMETER, AnonymousTokens
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class UserSignIn:
    """Signs directory users in."""

    def __init__(
        self, store: Store, sign_in: PasswordSignIn, events: EventSink, clock: Clock, entropy: Entropy
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._events = events
        self._clock = clock
        self._entropy = entropy

    def __call__(
        self, reading: RequestConnection, tenant: TenantView, login: str, password: str, request_id: str,
        anonymous_id: str = "",
    ) -> Subject:  # fmt: skip
        """The subject, who was `anonymous_id` until now, if that is given; raises what `PasswordSignIn` raises, after
        recording it.

        Reads on the connection of the request, and releases it before the hash; one transaction does the rest.
        """
        try:
            known = self._sign_in.look_up(reading.work, tenant, login)
            reading.release()
            proof = self._sign_in.prove(known, password)
            with self._store.write() as work:
                signed_in = self._sign_in.admit(work, proof)
                return self.record(work, tenant, signed_in, request_id, anonymous_id)
        except DomainError as error:
            refusal = user_refused(tenant.id, request_id)
            counts = error.kind in (Kind.INVALID, Kind.UNAUTHENTICATED, Kind.DENIED)
            is_wanted = counts and self._events.is_wanted(reading.work, refusal, tenant)
            reading.release()
            if is_wanted:
                self._events.emit_alone(refusal)
            raise

    def record(
        self, work: Work, tenant: TenantView, signed_in: SignedIn, request_id: str, anonymous_id: str
    ) -> Subject:
        """The subject of a user who was just admitted, found or created, and recorded as signed in."""
        arrival, now = arrival_of(signed_in, anonymous_id), self._clock.now_ms()
        subject = subject_at_sign_in(work, tenant.id, arrival, self._entropy, now)
        self._events.emit(work, user_authenticated(tenant.id, subject.id, signed_in.user_id, request_id), tenant)
        return subject


@dataclass(frozen=True, slots=True)
class GrantSignIn:
    """The sign-in of App ID's password grant: `appid_access_token` names the anonymous user that it was until now."""

    sign_in: UserSignIn
    anonymous: AnonymousTokens

    def __call__(self, request: TokenRequest[Subject], username: str, password: str) -> Subject:
        """The subject; raises what the two raise."""
        reading, tenant = request.reading, request.tenant
        token = request.form.get(PARAMETER)
        anonymous_id = self.anonymous.profile_of(reading.work, tenant, request.client_id, token)
        return self.sign_in(reading, tenant, username, password, request.call.request_id, anonymous_id)
