"""Role bindings: who holds which role of an organization, itself or through groups, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, or_, select, union, union_all
from sqlalchemy.sql.dml import UpdateBase

from ostiary.directory.roles.built_in import BUILT_IN, role_id
from ostiary.directory.roles.nesting import of_kind, users_of, with_nested
from ostiary.directory.roles.rights import by_groups, with_roles
from ostiary.store.listed import listed
from ostiary.store.prepared import prepared
from ostiary.store.tables import GROUP, USER, OrganizationRole, RoleBinding, User, table_of, unindexed
from ostiary.store.work import Work

_BINDINGS, _ROLES, _USERS = table_of(RoleBinding), table_of(OrganizationRole), table_of(User)
DIRECT, BY_GROUP = "DIRECT", "GROUP"
"""The values of `HeldRole.membership_type`: given to the holder itself, or to a group that it belongs to."""
_SHOWN = (
    _BINDINGS.c.role, _BINDINGS.c.holder_type, _BINDINGS.c.expires_at, _ROLES.c.name, _ROLES.c.display_name,
    _ROLES.c.service_definition_id,
)  # fmt: skip
_OF_USER = prepared(
    union_all(
        select(*_SHOWN)
        .select_from(with_roles(_USERS, _USERS.c.id, USER, _USERS.c.tenant_id, of_services=True))
        .where(_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("id")),
        by_groups(*_SHOWN, of_services=True),
    )
)


def given_roles(kind: str) -> Select[Any]:
    """Selects the roles that the holders `ids` of a kind were given and hold now, without those of services."""
    named = (_ROLES.c.id == _BINDINGS.c.role) & (unindexed(_ROLES.c.tenant_id) == bindparam("of_tenant"))
    return (
        select(_BINDINGS.c.holder_id, _BINDINGS.c.role, _ROLES.c.name, _ROLES.c.display_name, _BINDINGS.c.expires_at)
        .select_from(_BINDINGS.outerjoin(_ROLES, named))
        .where(  # as the primary key begins: without the tenant no index serves, and all bindings would be read
            _BINDINGS.c.tenant_id == bindparam("of_tenant"),
            listed(_BINDINGS.c.holder_id, "ids"),
            of_kind(_BINDINGS, kind),
            or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > bindparam("now_ms")),
            _ROLES.c.service_definition_id.is_(None),
        )
    )


_OF_HOLDERS = {kind: prepared(given_roles(kind)) for kind in (USER, GROUP)}
_GIVEN = (
    _BINDINGS.c.tenant_id == bindparam("of_tenant"),
    _BINDINGS.c.role == bindparam("role"),
    or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > bindparam("now_ms")),
)
_HOLDING_GROUPS = with_nested(select(_BINDINGS.c.holder_id.label("id")).where(*_GIVEN, of_kind(_BINDINGS, GROUP)))
_HOLDERS = union(
    select(_BINDINGS.c.holder_id.label("id")).where(*_GIVEN, of_kind(_BINDINGS, USER)), users_of(_HOLDING_GROUPS)
)
_BIND = prepared(lambda insert: _upsert(insert(_BINDINGS)))
_NAMED = select(_ROLES.c.id, _ROLES.c.name, _ROLES.c.display_name).where(
    unindexed(_ROLES.c.tenant_id) == bindparam("of_tenant"), _ROLES.c.id.in_(bindparam("ids", expanding=True))
)


def _upsert(insert: Any) -> UpdateBase:
    until = {"expires_at": insert.excluded.expires_at}
    statement: UpdateBase = insert.on_conflict_do_update(index_elements=_BINDINGS.primary_key.columns, set_=until)
    return statement


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that somebody holds, as the dialects show it. `expires_at` is in UTC milliseconds, None for never.
    `service` is the id of the service definition of a service role."""

    id: str
    name: str
    display_name: str
    membership_type: str = DIRECT
    expires_at: int | None = None
    service: str | None = None


def roles_named(work: Work, tenant_id: str, roles: Iterable[str]) -> list[HeldRole]:
    """The roles that bindings name so, sorted by name. Built-in ones are known without the store."""
    wanted = set(roles)
    found = [_built_in(tenant_id, role) for role in wanted & BUILT_IN.keys()]
    stored = sorted(wanted - BUILT_IN.keys())
    rows = work.rows(_NAMED, {"of_tenant": tenant_id, "ids": stored}) if stored else ()
    found += [HeldRole(row.id, row.name, row.display_name) for row in rows]
    return sorted(found, key=_by_name)


