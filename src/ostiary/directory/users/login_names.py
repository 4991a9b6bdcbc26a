"""Sign-in names: a user name or mail address belongs to one user of a tenant, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select

from ostiary.store.prepared import prepared
from ostiary.store.tables import LoginName, table_of
from ostiary.store.work import Work

_NAMES = table_of(LoginName)
_TAKE = prepared(lambda insert: insert(_NAMES).on_conflict_do_nothing().returning(_NAMES.c.name_key, _NAMES.c.user_id))

_FIND = prepared(
    select(_NAMES.c.user_id).where(_NAMES.c.tenant_id == bindparam("of_tenant"), _NAMES.c.name_key == bindparam("key"))
)

FEW = 4
"""Names up to which a prepared statement for each takes less time than one for all."""


def take_login_names(work: Work, tenant_id: str, wanted: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Takes names for users that exist: pairs of a compared name (`login_key`, `email_key`) and a directory id.

    Returns the pairs that it could not take, since another user has that name. Of two who ask at once exactly one gets
    it. Any number of pairs costs a few statements.
    """
    # In the same order in every transaction: two transactions that wait for each other's names would both be refused.
    pairs = sorted(set(wanted))
    if not pairs:
        return set()
    rows = [{"tenant_id": tenant_id, "name_key": key, "user_id": user_id} for key, user_id in pairs]
    if len(rows) <= FEW:
        return set(pairs) - {tuple(found) for row in rows for found in work.rows(_TAKE, row)}
    taken = work.insert(_NAMES).on_conflict_do_nothing().returning(_NAMES.c.name_key, _NAMES.c.user_id)
    return set(pairs) - {tuple(row) for row in work.connection.execute(taken, rows)}


def replace_login_names(work: Work, tenant_id: str, user_id: str, before: set[str], after: set[str]) -> set[str]:
    """Takes the names that a user has from now on, and frees those it has no longer; returns the names that another
    user has, and frees none then. Nothing is written where nothing changes."""
    refused = take_login_names(work, tenant_id, [(key, user_id) for key in after - before])
    if not refused and before - after:
        mine = (_NAMES.c.tenant_id == tenant_id, _NAMES.c.user_id == user_id)
        work.run(delete(_NAMES).where(*mine, _NAMES.c.name_key.in_(before - after)))
    return {key for key, _ in refused}


def user_with_login_name(work: Work, tenant_id: str, key: str) -> str | None:
    """The directory id of the user who has a name: a user name, or any mail address."""
    row = work.row(_FIND, {"of_tenant": tenant_id, "key": key})
    return row.user_id if row else None
