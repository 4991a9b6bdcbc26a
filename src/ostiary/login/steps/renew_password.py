"""Renewal of an expired password, by whoever has just proved to know it."""

from __future__ import annotations

from ostiary.audit.runtime_events import password_renewed
from ostiary.audit.sink import EventSink
from ostiary.directory.passwords.stored import find_stored_password
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import UserView, find_user
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import form_page
from ostiary.login.steps.password import identified, login_of
from ostiary.login.steps.typed_passwords import FIELDS, password_hint, typed_twice
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.password_change import PasswordChange
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_USER, _CHANGED = "expired", "expired_changed_at"


class RenewPasswordStep(SignInStep):
    """Asks for a new password after the old one was right and has expired, then signs in with the new one.

    The transaction remembers which password was proved, by the moment at which that was set: where it was changed
    since, the proof is worth nothing.
    """

    name = "renew_password"
    meets = IDENTITY
    fields = FIELDS

    def __init__(
        self, self_service: SelfService, password_change: PasswordChange, user_sign_in: UserSignIn, events: EventSink
    ) -> None:
        self._self_service = self_service
        self._password_change = password_change
        self._user_sign_in = user_sign_in
        self._events = events

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where the password step has found an expired password."""
        return _USER in transaction.notes

    def begin(self, visit: SignInVisit, expired: DomainError) -> HostedPage:
        """The page, after a sign-in was refused with PASSWORD_EXPIRED. Raises that again where people may not help
        themselves."""
        if not CLOUD_DIRECTORY.read(visit.call.work, visit.call.required_tenant).self_service_enabled:
            raise expired
        visit.remember({_USER: str(expired.facts["user_id"]), _CHANGED: str(expired.facts["changed_at"])})
        return self.show(visit)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows the form."""
        call, look = visit.call, visit.look
        return form_page(
            "renew_password.html", look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), username=self._user(visit).email,
            hint=password_hint(call.work, call.required_tenant, look.texts),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Stores the new password. Raises SIGN_IN_OVER where the old one was changed meanwhile."""
        call, tenant, language = visit.call, visit.call.required_tenant, visit.look.language
        self._self_service.check_page(call.work, tenant)
        password, user = typed_twice(visit.form), self._user(visit)
        login = login_of(call.work, tenant, user)
        call.release()
        prepared = self._password_change.prepare(tenant, user.id, password)
        with visit.store.write() as work:
            self._check(work, visit)
            self._self_service.set_password(work, tenant, prepared, language, call.client_ip, call.request_id)
            self._events.emit(work, password_renewed(tenant.id, user.id, call.request_id), tenant)
        anonymous_id = visit.transaction.request.anonymous_id
        subject = self._user_sign_in(call, tenant, login, password, call.request_id, anonymous_id)
        return Done(PROVIDER, lambda _: identified(subject))

    def _user(self, visit: SignInVisit) -> UserView:
        self._check(visit.call.work, visit)
        user = find_user(visit.call.work, visit.call.tenant_id, visit.transaction.notes[_USER])
        if user is None or not user.active:
            raise SignInOver
        return user

    def _check(self, work: Work, visit: SignInVisit) -> None:
        notes = visit.transaction.notes
        stored = find_stored_password(work, visit.call.tenant_id, notes[_USER])
        if stored is None or str(stored.changed_at) != notes[_CHANGED]:
            raise SignInOver
