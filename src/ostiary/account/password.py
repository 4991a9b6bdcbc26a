"""Password of the account: the one as it is, and the new one twice."""

from __future__ import annotations

from ostiary.account.parts import AccountPage, Change, account_page
from ostiary.account.visits import AccountVisit
from ostiary.clock import Clock
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError, invalid
from ostiary.ids import Entropy
from ostiary.login.cookies import set_session
from ostiary.login.steps.password import login_of
from ostiary.login.steps.typed_passwords import password_hint, typed_twice
from ostiary.oauth.sessions.browser import Terms, enter_session
from ostiary.oauth.sessions.places import Place
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.password_change import PasswordChange, PreparedPassword
from ostiary.store.work import Work

PASSWORD = "password"


class PasswordPage(AccountPage):
    """The form of a new password."""

    name = PASSWORD

    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """Shows the form."""
        texts = visit.look.texts
        return account_page(
            "account_password.html", visit, problem_text(texts, problem) if problem else "",
            username=visit.user.email or visit.user.user_name,
            hint=password_hint(visit.call.work, visit.tenant, texts),
        )  # fmt: skip


class NewPassword(Change):
    """Changes the password. Everything that was opened with the old one ends, but for this browser's session."""

    name = PASSWORD
    page = PASSWORD
    done = marked("Your password is changed. You are signed out everywhere else.")

    def __init__(
        self, clock: Clock, entropy: Entropy, self_service: SelfService, password_change: PasswordChange,
        user_sign_in: UserSignIn, *, secure: bool,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._entropy = entropy
        self._self_service = self_service
        self._password_change = password_change
        self._user_sign_in = user_sign_in
        self._secure = secure

    def prepare(self, visit: AccountVisit) -> PreparedPassword:
        """Checks the password as it is, and hashes the new one. Raises SELF_SERVICE_DISABLED, WRONG_PASSWORD and what
        `PasswordChange` raises."""
        call, tenant, user = visit.call, visit.tenant, visit.user
        self._self_service.check_page(call.work, tenant)
        password = typed_twice(visit.form)
        self._prove(visit, login_of(call.work, tenant, user))
        return self._password_change.prepare(tenant, user.id, password)

    def make(self, work: Work, visit: AccountVisit, prepared: PreparedPassword) -> str:
        """Stores the new password, and enters a session for this browser; what its cookie holds from now on."""
        call = visit.call
        after = self._self_service.set_password(
            work, visit.tenant, prepared, visit.look.language, call.client_ip, call.request_id, by_user=True
        )  # fmt: skip
        return self._entered_again(work, visit, after)

    def answer(self, visit: AccountVisit, made: str) -> None:
        """Gives the browser its new session."""
        set_session(visit.call, visit.call.work, visit.tenant, made, secure=self._secure)

    def _prove(self, visit: AccountVisit, login: str) -> None:
        call = visit.call
        try:
            known = self._user_sign_in(call, visit.tenant, login, visit.form.get("password"), call.request_id).user_id
        except DomainError as error:
            if error.reason not in ("PASSWORD_EXPIRED", "WRONG_CREDENTIALS"):
                raise
            known = str(error.facts.get("user_id", ""))
        call.release()
        if known != visit.user.id:
            raise invalid("WRONG_PASSWORD", "The current password is incorrect.")

    def _entered_again(self, work: Work, visit: AccountVisit, user: UserView) -> str:
        """Enters a session for this browser in place of the one that has just ended."""
        old, now = visit.session, self._clock.now_ms()
        terms = Terms(
            user.id, user.access_epoch, old.proofs, old.amr, old.auth_time, old.idle_s,
            max(1, (old.expires_at - now) // 1000), Place(old.agent, old.address),
        )  # fmt: skip
        return enter_session(work, visit.tenant.id, terms, self._entropy, now).secret
