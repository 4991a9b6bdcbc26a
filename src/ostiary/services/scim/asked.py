"""Requests for lists, as the messages of this dialect say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.api import httpbody_pb2

from ostiary.scim.bodies import read_body
from ostiary.scim.filters.grammar import read_filter
from ostiary.scim.schema.attributes import ResourceKind
from ostiary.scim.schema.chosen import chosen_attributes
from ostiary.scim.search import Search
from ostiary.scim.search_request import read_search
from ostiary.transport.call import Call
from ostiary.transport.dialects.scim import MOST, USUAL


def search_of(call: Call, request: Any, kind: ResourceKind) -> Search:
    """The search of a list request; raises INVALID_FILTER, INVALID_ATTRIBUTES."""
    return Search(
        call.page(request), read_filter(request.filter) if request.filter else None, request.filter, request.sort_by,
        request.sort_order, request.cursor if call.flag(request, "cursor") else None,
        chosen_attributes(kind, request.attributes, request.excluded_attributes),
    )  # fmt: skip


def posted_search(kind: ResourceKind, body: httpbody_pb2.HttpBody, others: Sequence[ResourceKind] = ()) -> Search:
    """The search of a body; raises INVALID_SEARCH, INVALID_FILTER, INVALID_ATTRIBUTES."""
    return read_search(kind, read_body(body), USUAL, MOST, others)


def if_match(call: Call) -> str:
    """The header If-Match; empty where there is none."""
    return call.metadata.get("if-match", "")
