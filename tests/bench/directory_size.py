"""A directory of normal size: 100,000 users come in by an import with their hashes, then pages of them are read."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from kit.servers.served import Served

from bench.load import Result
from bench.measure import Goal, measure
from bench.operations import Operation, get
from bench.processes import is_envoy, pss_mib, tree
from bench.table import Row
from bench.tenant import BenchTenant

USERS = 100_000
PAGE = 100
IMPORT_S = 180
IMPORT_MIB = 400
PAGE_MS = 50
SECRET = "bench"
BCRYPT = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
_SAMPLE_S = 0.5


def directory_rows(
    store: str, server: Served, tenant: BenchTenant, seconds: float, users: int = USERS
) -> Iterator[Row]:
    """Fills the directory of the tenant, then reads its first and its last page."""
    file = server.folder / "users.json.gz"
    write_file(file, users)
    yield import_row(store, server, tenant, file, users)
    path = f"/management/v4/{tenant.id}/cloud_directory/Users?count={PAGE}&startIndex="
    for name, start in (("first", 1), ("last", users - PAGE + 1)):
        reading = Operation(f"page of {PAGE} users, the {name}", f"{path}{start}", get(f"Bearer {tenant.token}"), 1)
        yield measure(store, server.url, server.process.pid, reading, at_most(PAGE_MS), seconds)


def write_file(file: Path, users: int) -> None:
    """A file as an import takes it, with what users of another system have."""
    with gzip.open(file, "wt", compresslevel=1) as out:
        out.write('{"users":[\n')
        out.writelines(("," if number else "") + json.dumps(_user(number)) + "\n" for number in range(users))
        out.write("]}\n")


def _user(number: int) -> dict[str, Any]:
    scim = {
        "originalId": f"original-{number}", "userName": f"size{number}", "displayName": f"User Number {number}",
        "name": {"givenName": "User", "familyName": f"Number {number}"}, "status": "CONFIRMED", "active": True,
        "emails": [{"value": f"size{number}@bench.example", "primary": True}],
        "phoneNumbers": [{"value": f"+1555{number:07}"}],
    }  # fmt: skip
    profile = {"attributes": {"points": number}}
    return {"scimUser": scim, "passwordHash": BCRYPT, "passwordHashAlg": "bcrypt", "profile": profile, "roles": []}


def import_row(store: str, server: Served, tenant: BenchTenant, file: Path, users: int) -> Row:
    """Imports the file: how long from the upload to the end of the job, and the most memory that any of the Python
    processes took meanwhile."""
    directory = f"/management/v4/{tenant.id}/cloud_directory"
    headers = {"authorization": f"Bearer {tenant.token}"}
    with Peak(server) as peak, file.open("rb") as content:
        started = time.perf_counter()
        fields, files = {"encryptionSecret": SECRET}, {"file": content}
        begun = tenant.http.post(f"{directory}/import/all", data=fields, files=files, headers=headers, timeout=300)
        asked = {"id": begun.raise_for_status().json()["id"]}
        status: dict[str, Any] = {"status": "IN_PROGRESS"}
        while status["status"] == "IN_PROGRESS":
            time.sleep(_SAMPLE_S)
            status = tenant.http.get(f"{directory}/import/status", params=asked, headers=headers).json()
        took = time.perf_counter() - started
    added = status["added"]
    reached = added == users and took <= IMPORT_S * users / USERS and peak.mib <= IMPORT_MIB
    return Row(
        store, f"import of {users:,} users", added / took, 0, 0, status["failed"], 0, 0,
        f"{took:.0f} s, {peak.mib:.0f} MB", f"≤ {IMPORT_S * users // USERS} s, ≤ {IMPORT_MIB} MB", reached,
    )  # fmt: skip


class Peak:
    """Watches how much memory (PSS) the largest Python process of a server takes."""

    def __init__(self, server: Served) -> None:
        self._pid = server.process.pid
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.mib = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ending.wait(_SAMPLE_S):
            sizes = [pss_mib([pid]) for pid in tree(self._pid) if not is_envoy(pid)]
            self.mib = max(self.mib, *sizes)


def at_most(milliseconds: float) -> Goal:
    """The p99 of an operation."""

    def measured(result: Result, _: float) -> float:
        return -result.p99 if not result.broken + result.refused else float("-inf")

    return Goal(f"p99 ≤ {milliseconds:g} ms", measured, -milliseconds, lambda value: f"{-value:.1f} ms")
