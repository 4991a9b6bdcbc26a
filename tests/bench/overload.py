"""Sign-ins offered faster than the machine can hash: what becomes of those who are let in, and of the others.

wrk offers only as much as it gets answers for, so this generator is an open loop: a request every so often, whatever
became of those before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

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
    return asyncio.run(_offer(tenant, users, per_second, seconds))


async def _offer(tenant: BenchTenant, users: Sequence[str], per_second: float, seconds: float) -> Overload:
    outcomes: list[tuple[int, float]] = []
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=400)
    async with httpx.AsyncClient(base_url=tenant.http.base_url, timeout=30, limits=limits) as http:

        async def one(user: str) -> None:
            form = {"grant_type": "password", "username": user, "password": PASSWORD}
            began = time.perf_counter()
            try:
                answer = await http.post(f"/oauth/v4/{tenant.id}/token", data=form, auth=(tenant.client, tenant.secret))
                outcomes.append((answer.status_code, 1e3 * (time.perf_counter() - began)))
            except httpx.TransportError:
                outcomes.append((0, 0.0))

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(per_second * seconds)):
                await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
                group.create_task(one(users[number % len(users)]))
        lasted = time.perf_counter() - began
    admitted = [latency for status, latency in outcomes if status == 200]
    refused = [latency for status, latency in outcomes if status == 429]
    return Overload(lasted, admitted, refused, len(outcomes) - len(admitted) - len(refused))
