"""Choice of a new password by the link in a reset mail, on the built-in page."""

from __future__ import annotations

from ostiary.delivery.texts.templates import RESET_PASSWORD
from ostiary.login.flow import Done
from ostiary.login.link_visits import LinkStep, LinkVisit, OpenedLink
from ostiary.login.pages import LinkPage
from ostiary.login.steps.typed_passwords import FIELDS, typed_twice
from ostiary.pages.texts import marked
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.password_change import PasswordChange
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class NewPasswordStep(LinkStep):
    """Asks for the new password, twice."""

    name = "new_password"
    fields = FIELDS
    says = LinkPage(
        marked("Choose a new password"), marked("For the account {email}."), marked("Save"), asks_for_password=True
    )
    closing = LinkPage(
        marked("Your password was changed"), marked("You can close this page and sign in with the new password.")
    )

    def __init__(self, self_service: SelfService, password_change: PasswordChange) -> None:
        self._self_service = self_service
        self._password_change = password_change

    def applies(self, work: Work, tenant: TenantView, transaction: OpenedLink) -> bool:
        """Applies to links of reset mails."""
        return transaction.link.kind == RESET_PASSWORD

    def submit(self, visit: LinkVisit) -> Done:
        """Checks and hashes the password; storing it uses the link up."""
        call, opened = visit.call, visit.transaction
        password = typed_twice(visit.form)
        call.release()
        prepared = self._password_change.prepare(opened.tenant, opened.user.id, password)
        return Done(
            change=lambda work: self._self_service.renew_password(
                work, opened.tenant, opened.link, prepared, visit.language, call.client_ip, call.request_id
            )
        )
