"""Anonymous step of a sign-in: nobody is asked, and a profile without an identity is found or created."""

from __future__ import annotations

from ostiary.audit.runtime_events import identity_authenticated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.profiles.anonymous import ANONYMOUS, keep_anonymous_profile, new_anonymous_profile
from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.codes import CODE_LIFETIME_S
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.claims.subjects import get_subject
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class AnonymousStep(SignInStep):
    """Signs in an anonymous user: the one whom the application has had until now, or a new one."""

    name = "anonymous"
    meets = IDENTITY
    asks = False

    def __init__(self, clock: Clock, entropy: Entropy, events: EventSink) -> None:
        self._clock = clock
        self._events = events
        self._entropy = entropy

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where an anonymous user is asked for."""
        return transaction.request.provider == ANONYMOUS

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        """Shows nothing, also where nobody may be asked (`prompt=none`)."""
        return Done(ANONYMOUS, lambda work: self._find(work, visit))

    def _find(self, work: Work, visit: SignInVisit) -> Identified:
        tenant, now = visit.call.required_tenant, self._clock.now_ms()
        profile_id, until = visit.transaction.request.anonymous_id, now + CODE_LIFETIME_S * 1000
        if not profile_id or not keep_anonymous_profile(work, tenant.id, profile_id, until):
            profile_id = new_anonymous_profile(work, tenant.id, self._entropy, now, until)
        event = identity_authenticated(tenant.id, profile_id, ANONYMOUS, visit.call.request_id)
        self._events.emit(work, event, tenant)
        epoch = get_subject(work, tenant.id, profile_id, now).access_epoch
        return Identified(profile_id, ANONYMOUS, access_epoch=epoch)
