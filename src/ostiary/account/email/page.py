"""Page of a new mail address: the field for the address, then the one for the code that was sent there."""

from __future__ import annotations

from ostiary.account.email.codes import CEREMONY, opened_code
from ostiary.account.parts import AccountPage, account_page
from ostiary.account.visits import AccountVisit
from ostiary.errors import DomainError
from ostiary.keys.sealing import Sealing
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import HostedPage

EMAIL = "email"
_LONGEST = 256


class EmailPage(AccountPage):
    """The form for the address; after a wrong code that for the code."""

    name = EMAIL

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """Shows the form that was sent, or the first one."""
        sent = opened_code(self._sealing, visit) if problem else None
        if sent is not None and problem is not None and problem.reason != "CODE_EXPIRED":
            return code_page(visit, sent.address, visit.form.get(CEREMONY), problem)
        typed = visit.form.get(EMAIL)[:_LONGEST] if problem else ""
        return account_page("account_email.html", visit, _words(visit, problem), email=visit.user.email, typed=typed)


def code_page(visit: AccountVisit, address: str, ceremony: str, problem: DomainError | None = None) -> HostedPage:
    """The form for the code that was sent to the address."""
    return account_page(
        "account_email_code.html", visit, _words(visit, problem), address=address, ceremony=ceremony
    )  # fmt: skip


def _words(visit: AccountVisit, problem: DomainError | None) -> str:
    return problem_text(visit.look.texts, problem) if problem else ""
