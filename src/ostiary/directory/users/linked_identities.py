"""Identities of directory users at other providers, by which they sign in at the platform: a user has at most one at
each provider, and an identity belongs to one user."""

from __future__ import annotations

from sqlalchemy import bindparam, literal, select

from ostiary.store.prepared import prepared
from ostiary.store.tables import LinkedIdentity, table_of
from ostiary.store.work import Work

_LINKS = table_of(LinkedIdentity)
_FIND = prepared(
    select(_LINKS.c.user_id).where(
        _LINKS.c.tenant_id == bindparam("of_tenant"),
        _LINKS.c.provider == bindparam("at_provider"),
        _LINKS.c.idp_id == bindparam("its_id"),
    )
)
_LINK = prepared(lambda insert: insert(_LINKS).on_conflict_do_nothing().returning(literal(1)))


def linked_user(work: Work, tenant_id: str, provider: str, idp_id: str) -> str | None:
    """The directory id of the user to whom an identity belongs."""
    row = work.row(_FIND, {"of_tenant": tenant_id, "at_provider": provider, "its_id": idp_id})
    return row.user_id if row else None


def link_identity(work: Work, tenant_id: str, provider: str, idp_id: str, user_id: str, now_ms: int) -> bool:
    """Gives an identity to a user. False where it is somebody's already, or the user has another one there."""
    row = {"tenant_id": tenant_id, "provider": provider, "idp_id": idp_id, "user_id": user_id, "created_at": now_ms}
    return work.row(_LINK, row) is not None
