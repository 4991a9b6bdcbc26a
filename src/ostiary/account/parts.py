"""Parts of the account: a page that is shown, and a change that its form makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ostiary.account.visits import AccountVisit
from ostiary.errors import DomainError
from ostiary.pages.rendering import HostedPage, render
from ostiary.store.work import Work

OVERVIEW = ""
"""The page that shows all of the account."""


class AccountPage(ABC):
    """A page of the account."""

    name: ClassVar[str]
    """Its name in the address."""
    is_form: ClassVar[bool] = True
    """Whether it only serves to change something: then it is shown to those who have signed in a short time ago."""

    @abstractmethod
    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """The page, with what was wrong with the last try, or what has just been done."""


class Change(ABC):
    """A change of the account."""

    name: ClassVar[str]
    """Its name in the address, and of what the account says when it is done."""
    page: ClassVar[str] = OVERVIEW
    """The page that has its form."""
    done: ClassVar[str]
    """What is said then, as it is in the catalogues."""
    always: ClassVar[bool] = False
    """Whether an older sign-in is good enough."""

    def prepare(self, visit: AccountVisit) -> object:
        """Does the slow work, outside any transaction, and returns what `make` needs of it."""
        return None

    @abstractmethod
    def make(self, work: Work, visit: AccountVisit, prepared: Any) -> object:
        """Makes the change, in the transaction that records it; returns what `answer` needs of it. Raises DomainError
        with what speaks against it."""

    def answer(self, visit: AccountVisit, made: Any) -> HostedPage | None:
        """Gives the browser what it needs from now on; returns the page that goes on with the change, None where it is
        done and the account follows."""
        return None


def account_page(
    template: str, visit: AccountVisit, problem: str, *policy: str, css: str = "page.css", **facts: Any
) -> HostedPage:
    """A page of the account: a template, and the policy that all of them have."""
    return render(
        template, visit.look, "form-action 'self'", "frame-ancestors 'none'", *policy, css=css, problem=problem,
        csrf_token=visit.csrf_token, url=visit.url, **facts,
    )  # fmt: skip
