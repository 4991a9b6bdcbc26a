"""Order of cloudapi lists, and the header Link (RFC 8288) with their further pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

from ostiary.errors import invalid
from ostiary.http.paging import Page
from ostiary_api.cloudapi.v1 import orgs_pb2

PagedRequest: TypeAlias = orgs_pb2.ListOrgsRequest
"""A list request: filter, filter_encoded, sort_asc, sort_desc, page, page_size."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order of a list: by the field `by`."""

    by: str
    descending: bool


def sorting_of(request: PagedRequest, default: str) -> Sorting:
    """The order that a request asks for; raises INVALID_SORT."""
    if request.sort_asc and request.sort_desc:
        raise invalid("INVALID_SORT", "Sort by sortAsc or by sortDesc, not by both.")
    return Sorting(request.sort_desc or request.sort_asc or default, bool(request.sort_desc))


def number_of(page: Page) -> int:
    """The number of a page, from 1, as the client asked for it."""
    return page.asked["page"]


def page_links(url: str, model: str, request: PagedRequest, page: Page, total: int) -> list[tuple[str, str]]:
    """The header that names the pages beside this one; none when there is only one."""
    last, own = page.pages(total), number_of(page)
    named = {"firstPage": 1, "previousPage": own - 1, "nextPage": own + 1, "lastPage": last}
    others = {rel: number for rel, number in named.items() if 1 <= number <= last and number != own}
    links = (f'<{url}?{_query(request, page, n)}>;rel="{rel}";type="application/json";model="{model}"'
             for rel, n in others.items())  # fmt: skip
    return [("link", ", ".join(links))] if others else []


def _query(request: PagedRequest, page: Page, number: int) -> str:
    asked = {"filter": request.filter, "sortAsc": request.sort_asc, "sortDesc": request.sort_desc}
    flags = {"filterEncoded": "true"} if request.filter_encoded else {}
    kept = {name: value for name, value in asked.items() if value}
    return urlencode({"page": number, "pageSize": page.size, **kept, **flags})
