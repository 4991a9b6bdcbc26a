"""Self-service of users by the links in mails: confirmation of an address, choice of a new password."""

from __future__ import annotations

from ostiary.audit.runtime_events import address_confirmed, password_renewed, password_updated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.delivery.texts.templates import RESET_PASSWORD, USER_VERIFICATION
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.users.changes import verify_address
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import UserView, find_by_login, get_user, lock_user
from ostiary.errors import DomainError, Kind, conflict, denied, invalid, not_found
from ostiary.oauth.sessions.access_revocation import end_access_of_user
from ostiary.self_service.messages import UserMessages
from ostiary.self_service.one_time_codes import EXPIRED, Code, end_codes, link_failed, use_up
from ostiary.self_service.password_change import PasswordChange, PreparedPassword
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class SelfService:
    """Requests for links, and the effects of following them."""

    def __init__(
        self, clock: Clock, messages: UserMessages, password_change: PasswordChange, events: EventSink
    ) -> None:
        self._clock = clock
        self._events = events
        self._messages = messages
        self._password_change = password_change

    def get_user_who_may_reset(self, work: Work, tenant: TenantView, login: str) -> UserView:
        """The user who signs in as `login` and may reset the password. Raises USER_NOT_FOUND and what `may_reset`
        raises."""
        field = CLOUD_DIRECTORY.read(work, tenant).identity_field
        user_id = find_by_login(work, tenant.id, login, field)
        if not user_id:
            raise not_found("USER_NOT_FOUND", f"There is no directory user with this {field}.")
        return self.may_get(work, tenant, get_user(work, tenant.id, user_id), RESET_PASSWORD)

    def may_get(self, work: Work, tenant: TenantView, user: UserView, template: str) -> UserView:
        """The user, if this message makes sense now. Raises NO_EMAIL (400), RESET_PASSWORD_DISABLED, USER_LOCKED (403),
        USER_NOT_VERIFIED (409), ALREADY_VERIFIED (410)."""
        if not user.email:
            raise invalid("NO_EMAIL", "The user has no mail address.")
        if template == USER_VERIFICATION and user.email_verified:
            raise DomainError(Kind.GONE, "ALREADY_VERIFIED", "The user's mail address is confirmed already.")
        if template == RESET_PASSWORD:
            self.check_reset(work, tenant, user)
        return user

    def check_page(self, work: Work, tenant: TenantView) -> None:
        """Whether our own pages take a user's new password. Raises SELF_SERVICE_DISABLED."""
        if not CLOUD_DIRECTORY.read(work, tenant).self_service_enabled:
            raise denied("SELF_SERVICE_DISABLED", "Only an administrator changes passwords here: self-service is off.")

    def check_reset_enabled(self, work: Work, tenant: TenantView) -> None:
        """Whether users may reset passwords. Raises RESET_PASSWORD_DISABLED."""
        if not CLOUD_DIRECTORY.read(work, tenant).reset_password_enabled:
            raise denied("RESET_PASSWORD_DISABLED", "Resetting passwords is switched off for this tenant.")

    def remind(self, store: Store, tenant: TenantView, login: str, field: str, language: str, client_ip: str) -> None:
        """Sends whoever has this name (`field`: email or userName) the mail that helps: to choose a new password, or to
        confirm the address first. Says nothing of whether anybody has it: what was typed is counted as an address is.

        Holds no connection while it counts. Raises TOO_MANY_MESSAGES.
        """
        with store.read() as work:
            user_id = find_by_login(work, tenant.id, login, field)
            user = get_user(work, tenant.id, user_id) if user_id else None
        self._messages.count(tenant.id, user.email if user and user.email else login, client_ip)
        with store.write() as work:
            template = self._helps(work, tenant, user) if user and user.email else ""
            if user and template:
                self._messages.by_template[template](work, tenant, user, language)

    def _helps(self, work: Work, tenant: TenantView, user: UserView) -> str:
        """The mail that helps somebody back in; empty where none does."""
        for template in (RESET_PASSWORD, USER_VERIFICATION):
            try:
                self.may_get(work, tenant, user, template)
                return template
            except DomainError:
                continue
        return ""

    def check_reset(self, work: Work, tenant: TenantView, user: UserView) -> None:
        """Whether the user may reset the password now; raises as `may_get`."""
        self.check_reset_enabled(work, tenant)
        if not user.may_sign_in:
            raise conflict("USER_NOT_VERIFIED", "The user's mail address is not confirmed yet.")
        if not user.active or is_locked(user, self._clock.now_ms()):
            raise denied("USER_LOCKED", "The user is deactivated or locked.")

    def confirm_address(self, work: Work, tenant: TenantView, link: Code, request_id: str) -> None:
        """Uses up a verification link. Raises LINK_USED, and LINK_EXPIRED also when the user has the address no
        longer."""
        now_ms = self._clock.now_ms()
        user = lock_user(work, tenant.id, link.user_id)  # first, like whatever else changes a user: no deadlocks
        use_up(work, link, now_ms)
        if not verify_address(work, tenant.id, user.id, link.address_key, now_ms):
            raise link_failed(EXPIRED)
        self._events.emit(work, address_confirmed(tenant.id, user.id, request_id), tenant)

    def renew_password(
        self, work: Work, tenant: TenantView, link: Code, prepared: PreparedPassword, language: str, ip_address: str,
        request_id: str,
    ) -> None:  # fmt: skip
        """Uses up a reset link for a new password that our own page took. Raises LINK_USED, LINK_EXPIRED and what
        `check_page`, `check_reset` and the password's own rules raise."""
        lock_user(work, tenant.id, link.user_id)
        use_up(work, link, self._clock.now_ms())
        self.check_page(work, tenant)
        user = get_user(work, tenant.id, link.user_id)
        if not user.has_address(link.address_key):  # a link that went to an address which is another's by now
            raise link_failed(EXPIRED)
        self.check_reset(work, tenant, user)
        self._store(work, tenant, prepared, language, ip_address, by_user=True)
        self._events.emit(work, password_renewed(tenant.id, link.user_id, request_id), tenant)

    def set_password(
        self, work: Work, tenant: TenantView, prepared: PreparedPassword, language: str, ip_address: str,
        request_id: str, *, by_user: bool = False,
    ) -> UserView:  # fmt: skip
        """Stores a password that an administrator, or an application in the user's name, has chosen. `by_user`: the
        user itself, who must keep a password as long as the tenant says."""
        self._events.emit(work, password_updated(tenant.id, prepared.user_id, request_id), tenant)
        return self._store(work, tenant, prepared, language, ip_address, by_user=by_user)

    def _store(
        self, work: Work, tenant: TenantView, prepared: PreparedPassword, language: str, ip_address: str, *,
        by_user: bool,
    ) -> UserView:  # fmt: skip
        """Stores a new password and ends what depends on the old one: grants, and other links that would set a
        password."""
        now_ms = self._clock.now_ms()
        self._password_change.store(work, tenant.id, prepared, by_user=by_user)
        end_access_of_user(work, tenant.id, prepared.user_id, now_ms)
        end_codes(work, tenant.id, prepared.user_id, RESET_PASSWORD, now_ms)
        user = get_user(work, tenant.id, prepared.user_id)
        if CLOUD_DIRECTORY.read(work, tenant).sends_password_changed and user.email:
            self._messages.password_changed(work, tenant, user, language, ip_address)
        return user
