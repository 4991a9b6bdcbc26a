"""HTTP client of every outgoing call: extensions, dispatchers, providers. `targets` decides which hosts may be
reached."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin

import httpcore

from ostiary.caller import check_awaited, own_caller
from ostiary.lanes import blocking
from ostiary.outgoing.breaker import Breaker
from ostiary.outgoing.pinned import Deadline, PinnedBackend, timed_out
from ostiary.outgoing.targets import PORTS, CallFailed, EgressPolicy, Resolver, Target, read_target, resolve

METHODS_KEPT = (307, 308)
"""Redirects that repeat the request as it was; the others become a GET (RFC 9110 §15.4)."""
REDIRECTS = (301, 302, 303, *METHODS_KEPT)


@cache
def trusted_tls() -> ssl.SSLContext:
    """TLS that trusts the certificate authorities of this machine; one for the process, and made at first use, since
    reading them takes some 10 ms."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits of a call. Seconds; `total_seconds` is for all redirects together, from resolution to the last byte.

    `cuts_body`: only the status counts, so an answer that is too long, or stops half-way, is cut off and no failure.
    """

    connect_seconds: float = 5.0
    total_seconds: float = 7.0
    body_bytes: int = 10_000
    redirects: int = 3
    cuts_body: bool = False


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The answer of the other side. Header names are lower-case; repeated ones are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it answered 2xx."""
        return 200 <= self.status < 300


DEFAULT_CAPS = Caps()
"""The limits that App ID documents for extensions."""


class Outgoing:
    """Calls by HTTP. Each is a connection of its own; call it outside any transaction, holding no connection."""

    def __init__(
        self, allowed: Sequence[str] = (), *, resolver: Resolver = resolve, tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._egress_policy = EgressPolicy(allowed)
        self._resolver = resolver
        self._tls = tls
        self._monotonic = monotonic
        self._breaker = Breaker(monotonic)

    def check_url(self, url: str) -> str:
        """Returns a URL that may be stored for later calls: https, or http to addresses that the allow-list names.

        Raises INVALID_URL; OUTGOING_REFUSED for an address as the host that no call may reach; for http what resolving
        raises. The call itself looks again.
        """
        target = read_target(url)
        if target.scheme == "http" or target.is_address:
            backend = self._backend(target, DEFAULT_CAPS, Deadline(DEFAULT_CAPS.connect_seconds, self._monotonic))
            with blocking:
                backend.addresses(target.host, target.port)
        return url

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"",
        caps: Caps = DEFAULT_CAPS,
    ) -> HttpResponse:  # fmt: skip
        """Makes one call and follows redirects; whatever the other side answers is returned, also 500.

        Headers do not go to another origin than the URL's. Raises CallFailed: INVALID_URL, OUTGOING_REFUSED,
        OUTGOING_UNREACHABLE, OUTGOING_TLS, OUTGOING_TIMEOUT, OUTGOING_TOO_LARGE, OUTGOING_TOO_MANY_REDIRECTS,
        OUTGOING_PROTOCOL; OUTGOING_SUSPENDED when it did not answer several times in a row. Raises CANCELLED
        or DEADLINE_EXCEEDED instead of calling when the caller of this thread's request has gone.
        """
        check_awaited(own_caller())
        with blocking, self._breaker.watching(read_target(url)):
            return self._follow(method, url, headers, body, caps)

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes, caps: Caps
    ) -> HttpResponse:
        deadline = Deadline(caps.total_seconds, self._monotonic)
        first = target = read_target(url)
        sent = dict(headers or {})
        for _ in range(caps.redirects + 1):
            answer = self._exchange(method, target, sent, body, caps, deadline)
            location = answer.headers.get("location", "")
            if answer.status not in REDIRECTS or not location:
                return answer
            if answer.status not in METHODS_KEPT and method != "HEAD":
                method, body = "GET", b""
            url = urljoin(url, location)
            target = read_target(url)
            sent = sent if target.origin == first.origin else {}
        raise CallFailed("OUTGOING_TOO_MANY_REDIRECTS", f"The URL redirects more than {caps.redirects} times.")

    def _exchange(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes, caps: Caps, deadline: Deadline
    ) -> HttpResponse:
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        backend = self._backend(target, caps, deadline)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._context(), network_backend=backend) as pool,
                pool.stream(method, url, headers=_written(target, headers), content=body) as response,
            ):
                content = _limited(response, caps)
                return HttpResponse(response.status, _read(response.headers), content)
        except httpcore.TimeoutException as error:
            raise timed_out() from error
        except httpcore.ConnectError as error:
            raise _unconnected(error) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ssl.SSLError) as error:
            raise CallFailed("OUTGOING_PROTOCOL", "The URL did not answer with valid HTTP.") from error

    def _backend(self, target: Target, caps: Caps, deadline: Deadline) -> PinnedBackend:
        return PinnedBackend(self._egress_policy, self._resolver, target.scheme, caps.connect_seconds, deadline)

    def _context(self) -> ssl.SSLContext:
        return self._tls or trusted_tls()


def _written(target: Target, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    standard = {"host": _authority(target), "user-agent": "Ostiary", "accept-encoding": "identity"}
    return list({**{name.lower(): value for name, value in headers.items()}, **standard}.items())


def _authority(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == PORTS[target.scheme] else f"{host}:{target.port}"


def _limited(response: httpcore.Response, caps: Caps) -> bytes:
    content = bytearray()
    try:
        for chunk in response.iter_stream():
            content += chunk
            if len(content) > caps.body_bytes:
                break
    except (CallFailed, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        if not caps.cuts_body:
            raise
    if len(content) > caps.body_bytes and not caps.cuts_body:
        raise CallFailed("OUTGOING_TOO_LARGE", f"The URL answered with more than {caps.body_bytes} bytes.")
    return bytes(content[: caps.body_bytes])


def _read(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _unconnected(error: httpcore.ConnectError) -> CallFailed:
    # start_tls of httpcore's backend reports a failed handshake as ConnectError, with the ssl error inside.
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return CallFailed("OUTGOING_TLS", "The host of the URL has no certificate that is valid for its name.")
    return CallFailed("OUTGOING_UNREACHABLE", "The host of the URL does not answer.")
