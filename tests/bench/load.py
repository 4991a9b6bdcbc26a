"""Drives one operation with wrk and reads what it reports."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_DONE = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("@ %d %d %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
"""


@dataclass(frozen=True)
class Result:
    """What one run of wrk saw. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Requests a second that were answered well."""
        return (self.requests - self.refused) / self.seconds


def wrk() -> str:
    """The path of wrk; says how to get it when it is missing."""
    found = shutil.which("wrk") or _installed_wrk()
    if found is None:
        raise SystemExit("bench: wrk is missing; on Debian: apt-get install wrk")
    return found


def _installed_wrk() -> str | None:
    """Installs Debian's package where we may; None where we may not."""
    apt = shutil.which("apt-get")
    if apt is None:
        return None
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "wrk"]):
        if subprocess.run(
            [apt, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode:
            return None
    return shutil.which("wrk")


def drive(url: str, script: str, *, seconds: float, connections: int = 32) -> Result:
    """One thread of wrk, so that the generator takes as little as possible from the two cores it shares."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + _DONE)
        file.flush()
        command = [wrk(), "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "-s", file.name, url]
        output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path("/")).stdout
    found = re.search(r"@ (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise RuntimeError(f"wrk said nothing that can be read:\n{output}")
    requests, duration, p50, p95, p99, status, broken, timeouts = (int(group) for group in found.groups())
    return Result(requests, duration / 1e6, p50 / 1e3, p95 / 1e3, p99 / 1e3, status, broken + timeouts)
