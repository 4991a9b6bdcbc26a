"""Applications with access: what acts in the name of a directory user without asking, and the end of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from ostiary.oauth.sessions.refresh import revoke_grant
from ostiary.store.tables import Grant, table_of
from ostiary.store.work import Work

MOST_LISTED = 100
"""Applications that are listed."""
_GRANTS = table_of(Grant)
_OF_USER = (
    _GRANTS.c.tenant_id == bindparam("of_tenant"), _GRANTS.c.user_id == bindparam("of_user"),
    _GRANTS.c.revoked_at.is_(None), _GRANTS.c.expires_at > bindparam("now_ms"),
)  # fmt: skip
_USED_AT = func.coalesce(_GRANTS.c.last_used_at, _GRANTS.c.created_at)
_ONE = (_GRANTS.c.client_id, _GRANTS.c.kind, _GRANTS.c.name)
_LIST = (
    select(*_ONE, func.min(_GRANTS.c.created_at).label("since"), func.max(_USED_AT).label("used_at"))
    .where(*_OF_USER)
    .group_by(*_ONE)
    .order_by(func.max(_USED_AT).desc(), _GRANTS.c.client_id, _GRANTS.c.name)
    .limit(MOST_LISTED)
)
_ITS_GRANTS = select(_GRANTS.c.id).where(
    *_OF_USER, _GRANTS.c.client_id == bindparam("of_client"), _GRANTS.c.kind == bindparam("of_kind"),
    _GRANTS.c.name == bindparam("its_name"),
)  # fmt: skip


def list_applications(work: Work, tenant_id: str, user_id: str, now_ms: int) -> Sequence[Row[Any]]:
    """What has access in the name of a user, the one that was used last first: client_id, kind, name, since, used_at.
    An API token is one of its own, by its name; of an application all sign-ins are one."""
    return work.rows(_LIST, {"of_tenant": tenant_id, "of_user": user_id, "now_ms": now_ms})


def revoke_application(
    work: Work, tenant_id: str, user_id: str, client_id: str, kind: str, name: str, now_ms: int
) -> bool:
    """Ends what one application holds for a user: refresh tokens, and the access tokens issued with them. False where
    it holds nothing."""
    named = {
        "of_tenant": tenant_id, "of_user": user_id, "of_client": client_id, "of_kind": kind, "its_name": name,
        "now_ms": now_ms,
    }  # fmt: skip
    return sum(revoke_grant(work, tenant_id, row.id, now_ms) for row in work.rows(_ITS_GRANTS, named)) > 0
