"""Interface of a dialect: all that its requests need on the path that they share with all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from ostiary.errors import DomainError
from ostiary.http.paging import Page
from ostiary.transport.dialects.body import ErrorBody, json_body

Renderer = Callable[[DomainError, str], ErrorBody]


def plain(error: DomainError, path: str) -> ErrorBody:
    """Writes an error where no client of a vendor reads it."""
    return json_body(error.kind.value, {"reason": error.reason, "message": error.message})


def any_headers(headers: Mapping[str, str]) -> None:
    """Takes whatever headers a request has."""


def no_pages(request: Message) -> Page:
    """Refuses: a dialect without lists in pages; a programming error."""
    raise LookupError(f"{request.DESCRIPTOR.full_name} asks for no page")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Dialect of clients: all that differs from the others. A new dialect is one such object.

    `render` writes an error for REST clients; its second argument is the path. `check_headers` raises what is wrong
    with the headers of an authorized request, such as a version that is not spoken. `tenant_header` is the header that
    names the tenant where the rules of an RPC say so, with `tenant_prefix` before the id or without. `page` reads which
    page of a list a request within its bounds asks for.
    """

    render: Renderer = plain
    check_headers: Callable[[Mapping[str, str]], None] = any_headers
    tenant_header: str = ""
    tenant_prefix: str = ""
    page: Callable[[Any], Page] = no_pages


def given(request: Message, field: str) -> int | None:
    """Returns a number of the request; None where the client has not sent it."""
    return int(getattr(request, field)) if request.HasField(field) else None
