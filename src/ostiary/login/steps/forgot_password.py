"""Forgotten password: a mail with a link to choose a new one goes to whoever has the account, if anybody has."""

from __future__ import annotations

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY, RESET_LINK
from ostiary.login.pages import form_page
from ostiary.login.steps.password import is_for_directory
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import FORGOT_PASSWORD, MAX_LOGIN_HINT
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.mail_actions import SelfService
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class ForgotPasswordStep(SignInStep):
    """Asks for the name or address of the account, beside the password of a sign-in. It proves nothing and is never
    done: the link in the mail does the rest."""

    name = "forgot_password"
    meets = IDENTITY
    fields = ("username",)

    def __init__(self, self_service: SelfService) -> None:
        self._self_service = self_service

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where users of the directory may sign in. Whether it is open is said to whoever asks."""
        return is_for_directory(work, tenant, transaction)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows the form. Raises SELF_SERVICE_DISABLED, RESET_PASSWORD_DISABLED."""
        return self._page(visit, "forgot_password.html", problem, username=visit.form.get("username")[:MAX_LOGIN_HINT])

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Sends the mail; the answer is the same whoever has the account. Raises TOO_MANY_MESSAGES."""
        call, tenant, language = visit.call, visit.call.required_tenant, visit.look.language
        self._self_service.check_page(call.work, tenant)
        self._self_service.check_reset_enabled(call.work, tenant)
        login, field = visit.form.required("username").strip(), CLOUD_DIRECTORY.read(call.work, tenant).identity_field
        call.release()
        self._self_service.remind(visit.store, tenant, login, field, language, call.counted_ip)
        return self._page(visit, "forgot_password_sent.html", None, address=login[:MAX_LOGIN_HINT])

    def _page(self, visit: SignInVisit, template: str, problem: DomainError | None, **facts: str) -> HostedPage:
        call, look = visit.call, visit.look
        self._self_service.check_page(call.work, call.required_tenant)
        self._self_service.check_reset_enabled(call.work, call.required_tenant)
        by_email = CLOUD_DIRECTORY.read(call.work, call.required_tenant).identity_field == "email"
        return form_page(
            template, look, redirects=False, problem=problem, action=visit.action, hidden=visit.hidden(self.name),
            by_email=by_email, back=visit.way_back(FORGOT_PASSWORD),
            ways={} if visit.transaction.request.purpose else {"password": look.texts(marked("Back to sign in"))},
            **facts,
        )  # fmt: skip


class ForgotPasswordPageStep(ForgotPasswordStep):
    """Asks as `ForgotPasswordStep` does, in a flow that an application begins for this alone: no sign-in follows."""

    name = "forgot_password_page"
    meets = RESET_LINK
