"""A real SMTP server that keeps what it gets, and refuses what a test wants refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from kit.servers.ports import free_port


@dataclass
class Delivered:
    """One mail as the server got it."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    def part(self, subtype: str) -> str:
        """The text of a part: plain or html."""
        found = self.message.get_body((subtype,))
        assert found is not None, f"no {subtype} part"
        return str(found.get_content())


@dataclass
class Mailboxes:
    """A running server. `refusals` are answers to recipients, `answer` the one to whole messages; empty takes them."""

    port: int
    delivered: list[Delivered] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    answer: str = ""

    @property
    def url(self) -> str:
        """As the operator writes it."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer:
            return self.answer
        message = BytesParser(policy=default).parsebytes(envelope.content)
        self.delivered.append(Delivered(envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 OK"


@contextmanager
def mailboxes() -> Iterator[Mailboxes]:
    """Serves on a free port of loopback until the block ends."""
    made = Mailboxes(free_port())
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
