"""Messages to directory users: each is a row in the transaction that causes it; links contain one-time codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ostiary.clock import Clock, in_words
from ostiary.delivery.caps import MessageCaps
from ostiary.delivery.channels.mail_channel import mail
from ostiary.delivery.outbox import Outbox
from ostiary.delivery.sender_details import link_seconds
from ostiary.delivery.texts.templates import (
    MFA_VERIFICATION,
    PASSWORD_CHANGED,
    RESET_PASSWORD,
    USER_VERIFICATION,
    WELCOME,
)
from ostiary.directory.users.users import UserView
from ostiary.ids import Entropy
from ostiary.names import email_key
from ostiary.self_service.one_time_codes import new_code
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

Write = Callable[[Work, TenantView, UserView, str], None]
"""Work, tenant, user and language → the message is in the outbox."""


class UserMessages:
    """Messages to users. A message that a user asked for is counted first (`count`), outside the transaction."""

    def __init__(self, clock: Clock, entropy: Entropy, outbox: Outbox, caps: MessageCaps) -> None:
        self._clock = clock
        self._entropy = entropy
        self._outbox = outbox
        self._caps = caps
        self.by_template: Mapping[str, Write] = {
            USER_VERIFICATION: self.verification,
            RESET_PASSWORD: self.reset,
            WELCOME: self.welcome,
            PASSWORD_CHANGED: self.password_changed,
        }

    def count(self, tenant_id: str, address: str, client_ip: str, messages: int = 1) -> None:
        """Raises 429 TOO_MANY_MESSAGES when too many were asked for (`MessageCaps.spend`); call it outside any
        transaction."""
        self._caps.spend(tenant_id, email_key(address), client_ip, messages)

    def verification(self, work: Work, tenant: TenantView, user: UserView, language: str) -> None:
        """Asks the user to confirm the mail address."""
        self._link(work, tenant, user, language, USER_VERIFICATION)

    def reset(self, work: Work, tenant: TenantView, user: UserView, language: str) -> None:
        """Lets the user choose a new password."""
        self._link(work, tenant, user, language, RESET_PASSWORD)

    def welcome(self, work: Work, tenant: TenantView, user: UserView, language: str) -> None:
        """Welcomes a new user."""
        self._mail(work, tenant, user, language, WELCOME)

    def password_changed(
        self, work: Work, tenant: TenantView, user: UserView, language: str, ip_address: str = ""
    ) -> None:
        """Says that the password was changed, and from where."""
        info = {"time": in_words(self._clock.now_ms()), "ipAddress": ip_address}
        self._mail(work, tenant, user, language, PASSWORD_CHANGED, passwordChangeInfo=info)

    def second_factor(
        self, work: Work, tenant: TenantView, user: UserView, language: str, code: str, seconds: int
    ) -> None:
        """Tells the code of a second factor, which is valid for `seconds`."""
        self._mail(work, tenant, user, language, MFA_VERIFICATION, code=code, code_seconds=seconds)

    def _link(self, work: Work, tenant: TenantView, user: UserView, language: str, template: str) -> None:
        seconds = link_seconds(work, tenant)
        code = new_code(
            work, tenant.id, user.id, template, self._entropy, self._clock.now_ms(), seconds,
            address_key=email_key(user.email),
        )  # fmt: skip
        self._mail(work, tenant, user, language, template, code=code, code_seconds=seconds)

    def _mail(
        self, work: Work, tenant: TenantView, user: UserView, language: str, template: str, *,
        code: str = "", **facts: Any,
    ) -> None:  # fmt: skip
        lasting = {"code_seconds": facts.pop("code_seconds")} if code else {}
        message = mail(template, user.email, language, {"user": shown_user(user), **facts}, code=code, **lasting)
        self._outbox.add(work, tenant.id, message, self._clock.now_ms())


def shown_user(user: UserView) -> dict[str, str]:
    """The user's part of the placeholders of message templates, by their names."""
    return {
        "id": user.id, "displayName": user.display_name, "email": user.email, "username": user.user_name,
        "firstName": user.given_name, "lastName": user.family_name, "formattedName": user.formatted_name,
    }  # fmt: skip
