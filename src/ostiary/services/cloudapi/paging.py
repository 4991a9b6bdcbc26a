"""Order of cloudapi lists, and the header Link (RFC 8288) with their further pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypedDict
from urllib.parse import urlencode

from ostiary.errors import invalid
from ostiary.http.paging import Page
from ostiary.transport.call import current_call


class PagedRequest(Protocol):
    """A list request. `page` and `page_size` are read by the dialect."""

    @property
    def filter(self) -> str: ...

    @property
    def filter_encoded(self) -> bool: ...

    @property
    def sort_asc(self) -> str: ...

    @property
    def sort_desc(self) -> str: ...


class AskedList(TypedDict):
    """How a list is asked for, as the lists of the directory take it."""

    encoded: bool
    sort: str
    descending: bool
    offset: int
    limit: int


class Paged(TypedDict):
    """The members that every page has."""

    result_total: int
    page_count: int
    page: int
    page_size: int


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


def asked_list(request: Any, default: str) -> AskedList:
    """How a request asks for a list, which is sorted by `default` unless it says otherwise; raises INVALID_SORT."""
    page, order = current_call().page(request), sorting_of(request, default)
    return AskedList(
        encoded=request.filter_encoded, sort=order.by, descending=order.descending, offset=page.offset, limit=page.size
    )


def paged(url: str, model: str, request: Any, total: int) -> Paged:
    """What the page of a list with `total` entries says of itself; names the other pages in the header Link."""
    call = current_call()
    page = call.page(request)
    call.headers += page_links(url, model, request, page, total)
    return Paged(result_total=total, page_count=page.pages(total), page=number_of(page), page_size=page.size)


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
