"""Rights as records of Cloud Director's query service: the same in every organization."""

from __future__ import annotations

from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.right_list import Right, list_rights
from ostiary.errors import invalid
from ostiary.http.queries import ListQuery
from ostiary.store.work import Work

_SORTED_BY = ("name", "description")


def right_records(work: Work, query: ListQuery) -> tuple[list[Right], int]:
    """One page of the rights, and how many there are; raises INVALID_FILTER and INVALID_SORT."""
    if query.sort not in _SORTED_BY:
        raise invalid("INVALID_SORT", f"This list can be sorted by {', '.join(_SORTED_BY)}.")
    return list_rights(
        work, Permission, query.filter, encoded=query.encoded, sort=query.sort, descending=query.descending,
        offset=query.page.offset, limit=query.page.size,
    )  # fmt: skip
