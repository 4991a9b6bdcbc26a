"""Session step of a sign-in: whoever has signed in with this browser before is not asked again."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from ostiary.audit.runtime_events import user_authenticated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.profiles.linking import arrival_of
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.profiles.profiles import profile_of
from ostiary.directory.signin.admission import SignedIn
from ostiary.directory.users.users import UserView, find_user, with_contacts
from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.names import login_key
from ostiary.oauth.authorize.proofs import load_proofs
from ostiary.oauth.authorize.request import AuthorizationRequest
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.claims.subjects import subject_at_sign_in
from ostiary.oauth.clients.sso import idle_time_s
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.sessions.browser import find_browser_session
from ostiary.oauth.sessions.refresh import APPID, PLATFORM
from ostiary.store.tables import Session
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_ASKS = frozenset({"login", "consent", "select_account"})
"""Prompts that want the person to be asked, whoever is signed in."""


class SessionStep(SignInStep):
    """Takes what an earlier sign-in with this browser has proved. Asks nobody, so it answers `prompt=none` too."""

    name = "session"
    meets = IDENTITY
    asks = False
    audience: ClassVar[str]

    def __init__(self, clock: Clock, entropy: Entropy, events: EventSink) -> None:
        self._clock = clock
        self._entropy = entropy
        self._events = events

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where single sign-on is on, and nothing in the request wants the person to be asked; not in flows
        that are begun for something else than a sign-in."""
        request = transaction.request
        asks = not _ASKS.isdisjoint(request.prompts) or request.max_age == 0
        if asks or request.anonymous_id or request.purpose or request.provider not in ("", PROVIDER):
            return False
        return idle_time_s(work, tenant, at_platform=self.audience == PLATFORM) > 0

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        """Shows nothing; where there is no session that would do, the next step asks."""
        call, request = visit.call, visit.transaction.request
        session = find_browser_session(call.work, visit.session_secret, self._clock.now_ms(), call.tenant_id)
        user = find_user(call.work, call.tenant_id, session.user_id) if session else None
        if session is None or user is None or not self._does(call.work, request, session, user):
            return Done(met=False)
        earlier = load_proofs(session.proofs, self.audience)
        return Done(change=lambda work: self.identified(work, visit, session, user), earlier=earlier)

    @abstractmethod
    def identified(self, work: Work, visit: SignInVisit, session: Session, user: UserView) -> Identified:
        """The person, recorded as one who has signed in."""

    @abstractmethod
    def subject_of(self, work: Work, user: UserView) -> str:
        """The `sub` of the user here; empty where it has none yet."""

    def _does(self, work: Work, request: AuthorizationRequest, session: Session, user: UserView) -> bool:
        """Whether the session is young enough, and that of the person whom the client expects."""
        now = self._clock.now_ms()
        if is_locked(user, now):
            return False
        if request.max_age is not None and now - session.auth_time > request.max_age * 1000:
            return False
        if request.hinted_subject and request.hinted_subject != self.subject_of(work, user):
            return False
        return not request.login_hint or login_key(request.login_hint) in _names(work, user)


def _names(work: Work, user: UserView) -> set[str]:
    """All by which the user can sign in."""
    return {login_key(name) for name in (user.user_name, *(email.value for email in with_contacts(work, user).emails))}


class AppSessionStep(SessionStep):
    """The session as an application of a tenant sees it: a profile."""

    audience = APPID

    def subject_of(self, work: Work, user: UserView) -> str:
        """Returns the id of the profile, which is the `sub` here."""
        return profile_of(work, user.tenant_id, PROVIDER, user.id) or ""

    def identified(self, work: Work, visit: SignInVisit, session: Session, user: UserView) -> Identified:
        """A profile, made where the session was opened at the platform and there was none."""
        tenant = visit.call.required_tenant
        signed_in = SignedIn(
            tenant.id, user.id, user.user_name, user.email, user.email_verified, user.display_name, user.given_name,
            user.family_name, user.locale, user.access_epoch,
        )  # fmt: skip
        subject = subject_at_sign_in(work, tenant.id, arrival_of(signed_in), self._entropy, self._clock.now_ms())
        self._events.emit(work, user_authenticated(tenant.id, subject.id, user.id, visit.call.request_id), tenant)
        return Identified(subject.id, PROVIDER, user.id, subject.user_epoch, subject.access_epoch, session.id)


class PlatformSessionStep(SessionStep):
    """The session as the platform sees it: the user itself."""

    audience = PLATFORM

    def subject_of(self, work: Work, user: UserView) -> str:
        """Returns the id of the user in the directory, which is its `sub` here."""
        return user.id

    def identified(self, work: Work, visit: SignInVisit, session: Session, user: UserView) -> Identified:
        """Returns the directory user as the person who signs in."""
        call, who = visit.call, ("user", user.id)
        self._events.emit(work, tokens_issued(call.tenant_id, call.rules.audit, call.request_id, who, who))
        return Identified(user.id, PROVIDER, user.id, user.access_epoch, user.access_epoch, session.id)
