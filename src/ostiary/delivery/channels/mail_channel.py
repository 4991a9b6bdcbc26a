"""Mail as a channel: a template in the reader's language, sent by the provider that the tenant has chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ostiary.clock import Clock
from ostiary.config import Settings
from ostiary.delivery.addresses import Mailbox, mailbox
from ostiary.delivery.channels.channel import QueuedMessage, Receipt
from ostiary.delivery.channels.email_dispatcher import CUSTOM, EMAIL_DISPATCHER, SENDGRID, MailService
from ostiary.delivery.channels.http_providers import CustomDispatcher, SendGrid, Sign
from ostiary.delivery.channels.mail import Mail, MailProvider
from ostiary.delivery.outbox import PATIENCE_S, NewMessage
from ostiary.delivery.sender_details import Envelope, find_envelope
from ostiary.delivery.texts.placeholders import branding_of, code_link, placeholders
from ostiary.delivery.texts.rendering import Content, render
from ostiary.delivery.texts.templates import template_in_use
from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import Sealing
from ostiary.outgoing.client import Outgoing
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView

EMAIL = "email"
TRIAL = Content(
    "Test message", "", "This message was sent to test the settings of your mail provider. They work.\n"
)  # fmt: skip


def mail(
    template: str, recipient: str, language: str, values: Mapping[str, Any], *, code: str = "",
    code_seconds: int = PATIENCE_S,
) -> NewMessage:  # fmt: skip
    """A mail for the outbox. `values` fill the template: data, never text that is pasted together. `code` is a one-time
    code that it carries, valid for `code_seconds`."""
    payload = {"language": language, "values": dict(values)}
    return NewMessage(EMAIL, template, recipient, payload, code, code_seconds)


class MailChannel:
    """Sends mails: SendGrid, the tenant's own endpoint, or the operator's mail server."""

    def __init__(
        self, store: Store, clock: Clock, entropy: Entropy, sealing: Sealing, outgoing: Outgoing,
        operators: MailProvider, sign: Sign, issuer: Callable[[str], str], settings: Settings,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._outgoing = outgoing
        self._operators = operators
        self._sign = sign
        self._issuer = issuer
        self._public_url = settings.base_url
        self._operators_address = settings.mail_sender
        self._sendgrid_url = settings.sendgrid_url

    def provider(self, target: str) -> str:
        """A tenant has one provider for all its mails."""
        return ""

    def deliver(self, tenant: TenantView, message: QueuedMessage) -> Receipt:
        """Renders and hands over one mail."""
        recipient = mailbox("recipient", message.target)
        service, envelope = self.stored(tenant)
        content = self._content(tenant, message)
        mail = Mail(message.id, tenant.id, recipient, envelope, content, self._clock.now_ms())
        return self._provider(tenant.id, service).send(mail)

    def try_out(self, tenant_id: str, service: MailService, envelope: Envelope, recipient: Mailbox) -> Receipt:
        """Sends a test mail with these settings, now; what the provider answered. Call it outside any transaction."""
        mail = Mail(new_id(self._entropy), tenant_id, recipient, envelope, TRIAL, self._clock.now_ms())
        return self._provider(tenant_id, service).send(mail)

    def stored(self, tenant: TenantView) -> tuple[MailService, Envelope]:
        """The stored settings of a tenant, with their secrets."""
        with self._store.read() as work:
            envelope = find_envelope(work, tenant, self._operators_address)
            return EMAIL_DISPATCHER.opened(work, self._sealing, tenant.id), envelope

    def _content(self, tenant: TenantView, message: QueuedMessage) -> Content:
        template, language = message.payload["kind"], message.payload["language"]
        with self._store.read() as work:
            branding = branding_of(work, tenant, self._public_url)
            text = template_in_use(work, tenant.id, template, language)
        link = code_link(self._public_url, message.code, language)
        values = placeholders(
            template, message.payload["values"], branding, message.code, message.patience_s, link
        )  # fmt: skip
        return render(text, values)

    def _provider(self, tenant_id: str, service: MailService) -> MailProvider:
        if service.provider == SENDGRID:
            return SendGrid(self._outgoing, self._sendgrid_url, service.sendgrid_key)
        if service.provider == CUSTOM:
            url, authorization = service.custom_url, service.custom_authorization
            return CustomDispatcher(self._outgoing, url, authorization, self._issuer(tenant_id), self._sign)
        return self._operators
