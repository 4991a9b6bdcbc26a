"""Delivery of messages, through the service that a tenant has chosen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Row

from ostiary.clock import Clock
from ostiary.config import Settings
from ostiary.delivery.addresses import Mailbox, as_line, mailbox
from ostiary.delivery.channels.email_dispatcher import CUSTOM, EMAIL_DISPATCHER, SENDGRID, MailService
from ostiary.delivery.channels.http_providers import CustomDispatcher, SendGrid, Sign
from ostiary.delivery.channels.mail import NO_ANSWER, Mail, MailProvider, Receipt
from ostiary.delivery.channels.sms import SmsAccount, TextMessage, Vonage, code_text
from ostiary.delivery.outbox import SMS, claim, code_place, finish, give_back, postpone
from ostiary.delivery.sender_details import Envelope, find_envelope
from ostiary.delivery.texts.placeholders import branding_of, code_link, placeholders
from ostiary.delivery.texts.rendering import Content, render
from ostiary.delivery.texts.templates import template_in_use
from ostiary.errors import DomainError, Kind, invalid
from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import Sealing
from ostiary.outgoing.client import Outgoing
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work

THREADS = 8
"""Tenants that are served at once in one process."""
MARKING_S = (0.1, 0.5, 2.0, 5.0)
"""Pauses between attempts to note that a message was taken: what is not noted is sent again."""
TRIAL = Content(
    "Test message", "", "This message was sent to test the settings of your mail provider. They work.\n"
)  # fmt: skip
MAX_SAID = 500
"""Characters of what a provider said that are passed on."""
SmsAccounts = Callable[[Work, str], SmsAccount | None]
"""The account of a tenant for text messages, if it has one."""
_log = structlog.get_logger("ostiary.delivery")


def _seconds_of_code(message: Row[Any]) -> int:
    """Returns the lifetime of the message's code in seconds: that long the message is worth sending."""
    return int(message.give_up_at - message.created_at) // 1000


def _provider_of(message: Row[Any]) -> tuple[str, str]:
    """Messages that one provider gets: when it fails, the others of the same tenant are not its fault."""
    return message.tenant_id, message.channel


def _failed(error: Exception) -> Receipt:
    """Returns the receipt for an error of ours, final if the message itself is the reason: its address, or a text that
    no mail can contain."""
    is_final = isinstance(error, ValueError) or (isinstance(error, DomainError) and error.kind is Kind.INVALID)
    return Receipt(NO_ANSWER, is_final=is_final)


