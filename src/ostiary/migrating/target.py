"""Target of a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ostiary.migrating.management import Json, ManagementApi


@dataclass(frozen=True, slots=True)
class Target:
    """A tenant, None where there is none yet, and how an application like a given one is added to it."""

    api: ManagementApi | None
    make_application: Callable[[Json], Json]


@contextmanager
def remote_target(url: str, api_key: str, iam_url: str) -> Iterator[Target]:
    """A tenant of another server. Its management API chooses ids and secrets of applications itself."""
    api = ManagementApi(url, api_key, iam_url)

    def make_application(application: Json) -> Json:
        wanted = {name: application[name] for name in ("name", "type") if application.get(name)}
        return api.send("POST", "applications", wanted)

    try:
        yield Target(api, make_application)
    finally:
        api.close()
