"""Password step of a sign-in: the form that asks who it is."""

from __future__ import annotations

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import HostedPage, form_page
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import MAX_LOGIN_HINT, WEB_MESSAGE
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class PasswordStep(SignInStep):
    """Signs in a user of the directory."""

    name = "password"
    meets = IDENTITY
    fields = ("username", "password")

    def __init__(self, user_sign_in: UserSignIn) -> None:
        self._user_sign_in = user_sign_in

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where the directory is asked for, or no provider."""
        return transaction.request.provider in ("", PROVIDER)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """The form; the name is filled in that was typed, or that the application expects."""
        call, request = visit.call, visit.transaction.request
        client = find_client(call.work, call.required_tenant, request.client_id)
        username = visit.form.get("username")[:MAX_LOGIN_HINT] if problem else request.login_hint
        return form_page(
            "password.html", redirects=request.address.response_mode != WEB_MESSAGE,
            application=client.name if client else "", action=visit.action, hidden=visit.hidden(self.name),
            by_email=CLOUD_DIRECTORY.read(call.work, call.required_tenant).identity_field == "email",
            username=username, problem=problem.message if problem else "",
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Checks the password; releases the connection of the request before the hash."""
        call, form, request = visit.call, visit.form, visit.transaction.request
        subject = self._user_sign_in(
            call, call.required_tenant, form.get("username"), form.get("password"), call.request_id,
            request.anonymous_id,
        )  # fmt: skip
        found = Identified(subject.id, PROVIDER, subject.user_id, subject.user_epoch, subject.access_epoch)
        return Done(PROVIDER, lambda _: found)
