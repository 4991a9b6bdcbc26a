"""Change of a password at the wish of its owner, whom an application sends here."""

from __future__ import annotations

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.users import UserView, find_user
from ostiary.errors import DomainError, invalid
from ostiary.login.flow import Done
from ostiary.login.needs import CHANGED_PASSWORD
from ostiary.login.pages import form_page
from ostiary.login.steps.password import identified, login_of
from ostiary.login.steps.typed_passwords import FIELDS, password_hint, typed_twice
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import CHANGE_PASSWORD
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.claims.subjects import Subject
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.password_change import PasswordChange
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_PROVED = frozenset({"PASSWORD_EXPIRED"})


class ChangePasswordStep(SignInStep):
    """Asks for the password as it is and the new one, then signs in with that.

    The address names the person by the directory id, which is no secret: so the page says nothing of the person, and a
    wrong id is answered as a wrong password is.
    """

    name = CHANGE_PASSWORD
    meets = CHANGED_PASSWORD
    fields = ("password", *FIELDS)

    def __init__(self, self_service: SelfService, password_change: PasswordChange, user_sign_in: UserSignIn) -> None:
        self._self_service = self_service
        self._password_change = password_change
        self._user_sign_in = user_sign_in

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies wherever a changed password is needed."""
        return True

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows the form. Raises SELF_SERVICE_DISABLED."""
        call, look = visit.call, visit.look
        self._self_service.check_page(call.work, call.required_tenant)
        return form_page(
            "change_password.html", look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), hint=password_hint(call.work, call.required_tenant, look.texts),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Checks the password, then stores the new one. Raises WRONG_PASSWORD and what `PasswordChange` raises."""
        call, tenant, language = visit.call, visit.call.required_tenant, visit.look.language
        self._self_service.check_page(call.work, tenant)
        password = typed_twice(visit.form)
        user = find_user(call.work, tenant.id, visit.transaction.request.about)
        login = login_of(call.work, tenant, user) if user else ""
        self._prove(visit, user, login)
        assert user is not None  # noqa: S101 - nobody has proved to be nobody
        prepared = self._password_change.prepare(tenant, user.id, password)
        with visit.store.write() as work:
            self._self_service.set_password(
                work, tenant, prepared, language, call.client_ip, call.request_id, by_user=True
            )  # fmt: skip
        subject = self._signed_in(visit, login, password)
        return Done(PROVIDER, lambda _: identified(subject))

    def _prove(self, visit: SignInVisit, user: UserView | None, login: str) -> None:
        try:
            known = self._signed_in(visit, login, visit.form.get("password")).user_id
        except DomainError as error:
            if error.reason not in _PROVED | {"WRONG_CREDENTIALS"}:
                raise
            known = str(error.facts.get("user_id", ""))
        if user is None or known != user.id:
            raise invalid("WRONG_PASSWORD", "The current password is incorrect.")

    def _signed_in(self, visit: SignInVisit, login: str, password: str) -> Subject:
        call = visit.call
        subject = self._user_sign_in(call, call.required_tenant, login, password, call.request_id)
        call.release()
        return subject
