"""Who does not answer is left alone for a while."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest
from kit.servers.ports import free_port
from kit.servers.web import answering, site

from ostiary.outgoing.breaker import FAILURES, PAUSE_S
from ostiary.outgoing.client import Caps, HttpResponse, Outgoing
from ostiary.outgoing.targets import CallFailed

LOOPBACK = ["127.0.0.1/32"]
HANG_S = 0.5
PATIENT, QUICK = Caps(), Caps(connect_seconds=0.2, total_seconds=0.2)


class Time:
    """A monotonic clock that can be moved forward; it runs on by itself."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def outcome(outgoing: Outgoing, url: str, caps: Caps = PATIENT) -> str:
    try:
        return str(outgoing.call("POST", url, caps=caps).status)
    except CallFailed as failed:
        return failed.reason


class Moody:
    """A server that answers or hangs."""

    def __init__(self) -> None:
        self.answers = False
        self.asked = 0

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        if self.answers:
            answering(204)(handler)
        else:
            threading.Event().wait(HANG_S)


@pytest.fixture
def clock() -> Time:
    return Time()


def test_who_hangs_is_left_alone_and_asked_again_by_one_after_a_pause(clock: Time) -> None:
    moody, outgoing = Moody(), Outgoing(LOOPBACK, monotonic=clock)
    with site(moody.serve) as made:
        assert [outcome(outgoing, made.url, QUICK) for _ in range(FAILURES)] == ["OUTGOING_TIMEOUT"] * FAILURES
        begun = time.monotonic()
        assert [outcome(outgoing, made.url) for _ in range(50)] == ["OUTGOING_SUSPENDED"] * 50
        assert time.monotonic() - begun < 50 * HANG_S / 2, "nobody waited"
        assert moody.asked <= FAILURES, "a busy machine gives up before it has asked; whoever is suspended never asks"
        clock.ahead += PAUSE_S
        with ThreadPoolExecutor(8) as threads:
            ends = list(threads.map(lambda _: outcome(outgoing, made.url, QUICK), range(8)))
        assert sorted(ends) == ["OUTGOING_SUSPENDED"] * 7 + ["OUTGOING_TIMEOUT"], "one finds out for all"
        clock.ahead += PAUSE_S
        moody.answers = True
        assert [outcome(outgoing, made.url) for _ in range(3)] == ["204"] * 3


def test_an_answer_begins_the_row_anew_and_500_is_an_answer(clock: Time) -> None:
    outgoing = Outgoing(LOOPBACK, monotonic=clock)
    with site(answering(500)) as made:
        assert {outcome(outgoing, made.url) for _ in range(2 * FAILURES)} == {"500"}
    url = f"http://127.0.0.1:{free_port()}/hook"
    assert {outcome(outgoing, url) for _ in range(FAILURES)} == {"OUTGOING_UNREACHABLE"}
    assert outcome(outgoing, f"{url}?again=1") == "OUTGOING_SUSPENDED"
    assert outcome(outgoing, f"{url}/of-somebody-else") == "OUTGOING_UNREACHABLE"


def test_an_answer_that_is_too_long_is_an_answer(clock: Time) -> None:
    moody, outgoing = Moody(), Outgoing(LOOPBACK, monotonic=clock)
    with site(moody.serve) as made:
        for _ in range(FAILURES):
            outcome(outgoing, made.url, QUICK)
    clock.ahead += PAUSE_S
    port = made.port
    with site(answering(200, b"x" * 20_000), port=port):
        ends = [outcome(outgoing, made.url) for _ in range(2)]
    assert ends == ["OUTGOING_TOO_LARGE"] * 2


def test_what_we_refuse_ourselves_does_not_count(clock: Time) -> None:
    outgoing = Outgoing(monotonic=clock)
    assert {outcome(outgoing, "http://127.0.0.1:1/") for _ in range(2 * FAILURES)} == {"OUTGOING_REFUSED"}


def test_the_message_says_when_it_is_asked_again(clock: Time) -> None:
    outgoing, url = Outgoing(LOOPBACK, monotonic=clock), f"http://127.0.0.1:{free_port()}"
    for _ in range(FAILURES):
        outcome(outgoing, url)
    with pytest.raises(CallFailed, match=r"asked again in \d+ s"):
        outgoing.call("GET", url)


def test_an_answer_to_one_is_for_all(clock: Time) -> None:
    moody, outgoing = Moody(), Outgoing(LOOPBACK, monotonic=clock)
    with site(moody.serve) as made:
        for _ in range(FAILURES - 1):
            outcome(outgoing, made.url, QUICK)
        moody.answers = True
        assert isinstance(outgoing.call("GET", made.url), HttpResponse)
        moody.answers = False
        assert [outcome(outgoing, made.url, QUICK) for _ in range(FAILURES - 1)] == ["OUTGOING_TIMEOUT"] * (
            FAILURES - 1
        )
