"""A mail that is ready to be sent, and who sends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Protocol

from ostiary.delivery.addresses import Mailbox
from ostiary.delivery.channels.channel import Receipt
from ostiary.delivery.sender_details import Envelope
from ostiary.delivery.texts.rendering import Content


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person. `id` is the same at every attempt, so that who gets it twice can tell."""

    id: str
    tenant_id: str
    recipient: Mailbox
    envelope: Envelope
    content: Content
    sent_at: int


class MailProvider(Protocol):
    """A service that accepts mails. It must not raise for errors of the other side: the receipt reports them."""

    def send(self, mail: Mail) -> Receipt:
        """Hands over one mail."""
        ...


def mime_message(mail: Mail, host: str) -> EmailMessage:
    """Returns the mail in MIME (RFC 5322, RFC 2046 §5.1.4): plain text first, then HTML. Bcc is not in its headers."""
    message = EmailMessage(policy=SMTP)
    message["From"] = mail.envelope.sender.header()
    message["To"] = mail.recipient.header()
    for name, mailbox in (("Reply-To", mail.envelope.reply_to), ("Cc", mail.envelope.cc)):
        if mailbox is not None:
            message[name] = mailbox.header()
    message["Subject"] = mail.content.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.sent_at / 1000, UTC))
    message["Message-ID"] = f"<{mail.id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice shall answer it
    message.set_content(mail.content.text, cte="quoted-printable")
    if mail.content.html:
        message.add_alternative(mail.content.html, subtype="html", cte="quoted-printable")
    return message
