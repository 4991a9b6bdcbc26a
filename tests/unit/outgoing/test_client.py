"""Calls that leave: whom they reach, how long, how much, against real servers on loopback."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest
from kit.servers.web import answering, certificate, site

from ostiary.lanes import LaneExecutor
from ostiary.outgoing.client import Caps, Outgoing
from ostiary.outgoing.targets import CallFailed, EgressPolicy, read_target

LOOPBACK = ["127.0.0.1/32"]
QUICK = Caps(connect_seconds=0.3, total_seconds=0.6)


def reason(call: Callable[[], object]) -> str:
    """With which reason a call fails; empty when it does not."""
    try:
        call()
    except CallFailed as failed:
        return failed.reason if "127." not in failed.message else "it tells an address of ours"
    return ""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2002:a00:1::", "2001:db8::1", "2001:0:7f00:1::1",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(address: str) -> None:
    assert reason(lambda: EgressPolicy([]).permitted([address], "https")) == "OUTGOING_REFUSED"


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_reached_by_https_and_not_by_http(address: str) -> None:
    assert EgressPolicy([]).permitted(["10.0.0.1", address], "https") == [address]
    assert reason(lambda: EgressPolicy([]).permitted([address], "http")) == "OUTGOING_REFUSED"


def test_the_allow_list_names_networks_for_both_schemes() -> None:
    egress_policy = EgressPolicy(["10.1.0.0/16", "8.8.8.8", "fd00::/8"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "8.8.8.8", "fd00::1"):
        assert egress_policy.permitted([address], "http") == [address]
    for address in ("10.2.0.1", "::10.1.2.3", "2002:a01:203::", "8.8.4.4"):
        assert reason(lambda address=address: egress_policy.permitted([address], "http")) == "OUTGOING_REFUSED"


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "file:///etc/passwd", "gopher://a", "https://", "https://u:p@example.com",
        "https://u@example.com", "https://example.com:0", "https://example.com:99999", "https://example.com:x",
        "https://[::1", "https://exa mple.com", "https://example.com/\r\nx: y", "https://example.com\\@evil.example",
        "https://é.example", "https://example.com/" + "a" * 2_000, "//example.com", "https://?x", "https://.",
    ],
)  # fmt: skip
def test_what_is_no_plain_http_url_is_refused(url: str) -> None:
    assert reason(lambda: read_target(url)) == "INVALID_URL"


def test_a_call_brings_method_headers_and_body_and_returns_whatever_is_answered() -> None:
    with site(answering(503, b'{"a": 1}', x_kind="test", set_cookie="a=b")) as made:
        answer = Outgoing(LOOPBACK).call(
            "POST", f"{made.url}/hook?a=b", headers={"Authorization": "Bearer x", "host": "evil"}, body=b"{}"
        )
    assert (answer.status, answer.ok, answer.body, answer.headers["x-kind"]) == (503, False, b'{"a": 1}', "test")
    (request,) = made.received
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=b", b"{}")
    assert (request.headers["authorization"], request.headers["host"]) == ("Bearer x", f"127.0.0.1:{made.port}")


def test_loopback_is_not_reached_unless_it_is_allowed() -> None:
    with site(answering(200)) as made:
        for url in (
            made.url,
            f"http://localhost:{made.port}",
            f"http://2130706433:{made.port}",
            f"http://127.1:{made.port}",
        ):
            assert reason(lambda url=url: Outgoing().call("GET", url)) == "OUTGOING_REFUSED"
            assert reason(lambda url=url: Outgoing().check_url(url)) == "OUTGOING_REFUSED"
        assert not made.received
        assert Outgoing(LOOPBACK).check_url(made.url) == made.url
        for host in ("10.0.0.1", "[fd00::1]", "[::ffff:169.254.169.254]", "192.168.1.7:8443"):
            assert reason(lambda host=host: Outgoing().check_url(f"https://{host}/x")) == "OUTGOING_REFUSED"
        assert Outgoing(["10.0.0.0/8"]).check_url("https://10.0.0.1/x") == "https://10.0.0.1/x"
        assert Outgoing().check_url("https://unresolved.invalid/x") == "https://unresolved.invalid/x"


def test_a_redirect_leads_nowhere_that_a_call_could_not_go() -> None:
    with site(answering(200, b"secret"), host="127.0.0.2") as inside:
        for status in (301, 302, 303, 307, 308):
            with site(answering(status, location=f"{inside.url}/latest")) as made:
                assert reason(lambda made=made: Outgoing(LOOPBACK).call("GET", made.url)) == "OUTGOING_REFUSED"
        with site(answering(302, location="file:///etc/passwd")) as made:
            assert reason(lambda made=made: Outgoing(LOOPBACK).call("GET", made.url)) == "INVALID_URL"
        assert not inside.received


def test_a_redirect_keeps_what_rfc_9110_says_and_gives_credentials_to_nobody_else() -> None:
    both = ["127.0.0.1", "127.0.0.2"]
    with site(answering(200, b"here"), host="127.0.0.2") as other:
        for status, method, body in ((302, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")):
            with site(answering(status, location=f"{other.url}/next")) as made:
                answer = Outgoing(both).call("POST", made.url, headers={"authorization": "secret"}, body=b"x")
            seen = other.received[-1]
            assert (answer.body, seen.method, seen.body) == (b"here", method, body)
            assert "authorization" not in seen.headers


def test_a_redirect_within_the_origin_keeps_headers_and_a_loop_ends() -> None:
    with site(answering(307, location="/again")) as made:
        ask = Outgoing(LOOPBACK).call
        assert reason(lambda: ask("GET", made.url, headers={"x-a": "b"})) == "OUTGOING_TOO_MANY_REDIRECTS"
    assert [one.headers["x-a"] for one in made.received] == ["b"] * 4


def test_a_name_that_changes_its_mind_reaches_only_the_address_that_was_checked() -> None:
    """DNS rebinding: the first answer is permitted, every other one is not."""
    answers = cycle([["127.0.0.1"], ["127.0.0.2"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    outgoing = Outgoing(LOOPBACK, resolver=rebinding)
    with site(answering(200, b"meant")) as made, site(answering(200, b"inside"), host="127.0.0.2") as inside:
        assert outgoing.call("GET", f"http://hook.example:{made.port}").body == b"meant"
        assert asked == ["hook.example"], "asked once: what is connected to is what was checked"
        assert reason(lambda: outgoing.call("GET", f"http://hook.example:{inside.port}")) == "OUTGOING_REFUSED"
        assert made.received[0].headers["host"] == f"hook.example:{made.port}"
        assert not inside.received


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    with site(answering(200, b"second"), host="127.0.0.2") as made:
        outgoing = Outgoing(["127.0.0.0/8"], resolver=lambda *_: ["10.0.0.1", "127.0.0.3", "127.0.0.2"])
        assert outgoing.call("GET", f"http://a.example:{made.port}").body == b"second"


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A header, then a byte now and then."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b".")
        time.sleep(0.05)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(100):
        handler.wfile.write(b"H")
        time.sleep(0.05)


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


@pytest.mark.parametrize("serve", [drip, drip_headers, silence])
def test_a_slow_peer_gets_no_more_time_by_sending_a_little(serve: Callable[[BaseHTTPRequestHandler], None]) -> None:
    with site(serve) as made:
        started = time.monotonic()
        assert reason(lambda: Outgoing(LOOPBACK).call("GET", made.url, caps=QUICK)) == "OUTGOING_TIMEOUT"
        assert time.monotonic() - started < 3, "each of them would take five seconds"


def test_a_slow_resolver_ends_in_time() -> None:
    ending = Event()

    def slow(_host: str, _port: int) -> Sequence[str]:
        ending.wait(10)
        return ["127.0.0.1"]

    started = time.monotonic()
    outgoing = Outgoing(LOOPBACK, resolver=slow)
    assert reason(lambda: outgoing.call("GET", "https://a.example", caps=QUICK)) == "OUTGOING_TIMEOUT"
    assert time.monotonic() - started < 5, "it would take ten seconds"
    ending.set()


def test_a_gigabyte_is_not_read() -> None:
    sent = 0

    def flood(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("content-length", str(1 << 30))
        handler.end_headers()
        while sent < 1 << 30:
            handler.wfile.write(b"x" * 65_536)
            sent += 65_536

    with site(flood) as made:
        assert reason(lambda: Outgoing(LOOPBACK).call("GET", made.url)) == "OUTGOING_TOO_LARGE"
    assert sent < 32 << 20, "only what the sockets buffered"


def test_exactly_the_cap_is_read() -> None:
    with site(answering(200, b"x" * 10_000)) as made:
        assert len(Outgoing(LOOPBACK).call("GET", made.url).body) == 10_000
    with site(answering(200, b"x" * 10_001)) as made:
        assert reason(lambda: Outgoing(LOOPBACK).call("GET", made.url)) == "OUTGOING_TOO_LARGE"


def test_tls_is_verified_for_the_name_of_the_url(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path, "hook.example")
    expired, trusting_expired = certificate(tmp_path, "hook.example", days=-1)
    to_us = {"resolver": lambda *_: ["127.0.0.1"]}
    with site(answering(200, b"sealed"), tls=server) as made, site(answering(200), tls=expired) as old:
        right = Outgoing(LOOPBACK, tls=trusting, **to_us)
        assert right.call("POST", f"https://hook.example:{made.port}", body=b"x").body == b"sealed"
        for outgoing, url in (
            (right, f"https://other.example:{made.port}"),
            (Outgoing(LOOPBACK, **to_us), f"https://hook.example:{made.port}"),
            (Outgoing(LOOPBACK, tls=trusting_expired, **to_us), f"https://hook.example:{old.port}"),
        ):
            assert reason(lambda outgoing=outgoing, url=url: outgoing.call("GET", url)) == "OUTGOING_TLS"
    assert len(made.received) == 1
    assert not old.received


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.1:1", "OUTGOING_UNREACHABLE"), ("https://nowhere.invalid", "OUTGOING_UNREACHABLE")],
)
def test_who_is_not_there_is_unreachable(url: str, expected: str) -> None:
    def resolver(host: str, _port: int) -> Sequence[str]:
        if host == "127.0.0.1":
            return [host]
        raise OSError("no such host")

    assert reason(lambda: Outgoing(LOOPBACK, resolver=resolver).call("GET", url)) == expected


def test_what_is_not_http_is_said_so() -> None:
    with site(lambda handler: handler.wfile.write(b"220 mail.example ESMTP\r\n") and None) as made:
        assert reason(lambda: Outgoing(LOOPBACK).call("GET", made.url)) == "OUTGOING_PROTOCOL"


def test_who_waits_for_another_host_lets_others_be_answered() -> None:
    asked, over = Event(), Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        over.wait(10)
        answering(204)(handler)

    lane_executor, outgoing = LaneExecutor(lanes=1, threads=2), Outgoing(["127.0.0.1/32"])
    with site(slow) as made:
        waiting = lane_executor.submit(outgoing.call, "POST", made.url)
        assert asked.wait(10)
        assert lane_executor.submit(lambda: "answered").result(5) == "answered"
        over.set()
        assert waiting.result(10).status == 204
