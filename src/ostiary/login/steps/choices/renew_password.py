"""Renewal of an expired password, by whoever has just proved to know it."""

from __future__ import annotations

from ostiary.directory.passwords.stored import find_stored_password
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import UserView, find_user
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import form_page
from ostiary.login.steps.choices.chosen_password import ChosenPasswords
from ostiary.login.steps.typed_passwords import FIELDS, password_hint, typed_twice
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.mail_actions import SelfService
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_USER, _CHANGED = "expired", "expired_changed_at"


class RenewPasswordStep(SignInStep):
    """Asks for a new password after the old one was right and has expired; the new one is stored when every factor is
    proved.

    The transaction remembers which password was proved, by the moment at which that was set: where it was changed
    since, the proof is worth nothing.
    """

    name = "renew_password"
    meets = IDENTITY
    fields = FIELDS

    def __init__(self, self_service: SelfService, chosen: ChosenPasswords) -> None:
        self._self_service = self_service
        self._chosen = chosen

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
        """Keeps the new password. Raises SIGN_IN_OVER where the old one was changed meanwhile, or the person may not
        sign in any more."""
        call = visit.call
        self._self_service.check_page(call.work, call.required_tenant)
        password, user = typed_twice(visit.form), self._user(visit)
        call.release()
        self._chosen.keep(visit, user.id, password, expired=True)
        return Done(PROVIDER, lambda work: self._admitted(work, visit, user.id))

    def _admitted(self, work: Work, visit: SignInVisit, user_id: str) -> Identified:
        person = self._chosen.admitted(work, visit, user_id)  # first, since it locks the person
        self._check(work, visit)
        return person

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
