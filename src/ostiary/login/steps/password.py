"""Password step of a sign-in: the form that asks who it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from ostiary.audit.sink import EventSink
from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import form_page
from ostiary.login.passkeys.asking import box_of
from ostiary.login.steps.upstream.providers import ProvidersStep
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import MAX_LOGIN_HINT, SIGN_UP
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.claims.subjects import Subject
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.platform.accounts import Account
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.password import AMR, PlatformPassword
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

Turn = Callable[[SignInVisit, DomainError], HostedPage]
"""The page to which a refusal leads, by another step."""
_LOCKS = marked("After several wrong passwords in a row an account is locked for a while.")


class PasswordStep(SignInStep):
    """Asks for the name and the password of a user of the directory."""

    name = "password"
    meets = IDENTITY
    fields = ("username", "password")
    method: ClassVar[str]
    """What `amr` says of it."""
    passkeys: RelyingParty | None = None
    """The server as browsers know it, where the page asks for a passkey as well."""

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where the directory is asked for, or no provider."""
        return transaction.request.provider in ("", PROVIDER)

    def providers(self, visit: SignInVisit) -> Mapping[str, str]:
        """Other providers that may be chosen in place of the password, and what people call them."""
        return {}

    @abstractmethod
    def asks_for_email(self, work: Work, tenant: TenantView) -> bool:
        """Whether people sign in by their mail address alone."""

    @abstractmethod
    def signed_in(self, visit: SignInVisit) -> Identified:
        """The person whose name and password the form has. Releases the connection of the request before the hash."""

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """The form; the name is filled in that was typed, or that the application expects."""
        call, request = visit.call, visit.transaction.request
        client = find_client(call.work, call.required_tenant, request.client_id)
        username = visit.form.get("username")[:MAX_LOGIN_HINT] if problem else request.login_hint
        hidden = visit.hidden(self.name)
        return form_page(
            "password.html", visit.look, redirects=visit.may_redirect,
            application=client.name if client else "", action=visit.action, hidden=hidden,
            passkey=box_of(visit, self.passkeys, "passkey", offered=True) if self.passkeys else None,
            by_email=self.asks_for_email(call.work, call.required_tenant),
            username=username, problem=problem, ways=self.ways(visit), providers=self.providers(visit),
            help=visit.look.texts(_LOCKS) if problem and _may_lock(call, problem) else "",
        )  # fmt: skip

    def ways(self, visit: SignInVisit) -> Mapping[str, str]:
        """Other steps to which the page leads, and what it calls them."""
        return {}

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Checks the password."""
        found = self.signed_in(visit)
        return Done(self.method, lambda _: found)


class AppPasswordStep(PasswordStep):
    """The sign-in to an application of a tenant: whoever signs in has a profile there."""

    method = PROVIDER

    def __init__(self, user_sign_in: UserSignIn, turns: Mapping[str, Turn], providers: ProvidersStep) -> None:
        self._user_sign_in = user_sign_in
        self._turns = turns
        self._providers = providers

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where the directory is on, too."""
        return is_for_directory(work, tenant, transaction)

    def providers(self, visit: SignInVisit) -> Mapping[str, str]:
        """The providers that are on; none where the application has asked for the directory."""
        return self._providers.labels(visit)

    def ways(self, visit: SignInVisit) -> Mapping[str, str]:
        """To sign-up, and to a new password, where the tenant lets people help themselves."""
        directory = CLOUD_DIRECTORY.read(visit.call.work, visit.call.required_tenant)
        ways = {}
        if directory.self_service_enabled and directory.reset_password_enabled:
            ways["forgot_password"] = visit.look.texts(marked("Forgot your password?"))
        if directory.sign_up_enabled:
            ways[SIGN_UP] = visit.look.texts(marked("No account yet? Sign up"))
        return ways

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Checks the password. One that is right and lets nobody in yet leads to the page that helps."""
        try:
            return super().submit(visit)
        except DomainError as error:
            turn = self._turns.get(error.reason)
            if turn is None:
                raise
            page = turn(visit, error)
            visit.call.http_status = int(error.facts.get("status", error.kind.value))
            return page

    def asks_for_email(self, work: Work, tenant: TenantView) -> bool:
        """As the tenant's directory says."""
        return CLOUD_DIRECTORY.read(work, tenant).identity_field == "email"

    def signed_in(self, visit: SignInVisit) -> Identified:
        """A profile, and the user behind it."""
        call, form = visit.call, visit.form
        subject = self._user_sign_in(
            call, call.required_tenant, form.get("username"), form.get("password"), call.request_id,
            visit.transaction.request.anonymous_id,
        )  # fmt: skip
        return identified(subject)


def is_for_directory(work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
    """Whether a user of the directory may sign in: it is on, and asked for, or no provider is."""
    return transaction.request.provider in ("", PROVIDER) and CLOUD_DIRECTORY.read(work, tenant).is_active


def identified(subject: Subject) -> Identified:
    """The person whom a sign-in in the directory has found."""
    return Identified(subject.id, PROVIDER, subject.user_id, subject.user_epoch, subject.access_epoch)


def login_of(work: Work, tenant: TenantView, user: UserView) -> str:
    """The name by which a user signs in."""
    return user.email if CLOUD_DIRECTORY.read(work, tenant).identity_field == "email" else user.user_name


def _may_lock(call: Call, problem: DomainError) -> bool:
    """Whether wrong passwords lock accounts, as is said after one, whosever it is and whether or not it is locked."""
    is_wrong = problem.reason == "WRONG_CREDENTIALS"
    return is_wrong and ADVANCED_PASSWORDS.read(call.work, call.required_tenant).lockout is not None


class PlatformPasswordStep(PasswordStep):
    """The sign-in at the platform: by user name or any mail address, as the user itself."""

    method = AMR

    def __init__(self, password: PlatformPassword, events: EventSink, providers: ProvidersStep) -> None:
        self._password = password
        self._events = events
        self._providers = providers

    def providers(self, visit: SignInVisit) -> Mapping[str, str]:
        """The providers that sign members of the organization in."""
        return self._providers.labels(visit)

    def asks_for_email(self, work: Work, tenant: TenantView) -> bool:
        """A user name is taken, too."""
        return False

    def signed_in(self, visit: SignInVisit) -> Identified:
        """Returns the directory user as the person who signs in."""
        call, form = visit.call, visit.form

        def found(work: Work, account: Account) -> Identified:
            who = ("user", account.id)
            self._events.emit(work, tokens_issued(call.tenant_id, call.rules.audit, call.request_id, who, who))
            return Identified(account.id, PROVIDER, account.id, account.access_epoch, account.access_epoch)

        return self._password(
            call, call.required_tenant, form.get("username"), form.get("password"), found, is_alone=False
        )
