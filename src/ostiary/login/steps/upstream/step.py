"""Steps of a sign-in that another provider answers: the browser goes there, and comes back with an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.login.flow import Done, SentAway
from ostiary.login.needs import IDENTITY
from ostiary.login.steps.upstream.people import People
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.identity import UpstreamIdentity


@dataclass(frozen=True, slots=True)
class SignInParts:
    """The parts of a server that every sign-in with another provider needs."""

    entropy: Entropy
    people: People


class UpstreamStep(SignInStep):
    """Sends the browser to another provider. `name` is the provider's: in `idp`, in profiles, and in `amr`. It is
    always chosen, by a button or by `ProvidersStep`; the page is theirs."""

    meets = IDENTITY
    setting: ClassVar[Setting[Any, Any]]
    """The provider's settings, whose value has `is_active`."""

    def __init__(self, parts: SignInParts) -> None:
        self.entropy = parts.entropy
        self.people = parts.people

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where the provider is on and signs people in here, and it is asked for, or none is."""
        if transaction.request.provider not in ("", self.name) or not self.setting.read(work, tenant).is_active:
            return False
        return self.people.takes(work, tenant, self.name)

    @abstractmethod
    def label(self, work: Work, tenant: TenantView) -> str:
        """What people call the provider."""

    @abstractmethod
    def send(self, visit: SignInVisit) -> SentAway:
        """Sends the browser away. Slow work is done outside any transaction (`call.release`)."""

    @abstractmethod
    def identity(self, visit: SignInVisit, answer: Mapping[str, str]) -> UpstreamIdentity:
        """The person whom the answer proves; raises DomainError for whatever is wrong with it."""

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> SentAway:
        """Has no page of its own."""
        return self.send(visit)

    def returned(self, visit: SignInVisit, answer: Mapping[str, str]) -> Done:
        """Takes the provider's answer."""
        found = self.identity(visit, answer)
        arrival = found.arrival(visit.transaction.request.anonymous_id)
        return Done(self.name, lambda work: self.people.identified(work, visit, arrival), at=found.proved_at)
