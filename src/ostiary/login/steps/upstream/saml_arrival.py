"""Step of a sign-in that began at the SAML identity provider: the person is here already, and nobody is asked."""

from __future__ import annotations

from ostiary.clock import Clock
from ostiary.errors import DomainError
from ostiary.keys.issuers import Issuers
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.saml_arrivals import Arrived, arrived_before
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.oauth.claims.subjects import get_subject
from ostiary.store.replay import use_once
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.saml.settings import NAME, SAML

_ASKS = frozenset({"login", "consent", "select_account"})
"""Prompts that want the person to be asked."""


class SamlArrivalStep(SignInStep):
    """Takes what a response has proved that nobody had asked for, once."""

    name = "saml_arrival"
    meets = IDENTITY
    asks = False

    def __init__(self, sealing: Sealing, issuers: Issuers, clock: Clock) -> None:
        self._sealing = sealing
        self._issuers = issuers
        self._clock = clock

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where the settings allow such sign-ins, and nothing in the request wants somebody to be asked."""
        request = transaction.request
        if request.provider not in ("", NAME) or request.purpose or request.anonymous_id:
            return False
        if not _ASKS.isdisjoint(request.prompts) or request.max_age == 0:
            return False
        provider = SAML.read(work, tenant)
        return provider.is_active and provider.idp_init_enabled

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        """Shows nothing; where nobody has arrived, the next step asks."""
        arrived = arrived_before(visit.call, self._sealing, self._issuers, self._clock.now_ms())
        if arrived is None or not _does(arrived, visit, self._clock.now_ms()):
            return Done(met=False)
        return Done(NAME, lambda work: self._identified(work, visit, arrived), at=arrived.at)

    def _identified(self, work: Work, visit: SignInVisit, arrived: Arrived) -> Identified:
        tenant_id = visit.call.tenant_id
        if not use_once(work, tenant_id, "SAML arrival", arrived.id, arrived.until):
            raise SignInOver
        subject = get_subject(work, tenant_id, arrived.subject, self._clock.now_ms())
        return Identified(subject.id, NAME, subject.user_id, subject.user_epoch, subject.access_epoch)


def _does(arrived: Arrived, visit: SignInVisit, now_ms: int) -> bool:
    """Whether it is young enough, and the person whom the application expects."""
    request = visit.transaction.request
    if request.max_age is not None and now_ms - arrived.at > request.max_age * 1000:
        return False
    return request.hinted_subject in ("", arrived.subject)
