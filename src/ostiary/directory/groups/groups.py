"""Groups of an organization: made, described, found, listed, deleted; the same for every dialect.

Functions take the transaction and the organization first. All changes of the groups of one organization, and of who is
in them, follow each other (`lock_rights`), so that what was read still holds when it is changed. A name need not be
unique: directories that provision groups have several of one name. An id that a provisioning client gave to a group is
stored in `external_ids` under the type `Group`, as those of users are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from ostiary.directory.groups.membership import leave_groups
from ostiary.directory.roles.granting import Giver, lock_rights
from ostiary.directory.roles.permissions import refuse_beyond
from ostiary.directory.roles.rights import rights_of_group
from ostiary.errors import DomainError, not_found
from ostiary.ids import Entropy, new_id
from ostiary.names import MAX_NAME, check_name, name_key
from ostiary.store.listed import listed
from ostiary.store.pages import counted_rows, on_page, page_of, total_of_empty
from ostiary.store.prepared import prepared
from ostiary.store.tables import GROUP, ExternalId, Group, RoleBinding, table_of, unindexed
from ostiary.store.work import Work

MAX_PAGE = 100
LOCAL = "LOCAL"
_GROUPS, _BINDINGS, _IDS = table_of(Group), table_of(RoleBinding), table_of(ExternalId)
BY_NAME = (_GROUPS.c.display_name_key, _GROUPS.c.id)


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as it was read. Times are UTC milliseconds. `version` grows with each change of the group, of its members
    too: an ETag. `domain` is that of the directory from which it came, empty for a group of the organization itself.
    `provider_type` says where its members are known to belong to it: LOCAL, SAML or OAUTH."""

    id: str
    tenant_id: str
    display_name: str
    description: str
    domain: str
    version: int
    created_at: int
    modified_at: int
    provider_type: str = LOCAL


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """The attributes of a group that can be changed. `display_name` has 1 to 256 characters, `description` may be
    empty."""

    display_name: str
    description: str = ""


_COLUMNS = [_GROUPS.c[name] for name in GroupView.__slots__]
_THE_GROUP = (_GROUPS.c.tenant_id == bindparam("of_tenant"), _GROUPS.c.id == bindparam("of_group"))
_BY_ID = prepared(select(*_COLUMNS).where(*_THE_GROUP))
_BY_IDS = prepared(
    select(*_COLUMNS).where(unindexed(_GROUPS.c.tenant_id) == bindparam("of_tenant"), listed(_GROUPS.c.id, "ids"))
)


def find_group(work: Work, tenant_id: str, group_id: str) -> GroupView | None:
    """The group of this id, or None."""
    row = work.row(_BY_ID, {"of_tenant": tenant_id, "of_group": group_id})
    return _view(row) if row else None


def get_group(work: Work, tenant_id: str, group_id: str) -> GroupView:
    """The group of this id; raises GROUP_NOT_FOUND."""
    found = find_group(work, tenant_id, group_id)
    if found is None:
        raise no_such_group()
    return found


def lock_group(work: Work, tenant_id: str, group_id: str) -> GroupView:
    """The group as it stays until the end of the transaction, but for what this transaction changes: to be compared
    with a version that the caller expects. Raises GROUP_NOT_FOUND."""
    lock_rights(work, tenant_id)
    return get_group(work, tenant_id, group_id)


def find_groups(work: Work, tenant_id: str, group_ids: Iterable[str]) -> Mapping[str, GroupView]:
    """Returns those of the groups that exist, by id."""
    ids = list(group_ids)
    rows = work.rows(_BY_IDS, {"of_tenant": tenant_id, "ids": ids}) if ids else ()
    return {row.id: _view(row) for row in rows}


def list_groups(
    work: Work, tenant_id: str, *conditions: ColumnElement[bool], start: int = 1, count: int = MAX_PAGE,
    order: Sequence[ColumnElement[Any]] = BY_NAME,
) -> tuple[Sequence[GroupView], int]:  # fmt: skip
    """Returns one page of groups, by name unless `order` says otherwise, and how many there are in all.

    `start` counts from 1. `conditions` and `order` are of the columns of the table `groups` (`directory.groups.search`
    makes them); `order` ends with the id.
    """
    chosen = (_GROUPS.c.tenant_id == tenant_id, *conditions)
    counting = counted_rows(_GROUPS, *chosen)
    page = page_of(_GROUPS, chosen, order, start=start, count=count, about=0, counting=counting)
    found = work.rows(select(*_COLUMNS, page.c.total).join(page, page.c.id == _GROUPS.c.id).order_by(*order))
    if not found:
        return [], total_of_empty(work, counting, start, count)
    total: int = found[0].total
    return [_view(row) for row in on_page(found, total, start)], total


def create_group(
    work: Work, tenant_id: str, new: GroupDescription, entropy: Entropy, now_ms: int, *, domain: str = "",
    provider_type: str = LOCAL,
) -> GroupView:  # fmt: skip
    """Makes a group, which has no members and holds no roles. Raises INVALID_NAME."""
    group = GroupView(new_id(entropy), tenant_id, **_described(new), domain=domain, version=1, created_at=now_ms,
                      modified_at=now_ms, provider_type=provider_type)  # fmt: skip
    row = {name: getattr(group, name) for name in GroupView.__slots__}
    work.run(_GROUPS.insert().values(row | {"display_name_key": name_key(new.display_name)}))
    return group


def update_group(work: Work, tenant_id: str, group_id: str, new: GroupDescription, now_ms: int) -> GroupView:
    """Replaces the description of a group; what is the same stays, with its version. Raises GROUP_NOT_FOUND,
    INVALID_NAME."""
    group = lock_group(work, tenant_id, group_id)
    if new == GroupDescription(group.display_name, group.description):
        return group
    facts = _described(new) | {"display_name_key": name_key(new.display_name)}
    changed = update(_GROUPS).where(_GROUPS.c.id == group_id, _GROUPS.c.tenant_id == tenant_id)
    work.run(changed.values(facts | {"version": group.version + 1, "modified_at": now_ms}))
    return get_group(work, tenant_id, group_id)


def delete_group(work: Work, tenant_id: str, group_id: str, giver: Giver, now_ms: int) -> None:
    """Deletes a group, and so takes its roles from its members; these stay. Raises GROUP_NOT_FOUND, and FORBIDDEN where
    the group, or one that it belongs to, permits more than `giver` may do."""
    lock_rights(work, tenant_id)
    refuse_beyond(giver(work), rights_of_group(work, tenant_id, group_id, now_ms))
    if not work.run(delete(_GROUPS).where(_GROUPS.c.id == group_id, _GROUPS.c.tenant_id == tenant_id)):
        raise no_such_group()
    leave_groups(work, tenant_id, group_id)
    held = (_BINDINGS.c.holder_id == group_id, _BINDINGS.c.holder_type == GROUP)
    work.run(delete(_BINDINGS).where(_BINDINGS.c.tenant_id == tenant_id, *held))
    work.run(delete(_IDS).where(_IDS.c.tenant_id == tenant_id, _IDS.c.resource_id == group_id))


def no_such_group() -> DomainError:
    """Returns the error for a group that is not found: the same for an unknown one and for one of another tenant."""
    return not_found("GROUP_NOT_FOUND", "This organization has no such group.")


def _described(new: GroupDescription) -> dict[str, Any]:
    return {"display_name": check_name("displayName", new.display_name, MAX_NAME), "description": new.description}


def _view(row: Any) -> GroupView:
    return GroupView(*row[: len(_COLUMNS)])
