"""Channels: what waits in the outbox leaves by the channel that it names, and each keeps its own failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import pytest
from kit.servers.installation import ENTROPY, Installation
from kit.servers.web import Site, site

from ostiary.delivery.channels.channel import QueuedMessage, Receipt
from ostiary.delivery.channels.http_providers import posted
from ostiary.delivery.delivery import Delivery
from ostiary.delivery.outbox import PAUSES_S, NewMessage, Outbox
from ostiary.outgoing.client import Outgoing
from ostiary.store.tables import Message, table_of
from ostiary.store.tenancy import TenantView


class Hook:
    """A channel as others may be added: it posts the payload to the target, and each host is a provider of its own."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    def provider(self, target: str) -> str:
        return urlsplit(target).netloc

    def deliver(self, tenant: TenantView, message: QueuedMessage) -> Receipt:
        body = {"id": message.id, "tenant": tenant.id, "code": message.code, **message.payload}
        return posted(self._outgoing, message.target, {}, json.dumps(body).encode())


class Hooks:
    """An outbox with that channel, and two servers: one takes what it gets, the other one refuses."""

    def __init__(self, made: Installation, takes: Site, refuses: Site) -> None:
        self.made, self.takes, self.refuses = made, takes, refuses
        runtime = made.runtime
        self.channels = {"hook": Hook(runtime.outgoing)}
        self.delivery = Delivery(runtime.store, runtime.tenancy, made.clock, runtime.sealing, self.channels)

    def write(self, target: Site, path: str = "/a", *, channel: str = "hook", **facts: object) -> None:
        new = NewMessage(channel, "user.created", f"{target.url}{path}", {"user": "u1"}, **facts)  # type: ignore[arg-type]
        runtime = self.made.runtime
        with runtime.store.write() as work:
            Outbox(runtime.sealing, ENTROPY).add(work, self.made.tenant_id, new, self.made.clock.now_ms())

    def rows(self) -> list[Message]:
        outbox = table_of(Message)
        with self.made.runtime.store.read() as work:
            rows = work.rows(outbox.select().order_by(outbox.c.target))
        return [Message(**row._asdict()) for row in rows]


@pytest.fixture
def hooks(installation: Installation) -> Iterator[Hooks]:
    def answer(status: int, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-length", "0")
        handler.end_headers()

    with site(lambda asked: answer(204, asked)) as takes, site(lambda asked: answer(503, asked)) as refuses:
        made = installation.with_settings(outgoing_allow="127.0.0.0/8")
        yield Hooks(made, takes, refuses)
        made.runtime.close()


def test_a_message_leaves_by_the_channel_it_names_and_nothing_of_it_stays(hooks: Hooks) -> None:
    hooks.write(hooks.takes, code="c0de")
    (row,) = hooks.rows()
    assert (row.channel, "c0de" in repr(row)) == ("hook", False)
    assert hooks.delivery.send_due() == 1
    (asked,) = hooks.takes.received
    assert json.loads(asked.body) == {
        "id": row.id, "tenant": hooks.made.tenant_id, "code": "c0de", "kind": "user.created", "user": "u1",
    }  # fmt: skip
    (row,) = hooks.rows()
    assert (row.state, row.target, row.payload, row.sealed_code) == ("sent", "", "{}", "")


def test_a_provider_that_fails_keeps_only_its_own_messages_waiting(hooks: Hooks) -> None:
    for target in (hooks.refuses, hooks.refuses, hooks.takes, hooks.takes):
        hooks.write(target)
    assert hooks.delivery.send_due() == 4
    assert (len(hooks.refuses.received), len(hooks.takes.received)) == (1, 2)
    assert sorted(row.state for row in hooks.rows()) == ["sent", "sent", "waiting", "waiting"]


@pytest.mark.parametrize(("patience_s", "state"), [(PAUSES_S[0], "failed"), (PAUSES_S[0] + 1, "waiting")])
def test_each_message_has_a_patience_of_its_own(hooks: Hooks, patience_s: int, state: str) -> None:
    hooks.write(hooks.refuses, patience_s=patience_s)
    hooks.delivery.send_due()
    assert [row.state for row in hooks.rows()] == [state]


def test_a_channel_that_this_version_does_not_know_waits_for_one_that_does(hooks: Hooks) -> None:
    hooks.write(hooks.takes, channel="carrier_pigeon")
    hooks.write(hooks.takes)
    assert hooks.delivery.send_due() == 2
    assert sorted(row.state for row in hooks.rows()) == ["sent", "waiting"]
    hooks.channels["carrier_pigeon"] = hooks.channels["hook"]
    hooks.made.clock.advance(PAUSES_S[0])
    assert hooks.delivery.send_due() == 1
    assert [row.state for row in hooks.rows()] == ["sent", "sent"]
