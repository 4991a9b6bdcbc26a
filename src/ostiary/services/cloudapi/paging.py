"""Pages of cloudapi lists: page and pageSize in the query, further pages in the header Link (RFC 8288)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

from ostiary.errors import invalid
from ostiary_api.cloudapi.v1 import orgs_pb2

DEFAULT_SIZE, MAX_SIZE = 25, 128
MAX_PAGE = 1_000_000


PagedRequest: TypeAlias = orgs_pb2.ListOrgsRequest
"""A list request: filter, filter_encoded, sort_asc, sort_desc, page, page_size."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: `number` from 1, at most `size` results, sorted by `sort`."""

    number: int
    size: int
    sort: str
    descending: bool

    @property
    def offset(self) -> int:
        """The number of results before the page."""
        return (self.number - 1) * self.size

    def count(self, total: int) -> int:
        """Returns the number of pages that `total` results fill."""
        return -(-total // self.size) if self.size else 0


def page_of(request: PagedRequest, default_sort: str) -> Page:
    """The page that a request asks for; raises INVALID_PAGE, INVALID_SORT."""
    number = request.page if request.HasField("page") else 1
    size = request.page_size if request.HasField("page_size") else DEFAULT_SIZE
    if not 1 <= number <= MAX_PAGE:
        raise invalid("INVALID_PAGE", f"page counts from 1 to {MAX_PAGE}.")
    if not 0 <= size <= MAX_SIZE:
        raise invalid("INVALID_PAGE", f"pageSize is 0 to {MAX_SIZE}.")
    if request.sort_asc and request.sort_desc:
        raise invalid("INVALID_SORT", "Sort by sortAsc or by sortDesc, not by both.")
    return Page(number, size, request.sort_desc or request.sort_asc or default_sort, bool(request.sort_desc))


def page_links(url: str, model: str, request: PagedRequest, page: Page, total: int) -> list[tuple[str, str]]:
    """The header that names the pages beside this one; none when there is only one."""
    last = page.count(total)
    named = {"firstPage": 1, "previousPage": page.number - 1, "nextPage": page.number + 1, "lastPage": last}
    others = {rel: number for rel, number in named.items() if 1 <= number <= last and number != page.number}
    links = (f'<{url}?{_query(request, page, n)}>;rel="{rel}";type="application/json";model="{model}"'
             for rel, n in others.items())  # fmt: skip
    return [("link", ", ".join(links))] if others else []


def _query(request: PagedRequest, page: Page, number: int) -> str:
    asked = {"filter": request.filter, "sortAsc": request.sort_asc, "sortDesc": request.sort_desc}
    flags = {"filterEncoded": "true"} if request.filter_encoded else {}
    kept = {name: value for name, value in asked.items() if value}
    return urlencode({"page": number, "pageSize": page.size, **kept, **flags})
