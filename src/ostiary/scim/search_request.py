"""Searches by POST (RFC 7644 §3.4.3): the message, and the search of several types of resources at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostiary.errors import DomainError, invalid
from ostiary.http.paging import Page
from ostiary.scim.filters.grammar import read_filter
from ostiary.scim.schema.attributes import ResourceKind
from ostiary.scim.schema.chosen import chosen_names
from ostiary.scim.search import Search

SEARCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
_TEXTS, _NUMBERS, _LISTS = ("filter", "sortBy", "sortOrder", "cursor"), ("startIndex", "count"), (
    "attributes", "excludedAttributes",
)  # fmt: skip


def read_search(kind: ResourceKind, sent: Any, usual: int, most: int, others: Sequence[ResourceKind] = ()) -> Search:
    """The search that a message asks for among the resources of a kind; `usual` and `most` are sizes of pages.

    `others` are searched beside it: what only they have is false of this kind. Raises INVALID_SEARCH, INVALID_FILTER,
    INVALID_ATTRIBUTES.
    """
    said = _members(sent)
    count = said.get("count")
    size = usual if count is None else min(max(0, count), most)
    text = said.get("filter") or ""
    return Search(
        Page(max(1, said.get("startIndex") or 1), size), read_filter(text) if text else None, text,
        said.get("sortBy") or "", said.get("sortOrder") or "", said.get("cursor"),
        chosen_names(kind, said.get("attributes") or (), said.get("excludedAttributes") or ()), tuple(others),
    )  # fmt: skip


def _members(sent: Any) -> Mapping[str, Any]:
    if not isinstance(sent, dict):
        raise _wrong("it is no object")
    names = {name.lower(): name for name in (*_TEXTS, *_NUMBERS, *_LISTS, "schemas")}
    said = {names[name.lower()]: value for name, value in sent.items() if name.lower() in names and value is not None}
    if SEARCH_SCHEMA not in _texts(said, "schemas"):
        raise _wrong(f"schemas must name {SEARCH_SCHEMA}")
    for name in _LISTS:
        _texts(said, name)
    for name in _TEXTS:
        if not isinstance(said.get(name, ""), str):
            raise _wrong(f"{name} must be a text")
    for name in _NUMBERS:
        if not isinstance(said.get(name, 0), int) or isinstance(said.get(name), bool):
            raise _wrong(f"{name} must be a whole number")
    return said


def _texts(said: Mapping[str, Any], name: str) -> Sequence[str]:
    value = said.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(f"{name} must be a list of texts")
    return value


def _wrong(why: str) -> DomainError:
    return invalid("INVALID_SEARCH", f"The search cannot be made: {why}.", scim_type="invalidSyntax")
