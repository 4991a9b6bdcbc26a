"""People of identities at other providers: a profile at App ID's server, a member of the organization at the
platform's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ostiary.audit.runtime_events import identity_authenticated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.profiles.linking import Arrival
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.ids import Entropy
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.members import member_at_sign_in
from ostiary.oauth.authorize.state import Identified
from ostiary.oauth.claims.subjects import subject_at_sign_in
from ostiary.oauth.platform.events import tokens_issued
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.members import MEMBER_PROVIDERS


class People(Protocol):
    """The people of one authorization server."""

    def takes(self, work: Work, tenant: TenantView, provider: str) -> bool:
        """Whether the provider may sign anybody in here."""
        ...

    def identified(self, work: Work, visit: SignInVisit, arrival: Arrival) -> Identified:
        """The person, recorded as one who has signed in, in the transaction in which the sign-in goes on."""
        ...


@dataclass(frozen=True, slots=True)
class AppPeople:
    """People of a tenant's applications: the profile is made at the first sign-in."""

    clock: Clock
    entropy: Entropy
    events: EventSink

    def takes(self, work: Work, tenant: TenantView, provider: str) -> bool:
        """Returns True: whatever is on may."""
        return True

    def identified(self, work: Work, visit: SignInVisit, arrival: Arrival) -> Identified:
        """A profile."""
        tenant, name = visit.call.required_tenant, arrival.identity.provider
        subject = subject_at_sign_in(work, tenant.id, arrival, self.entropy, self.clock.now_ms())
        self.events.emit(work, identity_authenticated(tenant.id, subject.id, name, visit.call.request_id), tenant)
        return Identified(subject.id, name, subject.user_id, subject.user_epoch, subject.access_epoch)


@dataclass(frozen=True, slots=True)
class PlatformPeople:
    """Members of an organization. They are users of its directory, and asked for its second factor like all others."""

    clock: Clock
    entropy: Entropy
    events: EventSink

    def takes(self, work: Work, tenant: TenantView, provider: str) -> bool:
        """Whether the organization's rule names it."""
        return provider in MEMBER_PROVIDERS.read(work, tenant).providers

    def identified(self, work: Work, visit: SignInVisit, arrival: Arrival) -> Identified:
        """A directory user."""
        call = visit.call
        user = member_at_sign_in(work, call.required_tenant, arrival, self.entropy, self.clock.now_ms())
        who = ("user", user.user_id)
        self.events.emit(work, tokens_issued(call.tenant_id, call.rules.audit, call.request_id, who, who))
        return Identified(user.user_id, CLOUD_DIRECTORY, user.user_id, user.access_epoch, user.access_epoch)
