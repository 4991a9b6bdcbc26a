"""What this machine can do at most: the limits that the results are held against, measured in the same run."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

SECONDS = 3.0


def _rate(work: Callable[[], object], core: int) -> float:
    """How often a second `work` runs on one core."""
    os.sched_setaffinity(0, {core})
    done, until = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        work()
        done += 1
    return done / SECONDS


def _signing(core: int) -> float:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _rate(lambda: key.sign(b"benchmark", padding.PKCS1v15(), SHA256()), core)


def _hashing(core: int) -> float:
    hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
    known = hasher.hash("benchmark")
    return _rate(lambda: hasher.verify(known, "benchmark"), core)


def _on_all_cores(measure: Callable[[int], float]) -> float:
    cores = sorted(os.sched_getaffinity(0))
    with ProcessPoolExecutor(len(cores)) as pool:
        return sum(pool.map(measure, cores))


def signatures_per_second() -> float:
    """RSA-2048 signatures a second on all allowed cores together."""
    return _on_all_cores(_signing)


def verifications_per_second() -> float:
    """argon2id verifications (19 MiB, t=2, p=1) a second on all allowed cores together."""
    return _on_all_cores(_hashing)


def description() -> str:
    """The machine in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores ({model}), {memory:.0f} GiB, {platform.platform()}"


def open_files() -> None:
    """Raises the limit of open files to what is allowed: a load generator needs many."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
