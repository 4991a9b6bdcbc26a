"""Lists of groups (RFC 7644 §3.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.groups.groups import GroupView, list_groups
from ostiary.http.paging import Page
from ostiary.scim.acting import Acting
from ostiary.scim.filters.of_groups import SearchedGroups
from ostiary.scim.filters.sources import Condition
from ostiary.scim.search import Column, Found, Search, find
from ostiary.store.tables import Group, table_of

_GROUPS = table_of(Group)


def find_group_page(acting: Acting, search: Search, location: str) -> Found:
    """One page of the groups that a search finds; `location` is the URL of the list. Raises as `search.find`."""
    work, tenant_id = acting.work, acting.tenant_id

    def read(conditions: Sequence[Condition], order: Sequence[Column], page: Page) -> tuple[Sequence[GroupView], int]:
        return list_groups(work, tenant_id, *conditions, start=page.start, count=page.size, order=order)

    searched = SearchedGroups(tenant_id, acting.principal.id, location)
    return find(work, search, searched, _GROUPS, tenant_id, read)
