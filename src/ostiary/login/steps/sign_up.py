"""Sign-up step of a sign-in: a new user of the directory, who then signs in with the password just chosen."""

from __future__ import annotations

from ostiary.audit.runtime_events import user_created
from ostiary.audit.sink import EventSink
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY, CloudDirectory
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError, denied
from ostiary.http.forms import Form
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import form_page
from ostiary.login.steps.password import identified, is_for_directory
from ostiary.login.steps.pending import PendingStep, is_pending
from ostiary.login.steps.typed_passwords import FIELDS, password_hint, typed_twice
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import SIGN_UP
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.registration import Registration
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_KEPT = ("given_name", "family_name", "email", "username")


class SignUpStep(SignInStep):
    """Asks for a name, an address and a password. Where an address must be confirmed first, the page after it is the
    same for an address that has an account already, whose owner gets a mail."""

    name = SIGN_UP
    meets = IDENTITY
    fields = (*_KEPT, *FIELDS)

    def __init__(
        self, registration: Registration, self_service: SelfService, passwords: Passwords, user_sign_in: UserSignIn,
        events: EventSink, pending: PendingStep,
    ) -> None:  # fmt: skip
        self._registration = registration
        self._self_service = self_service
        self._passwords = passwords
        self._user_sign_in = user_sign_in
        self._events = events
        self._pending = pending

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where users of the directory may sign in. Whether it is open is said to whoever asks."""
        return is_for_directory(work, tenant, transaction)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows the form. Raises SIGN_UP_DISABLED."""
        call, look = visit.call, visit.look
        directory = _open(call.work, call.required_tenant)
        typed = {name: visit.form.get(name)[:256] if problem else "" for name in _KEPT}
        return form_page(
            "sign_up.html", look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), by_email=directory.identity_field == "email", typed=typed,
            hint=password_hint(call.work, call.required_tenant, look.texts),
            ways={"password": look.texts(marked("You have an account already? Sign in"))},
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Creates the user, who then signs in. Raises SIGN_UP_DISABLED, and what `Registration` raises."""
        call, tenant, language = visit.call, visit.call.required_tenant, visit.look.language
        directory = _open(call.work, tenant)
        password, new = typed_twice(visit.form), _new_user(visit.form, directory)
        call.release()
        try:
            user = self._created(visit, new, password, language)
        except DomainError as error:
            if error.reason != "EMAIL_TAKEN" or not directory.refuses_pending:
                raise
            return self._page_for_taken_address(visit, new.emails[0].value, password, language)
        login = user.email if directory.identity_field == "email" else user.user_name
        anonymous_id = visit.transaction.request.anonymous_id
        try:
            subject = self._user_sign_in(call, tenant, login, password, call.request_id, anonymous_id)
        except DomainError as error:
            if not is_pending(error):
                raise
            return self._pending.begin(visit, user.id, user.email)
        return Done(PROVIDER, lambda _: identified(subject))

    def _created(self, visit: SignInVisit, new: NewUser, password: str, language: str) -> UserView:
        call, tenant = visit.call, visit.call.required_tenant
        prepared = self._registration.prepare_sign_up(tenant, new, password, call.counted_ip)
        with visit.store.write() as work:
            user, _ = self._registration.sign_up(work, tenant, prepared, language, with_profile=False)
            self._events.emit(work, user_created(tenant.id, user.id, call.request_id), tenant)
        return user

    def _page_for_taken_address(self, visit: SignInVisit, address: str, password: str, language: str) -> HostedPage:
        """Shows the page of a new account for an address that has one already, so that nobody learns of it. It takes as
        long as for a new address, and the owner of the account gets a mail."""
        call, tenant = visit.call, visit.call.required_tenant
        for _ in ("stored", "proved"):  # as for a new account, which signs in with its password
            self._passwords.hash(tenant.id, password)
        self._self_service.remind(visit.store, tenant, address, "email", language, call.counted_ip)
        return self._pending.begin(visit, "", address)


def _open(work: Work, tenant: TenantView) -> CloudDirectory:
    directory = CLOUD_DIRECTORY.read(work, tenant)
    if not directory.sign_up_enabled or not directory.is_active:
        raise denied("SIGN_UP_DISABLED", "Sign-up is switched off for this tenant.", oauth_error="access_denied")
    return directory


def _new_user(form: Form, directory: CloudDirectory) -> NewUser:
    by_email = directory.identity_field == "email"
    email = form.required("email").strip()
    return NewUser(
        given_name=form.get("given_name").strip(), family_name=form.get("family_name").strip(),
        emails=(Contact(email, primary=True),), user_name="" if by_email else form.required("username").strip(),
    )  # fmt: skip
