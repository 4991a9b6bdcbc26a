"""Setting of the sender of a tenant's mails, and of the lifetime of their links."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.delivery.addresses import Mailbox, mailbox
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.appid.management.v4 import sender_details_pb2 as pb

LINK_SECONDS = 86_400
NAME = "no-reply"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The addresses of a mail besides its recipient."""

    sender: Mailbox
    reply_to: Mailbox | None = None
    cc: Mailbox | None = None
    bcc: Mailbox | None = None


@dataclass(frozen=True, slots=True)
class SenderDetails:
    """The addresses of a tenant's mails, None where it has set none; and for how long a link that is sent now can be
    followed, in seconds."""

    envelope: Envelope | None
    link_s: int


def check_sender_details(config: pb.SenderDetailsConfig) -> None:
    """Refuses what is no address; fills in the lifetime of links."""
    details = config.sender_details
    envelope_of(config)
    if not details.HasField("link_expiration_sec"):
        details.link_expiration_sec = LINK_SECONDS


def find_envelope(work: Work, tenant: TenantView, operators: str) -> Envelope:
    """The tenant's addresses; where it has set none, the operator's address `operators`. Raises INVALID_EMAIL."""
    return SENDER_DETAILS.read(work, tenant).envelope or Envelope(mailbox("senderDetails.from", operators, NAME))


def link_seconds(work: Work, tenant: TenantView) -> int:
    """Returns for how long a link that is sent now can be followed."""
    return SENDER_DETAILS.read(work, tenant).link_s


def envelope_of(config: pb.SenderDetailsConfig) -> Envelope:
    """The addresses of a document; a part without an email is none. Raises INVALID_EMAIL, INVALID_NAME."""
    details = config.sender_details
    sender = mailbox("senderDetails.from", details.sender.email, details.sender.name)
    parts = {
        name: mailbox(f"senderDetails.{name}", part.email, part.name) if part.email else None
        for name, part in (("reply_to", details.reply_to), ("cc", details.cc), ("bcc", details.bcc))
    }
    return Envelope(sender, **parts)


def _decoded(config: pb.SenderDetailsConfig) -> SenderDetails:
    details = config.sender_details
    return SenderDetails(envelope_of(config) if details.sender.email else None, details.link_expiration_sec)


SENDER_DETAILS = Setting(
    "sender_details",
    pb.SenderDetailsConfig(sender_details=pb.SenderDetails(link_expiration_sec=LINK_SECONDS)),
    check_sender_details,
    _decoded,
)
