"""Sign-ins offered faster than the machine can hash: what becomes of those who are let in, and of the others.

wrk offers only as much as it gets answers for, so this generator is an open loop: a request every so often, whatever
became of those before.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bench.operations import FORM
from bench.tenant import PASSWORD, BenchTenant


@dataclass(frozen=True)
class Overload:
    """Latencies in milliseconds, of the admitted (200) and the refused (429); `broken` is everything else."""

    seconds: float
    admitted: Sequence[float]
    refused: Sequence[float]
    broken: int

    @property
    def rate(self) -> float:
        """Admitted sign-ins a second."""
        return len(self.admitted) / self.seconds


def percentile(latencies: Sequence[float], share: float) -> float:
    """The latency below which `share` of them lie; 0 without any."""
    return sorted(latencies)[int(share * (len(latencies) - 1))] if latencies else 0.0


def offer(tenant: BenchTenant, users: Sequence[str], per_second: float, seconds: float) -> Overload:
    """Offers `per_second` sign-ins of users in turn."""
    return asyncio.run(_offer(Generator(tenant), users, per_second, seconds))


class Generator:
    """Sends sign-ins over connections that are kept.

    Written to the socket by hand: httpx takes a third of one of the two cores at this rate, which are what is measured.
    """

    def __init__(self, tenant: BenchTenant) -> None:
        address = urlsplit(str(tenant.http.base_url))
        self._host, self._port = address.hostname or "", address.port or 80
        basic = b64encode(f"{tenant.client}:{tenant.secret}".encode()).decode()
        self._head = (
            f"POST /oauth/v4/{tenant.id}/token HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {FORM}\r\n"
            f"Authorization: Basic {basic}\r\nContent-Length: "
        )
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def sign_in(self, user: str) -> tuple[int, float]:
        """The status, 0 for a broken connection, and the latency in milliseconds."""
        body = urlencode({"grant_type": "password", "username": user, "password": PASSWORD})
        began = time.perf_counter()
        try:
            reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
            writer.write(f"{self._head}{len(body)}\r\n\r\n{body}".encode())
            status = await _read_answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return 0, 0.0
        self._idle.append((reader, writer))
        return status, 1e3 * (time.perf_counter() - began)

    def close(self) -> None:
        """Closes what is idle."""
        for _, writer in self._idle:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("\r\ncontent-length:")[2].partition("\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


async def _offer(generator: Generator, users: Sequence[str], per_second: float, seconds: float) -> Overload:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number in range(int(per_second * seconds)):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            tasks.append(group.create_task(generator.sign_in(users[number % len(users)])))
    lasted = time.perf_counter() - began
    generator.close()
    outcomes = [task.result() for task in tasks]
    admitted = [latency for status, latency in outcomes if status == 200]
    refused = [latency for status, latency in outcomes if status == 429]
    return Overload(lasted, admitted, refused, len(outcomes) - len(admitted) - len(refused))
