"""Connections to the address that was checked, with one deadline for the whole call."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import Any

import httpcore

from ostiary.outgoing.targets import CallFailed, EgressPolicy, Resolver

SLICE = 16_384
"""Bytes written at once: the deadline is looked at between two slices."""
MAX_ADDRESSES = 4
"""Addresses of one host that are tried."""


class Deadline:
    """The time when a call must be over. A peer that sends a byte now and then does not extend it."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds left; raises OUTGOING_TIMEOUT when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise timed_out()
        return left


class PinnedBackend(httpcore.NetworkBackend):
    """Resolves once, has the addresses checked, and connects to one of those: a name that changes its mind between the
    check and the connection (DNS rebinding) finds nobody listening."""

    def __init__(
        self, egress_policy: EgressPolicy, resolver: Resolver, scheme: str, connect_seconds: float, deadline: Deadline
    ) -> None:
        self._egress_policy = egress_policy
        self._resolver = resolver
        self._scheme = scheme
        self._connect_seconds = connect_seconds
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Connects to a permitted address of `host`. Raises CallFailed, httpcore's ConnectError and ConnectTimeout."""
        del timeout, local_address, socket_options
        addresses = self.addresses(host, port)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port)

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolves `host` to its addresses; raises OUTGOING_UNREACHABLE, OUTGOING_REFUSED, OUTGOING_TIMEOUT."""
        return self._egress_policy.permitted(self._resolved(host, port), self._scheme)[:MAX_ADDRESSES]

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        seconds = min(self._connect_seconds, self._deadline.left())
        return _Timed(self._sockets.connect_tcp(address, port, seconds), self._deadline)

    def _resolved(self, host: str, port: int) -> list[str]:
        """The resolver has no time limit of its own, so it runs beside us; a thread of it may outlive the call."""
        answer: Future[list[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(list(self._resolver(host, port)))
            except (OSError, UnicodeError) as error:
                answer.set_exception(error)

        Thread(target=ask, name="resolver", daemon=True).start()
        try:
            return answer.result(min(self._connect_seconds, self._deadline.left()))
        except FutureTimeoutError as error:
            raise timed_out() from error
        except (OSError, UnicodeError) as error:
            raise CallFailed("OUTGOING_UNREACHABLE", "The host of the URL cannot be resolved.") from error


class _Timed(httpcore.NetworkStream):
    """A stream on which every operation gets what is left of the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        for start in range(0, len(buffer), SLICE):
            self._inner.write(buffer[start : start + SLICE], self._deadline.left())

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def timed_out() -> CallFailed:
    """The peer was too slow."""
    return CallFailed("OUTGOING_TIMEOUT", "The URL did not answer in time.")
