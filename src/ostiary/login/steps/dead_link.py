"""Dead link: it was used or has expired, and the tenant's own page is told so."""

from __future__ import annotations

from ostiary.login.flow import Done
from ostiary.login.link_visits import LinkStep, LinkVisit, OpenedLink
from ostiary.login.pages import LinkPage
from ostiary.pages.texts import marked
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class DeadLinkStep(LinkStep):
    """Passes a failure on. Without a page of the tenant's own the failure is an error, and no step is asked."""

    name = "dead_link"
    says = LinkPage(
        marked("This link cannot be used any more"), marked("Go on to see what you can do."), marked("Continue")
    )

    def applies(self, work: Work, tenant: TenantView, transaction: OpenedLink) -> bool:
        """Applies where the link has failed."""
        return bool(transaction.link.failure)

    def submit(self, visit: LinkVisit) -> Done:
        """Writes nothing."""
        return Done()
