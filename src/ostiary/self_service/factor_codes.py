"""Codes that are sent as a second factor, by mail or text message."""

from __future__ import annotations

from ostiary.clock import Clock
from ostiary.delivery.caps import MAIL, SMS, MessageCaps
from ostiary.delivery.channels.sms_channel import text_message
from ostiary.delivery.outbox import Outbox
from ostiary.delivery.texts.templates import MFA_VERIFICATION
from ostiary.directory.users.users import UserView
from ostiary.ids import Entropy
from ostiary.names import email_key
from ostiary.self_service.messages import UserMessages
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

CODE_SECONDS = 900
DIGITS = 6


class FactorCodes:
    """Makes codes and puts them into the outbox."""

    def __init__(
        self, clock: Clock, entropy: Entropy, outbox: Outbox, caps: MessageCaps, messages: UserMessages
    ) -> None:
        self._clock = clock
        self._entropy = entropy
        self._outbox = outbox
        self._caps = caps
        self._messages = messages

    def new(self) -> str:
        """A new code: six digits, which CODE_SECONDS later are good for nothing."""
        return f"{int.from_bytes(self._entropy.token_bytes(8)) % 10**DIGITS:0{DIGITS}}"

    def count_mail(self, tenant_id: str, address: str, client_ip: str) -> None:
        """Counts a mail before it is written, outside any transaction. Raises TOO_MANY_MESSAGES (429)."""
        self._caps.spend(tenant_id, email_key(address), client_ip, channel=MAIL)

    def count_text(self, tenant_id: str, number: str, client_ip: str) -> None:
        """Counts a text message to a number (E.164) likewise."""
        self._caps.spend(tenant_id, number, client_ip, channel=SMS)

    def mail(self, work: Work, tenant: TenantView, user: UserView, code: str, language: str) -> None:
        """Mails a code to the user's primary address."""
        self._messages.second_factor(work, tenant, user, language, code, CODE_SECONDS)

    def text(self, work: Work, tenant: TenantView, number: str, code: str, words: str) -> None:
        """Sends a code to a number. `words` are those of the message; `{code}` in them stands for the code."""
        message = text_message(MFA_VERIFICATION, number, code=code, code_seconds=CODE_SECONDS, words=words)
        self._outbox.add(work, tenant.id, message, self._clock.now_ms())