def roles_of_user(work: Work, tenant_id: str, user_id: str, now_ms: int) -> list[HeldRole]:
    """The roles of the organization that a user holds now, itself or through groups, each once, sorted by name."""
    return [role for role in all_roles_of_user(work, tenant_id, user_id, now_ms) if role.service is None]


def all_roles_of_user(work: Work, tenant_id: str, user_id: str, now_ms: int) -> list[HeldRole]:
    """The same with the roles of services; one statement."""
    rows = work.rows(_OF_USER, {"of_tenant": tenant_id, "id": user_id, "now_ms": now_ms})
    held: dict[str, HeldRole] = {}
    for role in _shown(tenant_id, rows):
        if role.id not in held or role.membership_type == DIRECT:
            held[role.id] = role
    return sorted(held.values(), key=_by_name)


def roles_of_users(
    work: Work, tenant_id: str, user_ids: Sequence[str], now_ms: int
) -> Mapping[str, Sequence[HeldRole]]:
    """The roles that each of these users was given itself and holds now, sorted by name."""
    return _given(work, tenant_id, user_ids, USER, now_ms)


def roles_of_groups(
    work: Work, tenant_id: str, group_ids: Sequence[str], now_ms: int
) -> Mapping[str, Sequence[HeldRole]]:
    """The roles that each of these groups was given and holds now for its members, sorted by name."""
    return _given(work, tenant_id, group_ids, GROUP, now_ms)


def holders_of_role(work: Work, tenant_id: str, role: str, now_ms: int) -> list[str]:
    """The ids of the users who hold a role now, themselves or through groups, sorted."""
    rows = work.rows(_HOLDERS, {"of_tenant": tenant_id, "role": role, "now_ms": now_ms})
    return sorted(row.id for row in rows)


def bind_role(
    work: Work, tenant_id: str, holder_id: str, role: str, now_ms: int, *, kind: str = USER,
    expires_at: int | None = None,
) -> None:  # fmt: skip
    """Gives a role without asking who gives it: for new users, and for `granting`, which has asked.

    `role` is the name of a built-in role or the id of a stored one. Who has it already has it until `expires_at` now.
    """
    row = {
        "tenant_id": tenant_id, "holder_id": holder_id, "holder_type": kind, "role": role, "expires_at": expires_at,
        "created_at": now_ms,
    }  # fmt: skip
    work.run(_BIND, row)


def _given(
    work: Work, tenant_id: str, holder_ids: Sequence[str], kind: str, now_ms: int
) -> Mapping[str, Sequence[HeldRole]]:
    asked = {"of_tenant": tenant_id, "now_ms": now_ms, "ids": holder_ids}
    return given_from(tenant_id, holder_ids, work.rows(_OF_HOLDERS[kind], asked) if holder_ids else ())


def given_from(
    tenant_id: str, holder_ids: Iterable[str], rows: Iterable[Sequence[Any]]
) -> Mapping[str, Sequence[HeldRole]]:
    """The roles of rows that `given_roles` selects, of each holder sorted by name. A binding that names a role that is
    gone, or of another organization, shows none."""
    found: dict[str, list[HeldRole]] = {holder_id: [] for holder_id in holder_ids}
    for holder_id, role, name, display_name, expires_at in rows:
        if role in BUILT_IN:
            found[holder_id].append(_built_in(tenant_id, role, DIRECT, expires_at))
        elif name is not None:
            found[holder_id].append(HeldRole(role, name, display_name, DIRECT, expires_at))
    for held in found.values():
        if len(held) > 1:
            held.sort(key=_by_name)
    return found


def _shown(tenant_id: str, rows: Iterable[Row[Any]]) -> list[HeldRole]:
    """The roles of bindings; one that names a role that is gone, or of another organization, shows none."""
    found = []
    for row in rows:
        how = DIRECT if row.holder_type == USER else BY_GROUP
        if row.role in BUILT_IN:
            found.append(_built_in(tenant_id, row.role, how, row.expires_at))
        elif row.name is not None:
            shown = (row.role, row.name, row.display_name, how, row.expires_at, row.service_definition_id)
            found.append(HeldRole(*shown))
    return found


@lru_cache(maxsize=4_096)
def _built_in(tenant_id: str, name: str, how: str = DIRECT, expires_at: int | None = None) -> HeldRole:
    """A built-in role as it is held: the id takes longer to calculate than a row to read, and lists show many."""
    return HeldRole(role_id(tenant_id, name), name, BUILT_IN[name].display_name, how, expires_at)


def _by_name(role: HeldRole) -> tuple[str, str]:
    return role.name, role.id
