"""Change of a password at the wish of its owner, whom an application sends here."""

from __future__ import annotations

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.users import UserView, find_user
from ostiary.errors import DomainError, invalid
from ostiary.login.flow import Done
from ostiary.login.needs import CHOSEN_PASSWORD
from ostiary.login.pages import form_page
from ostiary.login.steps.choices.chosen_password import ChosenPasswords
from ostiary.login.steps.password import identified, login_of
from ostiary.login.steps.typed_passwords import FIELDS, password_hint, typed_twice
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import CHANGE_PASSWORD
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.claims.subjects import Subject
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.mail_actions import SelfService
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_PROVED = frozenset({"PASSWORD_EXPIRED"})


class ChangePasswordStep(SignInStep):
    """Asks for the password as it is and the new one, which is stored when every factor is proved.

    The address names the person by the directory id, which is no secret: so the page says nothing of the person, and a
    wrong id is answered as a wrong password is.
    """

    name = CHANGE_PASSWORD
    meets = CHOSEN_PASSWORD
    fields = ("password", *FIELDS)

    def __init__(self, self_service: SelfService, chosen: ChosenPasswords) -> None:
        self._self_service = self_service
        self._chosen = chosen

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
        """Checks the password, and keeps the new one. Raises WRONG_PASSWORD and what `ChosenPasswords` raises."""
        call, tenant = visit.call, visit.call.required_tenant
        self._self_service.check_page(call.work, tenant)
        password = typed_twice(visit.form)
        user = find_user(call.work, tenant.id, visit.transaction.request.about)
        subject = self._proved(visit, user, login_of(call.work, tenant, user) if user else "")
        assert user is not None  # noqa: S101 - nobody has proved to be nobody
        user_id = user.id
        self._chosen.keep(visit, user_id, password)
        if subject is None:
            return Done(PROVIDER, lambda work: self._chosen.admitted(work, visit, user_id))
        return Done(PROVIDER, lambda _: identified(subject))

    def _proved(self, visit: SignInVisit, user: UserView | None, login: str) -> Subject | None:
        """The subject that signs in with the password; None where that has expired."""
        call, subject = visit.call, None
        try:
            subject = self._chosen.user_sign_in(
                call, call.required_tenant, login, visit.form.get("password"), call.request_id
            )
            known = subject.user_id
        except DomainError as error:
            if error.reason not in _PROVED | {"WRONG_CREDENTIALS"}:
                raise
            known = str(error.facts.get("user_id", ""))
        call.release()
        if user is None or known != user.id:
            raise invalid("WRONG_PASSWORD", "The current password is incorrect.")
        return subject
