"""What delivery tests need: an installation that sends to servers of the test, and messages in its outbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from google.protobuf import json_format
from kit.servers.installation import Installation
from kit.servers.smtp import Mailboxes, mailboxes
from kit.servers.web import Site, site
from sqlalchemy import select

from ostiary.delivery.channels.email_dispatcher import EMAIL_DISPATCHER
from ostiary.delivery.channels.mail_channel import mail
from ostiary.delivery.outbox import Outbox
from ostiary.delivery.texts.templates import WELCOME
from ostiary.ids import SystemEntropy
from ostiary.store.tables import Message, table_of
from ostiary_api.appid.management.v4 import email_dispatcher_pb2 as pb

JANE = {"displayName": "Jane Doe", "email": "jane@example.com", "username": "jane", "firstName": "Jane"}


@dataclass
class Answers:
    """What the HTTP server says; by default that it took the message."""

    status: int = 202
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        handler.send_response(self.status)
        for name, value in {"content-length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


@dataclass
class Post:
    """An installation whose mail goes to `smtp`, and whose tenants' dispatchers are at `web`."""

    made: Installation
    smtp: Mailboxes
    web: Site
    answers: Answers

    @property
    def tenant_id(self) -> str:
        """The tenant that writes."""
        return self.made.tenant_id

    def write(self, template: str = WELCOME, to: str = "jane@example.com", **facts: Any) -> None:
        """Puts a mail into the outbox."""
        runtime, now_ms = self.made.runtime, self.made.clock.now_ms()
        values = {"user": {**JANE, **facts.pop("user", {})}, **facts.pop("payload", {})}
        tenant_id, language = facts.pop("tenant_id", self.tenant_id), facts.pop("language", "en")
        message = mail(template, to, language, values, **facts)
        with runtime.store.write() as work:
            Outbox(runtime.sealing, SystemEntropy()).add(work, tenant_id, message, now_ms)

    def dispatch_by(self, document: dict[str, Any], tenant_id: str = "") -> None:
        """Sets the tenant's dispatcher."""
        runtime = self.made.runtime
        config = json_format.ParseDict(document, pb.EmailDispatcherConfig())
        with runtime.store.write() as work:
            EMAIL_DISPATCHER.replace_sealed(
                work, runtime.sealing, SystemEntropy(), tenant_id or self.tenant_id, config, 1
            )  # fmt: skip

    def custom(self, **authorization: str) -> None:
        """Sends by an endpoint of the tenant's own."""
        custom = {"url": f"{self.web.url}/send", "authorization": authorization or {"type": "none"}}
        self.dispatch_by({"provider": "custom", "custom": custom})

    def send(self) -> int:
        """One turn of the background task."""
        return self.made.runtime.messages.delivery.send_due()

    def rows(self) -> list[Message]:
        """The outbox, oldest first."""
        outbox = table_of(Message)
        with self.made.runtime.store.read() as work:
            rows = work.rows(select(outbox).order_by(outbox.c.created_at, outbox.c.id))
        return [Message(**row._asdict()) for row in rows]

    def states(self) -> list[str]:
        """The state of each message."""
        return [row.state for row in self.rows()]


@contextmanager
def post_of(installation: Installation) -> Iterator[Post]:
    """The installation with servers around it."""
    answers = Answers()
    with mailboxes() as smtp, site(answers.serve) as web:
        made = installation.with_settings(
            smtp_url=smtp.url, outgoing_allow="127.0.0.0/8", sendgrid_url=web.url, vonage_url=web.url,
            public_url="https://id.example.com", trusted_hops=1,
        )  # fmt: skip
        try:
            yield Post(made, smtp, web, answers)
        finally:
            made.runtime.close()