class Delivery:
    """Sends what waits in the outbox, and tries settings out."""

    def __init__(
        self, store: Store, tenancy: Tenancy, clock: Clock, entropy: Entropy, sealing: Sealing, outgoing: Outgoing,
        operators: MailProvider, sms_account: SmsAccounts, sign: Sign, issuer: Callable[[str], str], settings: Settings,
    ) -> None:  # fmt: skip
        self._store = store
        self._tenancy = tenancy
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._outgoing = outgoing
        self._operators = operators
        self._sms_account = sms_account
        self._sign = sign
        self._issuer = issuer
        self._public_url = settings.base_url
        self._operators_address = settings.mail_sender
        self._sendgrid_url = settings.sendgrid_url
        self._vonage_url = settings.vonage_url

    def send_due(self) -> int:
        """Sends the messages that are due, in one turn; returns how many were tried or given back. Safe in any number
        of processes."""
        claimed = sorted(claim(self._store, self._clock.now_ms()), key=_provider_of)
        groups = [list(messages) for _, messages in groupby(claimed, key=_provider_of)]
        if groups:
            with ThreadPoolExecutor(min(THREADS, len(groups)), "delivery") as threads:
                for _ in threads.map(self._send_all, groups):
                    pass
        return len(claimed)

    def try_out(self, tenant_id: str, service: MailService, envelope: Envelope, recipient: Mailbox) -> Receipt:
        """Sends a test mail with these settings, now; what the provider answered. Call it outside any transaction."""
        mail = Mail(new_id(self._entropy), tenant_id, recipient, envelope, TRIAL, self._clock.now_ms())
        return self._provider(tenant_id, service).send(mail)

    def try_out_sms(self, account: SmsAccount, number: str) -> int:
        """Sends a code of six digits with this account, now; the code. Raises SMS_NOT_SENT."""
        code = 100_000 + int.from_bytes(self._entropy.token_bytes(8)) % 900_000  # a number, so without leading zeros
        message = TextMessage(new_id(self._entropy), number, code_text(str(code)))
        receipt = Vonage(self._outgoing, self._vonage_url, account).send(message)
        if not receipt.taken:
            said = as_line(receipt.body.decode("utf-8", "replace"))[:MAX_SAID]
            raise invalid("SMS_NOT_SENT", f"The message was not sent. The SMS provider answered: {said}")
        return code

    def stored_account(self, tenant_id: str) -> SmsAccount:
        """The stored account for text messages. Raises SMS_NOT_CONFIGURED."""
        with self._store.read() as work:
            self._living(work, tenant_id)
            account = self._sms_account(work, tenant_id)
        if account is None:
            message = "Give key, secret and from of the SMS channel first (mfa/channels/nexmo)."
            raise invalid("SMS_NOT_CONFIGURED", message)
        return account

    def stored(self, tenant_id: str) -> tuple[MailService, Envelope]:
        """The stored settings of a tenant, with their secrets. Raises LookupError when there is no such tenant."""
        with self._store.read() as work:
            tenant = self._living(work, tenant_id)
            envelope = find_envelope(work, tenant, self._operators_address)
            return EMAIL_DISPATCHER.opened(work, self._sealing, tenant_id), envelope

    def _living(self, work: Work, tenant_id: str) -> TenantView:
        tenant = self._tenancy.find(work, tenant_id)
        if tenant is None or not tenant.enabled:
            raise LookupError(f"the tenant {tenant_id} is disabled or gone")
        return tenant

    def _send_all(self, messages: Sequence[Row[Any]]) -> None:
        """The messages of one tenant and channel, one by one; when the provider fails, the rest are not even tried."""
        for place, message in enumerate(messages):
            if not self._send(message):
                give_back(self._store, messages[place + 1 :], self._clock.now_ms())
                return

    def _send(self, message: Row[Any]) -> bool:
        """Whether there is sense in trying another message of the same tenant now."""
        try:
            receipt = self._hand_over(message)
        except Exception as error:  # noqa: BLE001 - one message must not keep the others
            receipt = _failed(error)
            _log.error("message not sent", message=message.id, tenant=message.tenant_id, exc_info=True)
        if receipt.taken or receipt.is_final:
            self._note(lambda: finish(self._store, message, self._clock.now_ms(), sent=receipt.taken))
        else:
            self._note(lambda: postpone(self._store, message, self._clock.now_ms()))
        _log.info(
            "message", message=message.id, tenant=message.tenant_id, template=message.template, status=receipt.status,
            attempt=message.attempts + 1,
        )  # fmt: skip
        return receipt.taken or receipt.is_final

    def _hand_over(self, message: Row[Any]) -> Receipt:
        if message.channel == SMS:
            text = TextMessage(message.id, message.recipient, code_text(self._code(message)))
            return Vonage(self._outgoing, self._vonage_url, self.stored_account(message.tenant_id)).send(text)
        service, envelope = self.stored(message.tenant_id)
        mail = Mail(
            message.id, message.tenant_id, mailbox("recipient", message.recipient), envelope,
            self._content(message), self._clock.now_ms(),
        )  # fmt: skip
        return self._provider(message.tenant_id, service).send(mail)

    def _code(self, message: Row[Any]) -> str:
        """The one-time code that the message carries, if any."""
        place = code_place(message.tenant_id, message.id)
        return self._sealing.open(message.sealed_code, place).decode() if message.sealed_code else ""

    def _content(self, message: Row[Any]) -> Content:
        code = self._code(message)
        with self._store.read() as work:
            branding = branding_of(work, self._living(work, message.tenant_id), self._public_url)
            template = template_in_use(work, message.tenant_id, message.template, message.language)
        link, seconds = code_link(self._public_url, code, message.language), _seconds_of_code(message)
        values = placeholders(message.template, json.loads(message.payload), branding, code, seconds, link)
        return render(template, values)

    def _provider(self, tenant_id: str, service: MailService) -> MailProvider:
        if service.provider == SENDGRID:
            return SendGrid(self._outgoing, self._sendgrid_url, service.sendgrid_key)
        if service.provider == CUSTOM:
            url, authorization = service.custom_url, service.custom_authorization
            return CustomDispatcher(self._outgoing, url, authorization, self._issuer(tenant_id), self._sign)
        return self._operators

    def _note(self, write: Callable[[], object]) -> None:
        """Notes an outcome; tries again when the database is away for a moment."""
        for pause_s in (*MARKING_S, None):
            try:
                write()
                return
            except DomainError:
                if pause_s is None:
                    raise
                time.sleep(pause_s)
