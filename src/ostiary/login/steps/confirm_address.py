"""Confirmation of a mail address by the link in a verification mail."""

from __future__ import annotations

from ostiary.delivery.texts.templates import USER_VERIFICATION
from ostiary.login.flow import Done
from ostiary.login.link_visits import LinkStep, LinkVisit, OpenedLink
from ostiary.login.pages import LinkPage
from ostiary.pages.texts import marked
from ostiary.self_service.mail_actions import SelfService
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class ConfirmAddressStep(LinkStep):
    """Asks whether the address is the person's."""

    name = "confirm_address"
    says = LinkPage(marked("Confirm your email address"), marked("Is {email} your address?"), marked("Confirm"))
    closing = LinkPage(
        marked("Thank you"), marked("Your email address is confirmed. You can close this page and sign in.")
    )

    def __init__(self, self_service: SelfService) -> None:
        self._self_service = self_service

    def applies(self, work: Work, tenant: TenantView, transaction: OpenedLink) -> bool:
        """Applies to links of verification mails."""
        return transaction.link.kind == USER_VERIFICATION

    def submit(self, visit: LinkVisit) -> Done:
        """Uses the link up."""
        opened, request_id = visit.transaction, visit.call.request_id
        return Done(
            change=lambda work: self._self_service.confirm_address(work, opened.tenant, opened.link, request_id)
        )
