"""Choice of a new password on a page of the tenant's own."""

from __future__ import annotations

from ostiary.clock import Clock
from ostiary.delivery.texts.templates import RESET_PASSWORD
from ostiary.login.flow import Done
from ostiary.login.link_visits import LinkStep, LinkVisit, OpenedLink
from ostiary.login.pages import LinkPage
from ostiary.pages.texts import marked
from ostiary.self_service.one_time_codes import use_up
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class TenantsResetPageStep(LinkStep):
    """Uses the link up and passes the person on: what happens there is the tenant's own affair."""

    name = "tenants_reset_page"
    says = LinkPage(marked("Choose a new password"), marked("For the account {email}."), marked("Continue"))

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def applies(self, work: Work, tenant: TenantView, transaction: OpenedLink) -> bool:
        """Applies to links of reset mails, where the tenant has such a page."""
        return transaction.link.kind == RESET_PASSWORD and bool(transaction.action_url)

    def submit(self, visit: LinkVisit) -> Done:
        """Uses the link up."""
        return Done(change=lambda work: use_up(work, visit.transaction.link, self._clock.now_ms()))
