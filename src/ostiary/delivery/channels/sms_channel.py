"""Text messages as a channel: a one-time code, sent by the account of the tenant."""

from __future__ import annotations

from collections.abc import Callable

from ostiary.delivery.addresses import as_line
from ostiary.delivery.channels.channel import QueuedMessage, Receipt
from ostiary.delivery.channels.sms import CODE_WORDS, SmsAccount, TextMessage, Vonage, code_text
from ostiary.delivery.outbox import NewMessage
from ostiary.errors import invalid
from ostiary.ids import Entropy, new_id
from ostiary.outgoing.client import Outgoing
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

SMS = "sms"
MAX_SAID = 500
"""Characters of what a provider said that are passed on."""
SmsAccounts = Callable[[Work, str], SmsAccount | None]
"""The account of a tenant for text messages, if it has one."""


def text_message(
    template: str, number: str, *, code: str, code_seconds: int, words: str = CODE_WORDS
) -> NewMessage:  # fmt: skip
    """A text message for the outbox, to a number (E.164), that carries a one-time `code`, valid for `code_seconds`, in
    place of `{code}` in the `words`."""
    return NewMessage(SMS, template, number, {"words": words}, code, code_seconds)


class SmsChannel:
    """Sends text messages by Vonage."""

    def __init__(
        self, store: Store, entropy: Entropy, outgoing: Outgoing, account: SmsAccounts, base_url: str
    ) -> None:  # fmt: skip
        self._store = store
        self._entropy = entropy
        self._outgoing = outgoing
        self._account = account
        self._base_url = base_url

    def provider(self, target: str) -> str:
        """A tenant has one account for all its text messages."""
        return ""

    def deliver(self, tenant: TenantView, message: QueuedMessage) -> Receipt:
        """Hands over one message. Raises SMS_NOT_CONFIGURED."""
        text = TextMessage(message.id, message.target, code_text(message.code, message.payload["words"]))
        return self._vonage(self.stored_account(tenant.id)).send(text)

    def try_out(self, account: SmsAccount, number: str) -> int:
        """Sends a code of six digits with this account, now; the code. Raises SMS_NOT_SENT."""
        code = 100_000 + int.from_bytes(self._entropy.token_bytes(8)) % 900_000  # a number, so without leading zeros
        receipt = self._vonage(account).send(TextMessage(new_id(self._entropy), number, code_text(str(code))))
        if not receipt.taken:
            said = as_line(receipt.body.decode("utf-8", "replace"))[:MAX_SAID]
            raise invalid("SMS_NOT_SENT", f"The message was not sent. The SMS provider answered: {said}")
        return code

    def stored_account(self, tenant_id: str) -> SmsAccount:
        """The stored account of a tenant. Raises SMS_NOT_CONFIGURED."""
        with self._store.read() as work:
            account = self._account(work, tenant_id)
        if account is None:
            message = "Give key, secret and from of the SMS channel first (mfa/channels/nexmo)."
            raise invalid("SMS_NOT_CONFIGURED", message)
        return account

    def _vonage(self, account: SmsAccount) -> Vonage:
        return Vonage(self._outgoing, self._base_url, account)
