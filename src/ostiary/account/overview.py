"""Overview: all of the account on one page, each change with a form of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.account.applications import applications_of
from ostiary.account.factors import factors_of
from ostiary.account.moments import Moment, moment
from ostiary.account.parts import OVERVIEW, AccountPage, account_page
from ostiary.account.sessions import sessions_of
from ostiary.account.visits import AccountVisit
from ostiary.directory.passwords.stored import find_stored_password
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.errors import DomainError
from ostiary.keys.issuers import Issuers
from ostiary.login.steps.choices.details import details_of
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import HostedPage


@dataclass(frozen=True, slots=True)
class Overview(AccountPage):
    """The account."""

    issuers: Issuers
    name = OVERVIEW
    is_form = False

    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """Shows everything."""
        call, user, tenant = visit.call, visit.user, visit.tenant
        return account_page(
            "account.html", visit, problem_text(visit.look.texts, problem) if problem else "", css="account.css",
            note=note, details=details_of(user), email=user.email, user_name=user.user_name,
            may_change=CLOUD_DIRECTORY.read(call.work, tenant).self_service_enabled,
            password_since=_password_since(visit), factors=factors_of(visit), sessions=sessions_of(visit),
            applications=applications_of(visit),
            sign_out=f"{self.issuers.tenant(tenant.id)}/logout",
        )  # fmt: skip


def _password_since(visit: AccountVisit) -> Moment | None:
    stored = find_stored_password(visit.call.work, visit.tenant.id, visit.user.id)
    return moment(stored.changed_at) if stored else None
