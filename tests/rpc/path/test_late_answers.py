"""Tokens that no thread waits for: however many wait, others are answered; and each ends as any request does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from kit.audited import audited
from kit.callers import refusal, serving
from kit.oauth import Application, Runtime, body
from kit.patience import PATIENCE_S, awaited
from kit.servers.databases import refuse_records, take_records
from kit.servers.installation import Installation
from prometheus_client import REGISTRY
from sqlalchemy import text

from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.audit.runtime_events import application_authenticated
from ostiary.keys.signing import Signer
from ostiary.oauth.token import signing_thread
from ostiary.transport import late_answers
from ostiary_api.appid.management.v4 import runtime_activity_pb2 as activity_pb
from ostiary_api.appid.oauth.v4 import token_pb2, token_pb2_grpc

THREADS = 8
ISSUE = "/identity.appid.oauth.v4.TokenService/IssueToken"
ENDS = ("OK", "CANCELLED")
REST = (("x-envoy-original-path", "/oauth/v4/t/token"),)


class Tokens:
    """Token requests of an application that are on their way."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.app: Application = runtime.application()
        self._stub = token_pb2_grpc.TokenServiceStub(runtime.caller.channel)

    def ask(self, seconds: float = PATIENCE_S, metadata: Any = ()) -> Any:
        """The call, begun."""
        form = body({"grant_type": "client_credentials"})
        request = token_pb2.IssueTokenRequest(tenant_id=self.app.tenant_id, form=form)
        headers = (("authorization", self.app.basic), *metadata)
        return self._stub.IssueToken.future(request, metadata=headers, timeout=seconds)

    def capture(self) -> None:
        """From now on each token is an event in the ledger."""
        made = self.runtime.made
        with made.runtime.store.write() as work:
            wanted = activity_pb.RuntimeActivityConfig(is_active=True)
            CAPTURE_RUNTIME_ACTIVITY.replace(work, self.app.tenant_id, wanted, made.clock.now_ms())

    def events(self) -> int:
        """The number of these events."""
        made = self.runtime.made
        told = application_authenticated(self.app.tenant_id, self.app.id, "").action
        return sum(row.action == told for row in audited(made))


@pytest.fixture
def tokens(installation: Installation) -> Iterator[Tokens]:
    with serving(installation.with_settings(threads=THREADS, hash_queue=4)) as caller:
        yield Tokens(Runtime(caller))


@contextmanager
def held(tokens: Tokens) -> Iterator[None]:
    """While nothing can be signed, since a signature is under way."""
    group_commit = tokens.runtime.made.runtime.group_commit
    begun, hold = threading.Event(), threading.Event()

    def slow(signed: bytes) -> bytes:
        begun.set()
        hold.wait(PATIENCE_S)
        return signed

    first = group_commit.sign_later(Signer("slow", slow), [b"x"], 1)
    assert begun.wait(PATIENCE_S)
    try:
        yield
    finally:
        hold.set()
        assert first.awaited() == [b"x"]


def ended(outcome: str) -> float:
    """How often token requests ended so, by what operators are told."""
    named = {"method": ISSUE, "outcome": outcome}
    return REGISTRY.get_sample_value("ostiary_requests_total", named) or 0


def test_the_installed_grpc_is_one_whose_parts_are_known() -> None:
    assert late_answers.is_known(), "read what its _server.py does now, run this file, then name it in KNOWN"


@pytest.mark.parametrize(("captured", "waiting"), [(False, 4 * THREADS), (True, THREADS // 2)])
def test_however_many_wait_others_are_answered(tokens: Tokens, captured: bool, waiting: int) -> None:
    """Of those who wait for the ledger, half as many as there are threads may, while nothing moves."""
    if captured:
        tokens.capture()
    first = json.loads(tokens.ask().result().data)["access_token"]
    before = tokens.events()
    well, gone_before = (ended(each) for each in ENDS)
    with held(tokens):
        calls = [tokens.ask() for _ in range(waiting)]
        group_commit = tokens.runtime.made.runtime.group_commit
        awaited(lambda: group_commit.waiting >= waiting)
        tokens.runtime.verified(first)  # asks for the public keys
        calls[0].cancel()
        assert not any(call.done() for call in calls[1:])
    for call in calls[1:]:
        tokens.runtime.verified(json.loads(call.result().data)["access_token"])
    awaited(lambda: sum(map(ended, ENDS)) == well + gone_before + waiting)
    answered = ended("OK") - well
    assert answered >= waiting - 1, "that one has gone may have been noticed too late"
    assert tokens.events() == before + captured * answered, "who has gone leaves no event"


def test_what_fails_late_is_refused_in_the_dialect(tokens: Tokens) -> None:
    tokens.capture()
    tokens.ask().result()
    store = tokens.runtime.made.runtime.store
    refuse_records(store)
    native, rest = tokens.ask(), tokens.ask(metadata=REST)
    assert refusal(native.result)[0] is rest.code() is grpc.StatusCode.INTERNAL
    take_records(store)
    told = dict(rest.trailing_metadata())
    assert (told["x-http-status"], json.loads(told["x-http-error"])["error"]) == ("500", "server_error")
    assert native.details().startswith("Internal error. Request id: ")


def test_a_ledger_that_stands_still_is_told_as_busy(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.capture()
    tokens.ask().result()
    store = tokens.runtime.made.runtime.store
    monkeypatch.setattr(signing_thread, "OVERDUE_S", 0.05)
    with store.write() as work:
        if not store.is_sqlite:
            work.run(text("LOCK TABLE audit_events"))
        assert refusal(tokens.ask().result) == (grpc.StatusCode.UNAVAILABLE, "LEDGER_BUSY")
    monkeypatch.undo()
    tokens.ask().result()


def test_with_another_grpc_each_answer_is_waited_for(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_answers, "KNOWN", ("0.",))
    with serving(installation.with_settings(threads=THREADS, hash_queue=4)) as caller:
        tokens = Tokens(Runtime(caller))
        tokens.ask().result()  # makes the tenant's keys
        for call in [tokens.ask() for _ in range(2 * THREADS)]:
            tokens.runtime.verified(json.loads(call.result().data)["access_token"])


def test_a_call_without_a_message_is_refused(tokens: Tokens) -> None:
    call = tokens.runtime.caller.channel.stream_unary(ISSUE)
    with pytest.raises(grpc.RpcError) as refused:
        call(iter(()), timeout=PATIENCE_S)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    tokens.ask().result()
