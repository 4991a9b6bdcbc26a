"""Choice among providers, in place of the password where the directory is not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.errors import DomainError
from ostiary.login.flow import SentAway
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import form_page
from ostiary.login.steps.upstream.step import UpstreamStep
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.clients.clients import find_client
from ostiary.pages.rendering import HostedPage
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class ProvidersStep(SignInStep):
    """Takes the place of the password where no directory is asked: one provider alone is asked at once, among several
    the person chooses."""

    name = "providers"
    meets = IDENTITY

    def __init__(self, steps: Sequence[UpstreamStep]) -> None:
        self.steps = steps

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where a provider is asked for, or the directory is off."""
        if not transaction.request.provider and CLOUD_DIRECTORY.read(work, tenant).is_active:
            return False
        return bool(self._due(work, tenant, transaction))

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage | SentAway:
        """Shows a button for each provider. After something went wrong also for one alone: whoever has cancelled there
        would else be sent there again."""
        due = self._due(visit.call.work, visit.call.required_tenant, visit.transaction)
        if len(due) == 1 and problem is None:
            try:
                return due[0].send(visit)
            except DomainError as error:
                problem = error
                visit.call.http_status = int(error.kind.value)
        client = find_client(visit.call.work, visit.call.required_tenant, visit.transaction.request.client_id)
        return form_page(
            "providers.html", visit.look, redirects=True, problem=problem, application=client.name if client else "",
            action=visit.action, hidden=visit.hidden(self.name), providers=self.labels(visit),
        )  # fmt: skip

    def labels(self, visit: SignInVisit) -> Mapping[str, str]:
        """The providers that may be chosen, and what people call them."""
        work, tenant = visit.call.work, visit.call.required_tenant
        return {step.name: step.label(work, tenant) for step in self._due(work, tenant, visit.transaction)}

    def _due(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> list[UpstreamStep]:
        return [step for step in self.steps if step.applies(work, tenant, transaction)]
