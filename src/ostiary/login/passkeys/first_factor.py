"""Passkey step of a sign-in: a passkey in place of name and password. It proves two factors at once: the device that
holds it, and the finger, face or PIN that the device has asked for."""

from __future__ import annotations

from abc import abstractmethod

from ostiary.audit.runtime_events import user_authenticated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.factors.passkeys import prove_passkey, use_passkey
from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.directory.profiles.linking import arrival_of
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.signin.admission import SignedIn, admit_by_passkey
from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.login.flow import Done, SentAway
from ostiary.login.needs import IDENTITY, SECOND_FACTOR
from ostiary.login.passkeys.asking import CREDENTIAL, challenge_of
from ostiary.login.steps.password import PasswordStep, identified
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import Identified, SignInTransaction, StepDone
from ostiary.oauth.claims.subjects import subject_at_sign_in
from ostiary.oauth.platform.events import tokens_issued
from ostiary.pages.rendering import HostedPage
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class PasskeyStep(SignInStep):
    """Takes a passkey that the page of the password has asked for."""

    name = "passkey"
    meets = IDENTITY
    fields = (CREDENTIAL,)

    def __init__(
        self, party: RelyingParty | None, password: PasswordStep, clock: Clock, entropy: Entropy, events: EventSink
    ) -> None:
        self._party = party
        self._password = password
        self.clock = clock
        self.entropy = entropy
        self.events = events
        password.passkeys = party

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where a password would do, and browsers have passkeys for this server."""
        return self._party is not None and self._password.applies(work, tenant, transaction)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage | Done | SentAway:
        """The page of the password, which asks for both."""
        return self._password.show(visit, problem)

    def submit(self, visit: SignInVisit) -> Done:
        """Checks the proof. Raises PASSKEY_REFUSED, and USER_NOT_VERIFIED where the address must be confirmed first."""
        call, now = visit.call, self.clock.now_ms()
        assert self._party is not None  # noqa: S101 - it does not apply there
        answer = visit.form.required(CREDENTIAL)
        known, asserted = prove_passkey(call.work, self._party, call.tenant_id, challenge_of(visit), answer)

        def change(work: Work) -> Identified:
            use_passkey(work, call.tenant_id, known, asserted, now)
            return self.identified(work, visit, admit_by_passkey(work, call.required_tenant, known.user_id, now))

        return Done(known.method, change, earlier=(StepDone(self.name, SECOND_FACTOR, known.method, now),))

    @abstractmethod
    def identified(self, work: Work, visit: SignInVisit, user: SignedIn) -> Identified:
        """The person, recorded as one who has signed in."""


class AppPasskeyStep(PasskeyStep):
    """The sign-in to an application of a tenant."""

    def identified(self, work: Work, visit: SignInVisit, user: SignedIn) -> Identified:
        """Returns the profile, which is made where there is none."""
        tenant, now = visit.call.required_tenant, self.clock.now_ms()
        arrival = arrival_of(user, visit.transaction.request.anonymous_id)
        subject = subject_at_sign_in(work, tenant.id, arrival, self.entropy, now)
        event = user_authenticated(tenant.id, subject.id, user.user_id, visit.call.request_id)
        self.events.emit(work, event, tenant)
        return identified(subject)


class PlatformPasskeyStep(PasskeyStep):
    """The sign-in at the platform."""

    def identified(self, work: Work, visit: SignInVisit, user: SignedIn) -> Identified:
        """Returns the directory user as the person who signs in."""
        call, who = visit.call, ("user", user.user_id)
        self.events.emit(work, tokens_issued(call.tenant_id, call.rules.audit, call.request_id, who, who))
        return Identified(user.user_id, PROVIDER, user.user_id, user.access_epoch, user.access_epoch)
