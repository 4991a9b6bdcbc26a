"""Details of the account: names and a telephone number."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.account.parts import AccountPage, Change, account_page
from ostiary.account.visits import AccountVisit
from ostiary.directory.users.changes import amend_user
from ostiary.errors import DomainError
from ostiary.login.steps.choices.details import DETAILS, details_of, typed_details, with_details
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.mail_actions import SelfService
from ostiary.store.work import Work

_LONGEST = 256


class DetailsPage(AccountPage):
    """The form of the details."""

    name = "details"

    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """Shows the details as they are, or as they were typed."""
        typed = {name: visit.form.get(name)[:_LONGEST] for name in DETAILS} if problem else {}
        return account_page(
            "account_details.html", visit, problem_text(visit.look.texts, problem) if problem else "",
            details={**details_of(visit.user), **typed},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewDetails(Change):
    """Stores the details."""

    self_service: SelfService
    name = "details"
    page = "details"
    done = marked("Your details are saved.")

    def make(self, work: Work, visit: AccountVisit, prepared: object) -> None:
        """Stores what was typed. Raises SELF_SERVICE_DISABLED and what `amend_user` raises."""
        tenant, typed = visit.tenant, typed_details(visit.form)
        self.self_service.check_page(work, tenant)
        amend_user(work, tenant.id, visit.user.id, lambda known: with_details(known, typed), visit.now_ms)
