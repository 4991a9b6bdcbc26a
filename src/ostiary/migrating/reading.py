"""Reading of a source's users page by page, however its server counts: each user exactly once.

Servers count places from 0 or from 1, give pages smaller or larger than asked, do not say how many there are, and
change while they are read. So the first page is requested without a start and each later one from the number already
read: where the server counts from 1 that returns the last user again. Users already read are left out. If the source
has more users than were read, or changed meanwhile, so that users moved to pages already read, it is read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from ostiary.migrating.management import PAGE, ApiError, Json, ManagementApi

READINGS = 3
"""The limit of how often a list is read until it does not change and is complete."""
_REPEATS = 2
"""Pages like the one before after which a server is taken for one that does not turn its pages."""


@dataclass
class People:
    """A list of people at a source, and what came of it so far. `total` is what the source says; None if it says
    nothing."""

    source: ManagementApi
    path: str
    query: dict[str, str]
    total: int | None = None
    _seen: set[str] = field(default_factory=set)
    _totals: set[int | None] = field(default_factory=set)

    @property
    def came(self) -> int:
        """The number of different users that were read."""
        return len(self._seen)

    @property
    def is_complete(self) -> bool:
        """Whether as many came as the source says it has, as far as it says so."""
        return self.total is None or self.came >= self.total

    @property
    def changed(self) -> bool:
        """Whether the source said another number in the midst of the last reading."""
        return len(self._totals) > 1

    def pages(self) -> Iterator[list[Json]]:
        """Yields the users that were not read before, at most PAGE at once. Raises ApiError."""
        for _reading in range(READINGS):
            self._totals = set()
            for page in self._once():
                fresh = self._fresh(page)
                yield from (fresh[place : place + PAGE] for place in range(0, len(fresh), PAGE))
            if self.is_complete and not self.changed:
                return

    def _once(self) -> Iterator[list[Json]]:
        """All pages, from the first to one that is empty, or short when all are there."""
        read, longest, repeats = 0, 0, 0
        before: list[str] = []
        while True:
            page = self._asked(read)
            names = [_key(person) for person in page]
            repeats = repeats + 1 if names == before else 0
            if not page or repeats == _REPEATS:
                return
            yield page
            before, read, longest = names, read + len(page), max(longest, len(page))
            if len(page) < longest and self.is_complete and self.total is not None and read >= self.total:
                return

    def _asked(self, read: int) -> list[Json]:
        place = {"startIndex": read} if read else {}
        try:
            found = self.source.get(self.path, **self.query, **place, count=PAGE)
        except ApiError as error:
            if read and self.is_complete and error.status == 400:
                return []  # there is nothing behind the last one, which this server calls a mistake
            raise
        if found is None:
            raise ApiError(404, "NOT_FOUND", f"{self.path} is not there")
        total = str(found.get("totalResults"))
        self.total = int(total) if total.isdigit() else None
        self._totals.add(self.total)
        return found.get("users") or []

    def _fresh(self, page: list[Json]) -> list[Json]:
        fresh = {key: person for person in page if (key := _key(person)) not in self._seen}
        self._seen |= fresh.keys()
        return list(fresh.values())


def name_of(person: Json) -> str:
    """Returns what identifies a user in a report: an id, or nothing; no names and no addresses."""
    scim = person.get("scimUser") or {}
    return str(scim.get("originalId") or scim.get("id") or person.get("originalId") or person.get("id") or "")


def _key(person: Json) -> str:
    """Returns what distinguishes a user from others. A user without an id is identified by the fields that do not
    change: hashes are encrypted again each time."""
    scim = person.get("scimUser") or {}
    return name_of(person) or json.dumps([scim.get("userName"), scim.get("emails"), person.get("identities")])
