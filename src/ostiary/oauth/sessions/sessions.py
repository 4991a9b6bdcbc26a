"""Sessions: the record that a user has signed in, when and how. Codes, grants and session tokens depend on one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, insert, select, update

from ostiary.ids import Entropy, digest, new_id
from ostiary.oauth.sessions.places import NOWHERE, Place
from ostiary.store.prepared import Prepared, prepared
from ostiary.store.tables import Session, table_of
from ostiary.store.work import Work

_SESSIONS = table_of(Session)
_OPEN = insert(_SESSIONS)
_LIVING = select(_SESSIONS).where(
    _SESSIONS.c.tenant_id == bindparam("of_tenant"),
    _SESSIONS.c.id == bindparam("session_id"),
    _SESSIONS.c.ended_at.is_(None),
    _SESSIONS.c.expires_at > bindparam("now_ms"),
)

MOST_LISTED = 50
"""Sessions of a user that are listed."""
_OF_USER = (
    _SESSIONS.c.tenant_id == bindparam("of_tenant"), _SESSIONS.c.user_id == bindparam("of_user"),
    _SESSIONS.c.ended_at.is_(None), _SESSIONS.c.expires_at > bindparam("now_ms"),
)  # fmt: skip
_LISTED = (
    _SESSIONS.c.id, _SESSIONS.c.kind, _SESSIONS.c.agent, _SESSIONS.c.address, _SESSIONS.c.auth_time,
    _SESSIONS.c.last_seen_at,
)  # fmt: skip
_LIST = select(*_LISTED).where(*_OF_USER).order_by(_SESSIONS.c.last_seen_at.desc(), _SESSIONS.c.id).limit(MOST_LISTED)


def _end_where(column: ColumnElement[str]) -> Prepared:
    living = update(_SESSIONS).where(_SESSIONS.c.tenant_id == bindparam("of_tenant"), _SESSIONS.c.ended_at.is_(None))
    return prepared(living.where(column == bindparam("named")).values(ended_at=bindparam("now_ms")))


_END, _END_OF_USER = _end_where(_SESSIONS.c.id), _end_where(_SESSIONS.c.user_id)
_OWN = (*_OF_USER[:3], _SESSIONS.c.id == bindparam("session_id"))
_END_OWN = update(_SESSIONS).where(*_OWN).values(ended_at=bindparam("now_ms"))
_OTHERS = (*_OF_USER[:3], _SESSIONS.c.id != bindparam("session_id"))
_END_OTHERS = update(_SESSIONS).where(*_OTHERS).values(ended_at=bindparam("now_ms"))


def new_session(
    tenant_id: str, kind: str, user_id: str, amr: str, auth_time: int, lifetime_s: int, entropy: Entropy, *,
    secret: str = "", grant_id: str = "", access_epoch: int, proofs: str = "", idle_s: int = 0, place: Place = NOWHERE,
) -> Session:  # fmt: skip
    """Makes a session that begins at `auth_time` (UTC milliseconds); `amr` is space-separated (RFC 8176).

    `kind` is browser, cloudapi or csp. The id is new at every sign-in, so nothing planted before it is worth
    anything after it. `secret` is what a cookie holds, if one does; its digest is kept. `grant_id` is the API token
    used for the sign-in: the session ends when that is revoked. `access_epoch` is the user's, as it was when
    the user proved who it is. `proofs` and `idle_s` are those of a session that opens other applications;
    `place` is where the user signed in.
    """
    return Session(
        id=new_id(entropy), tenant_id=tenant_id, kind=kind, user_id=user_id, amr=amr, auth_time=auth_time,
        created_at=auth_time, last_seen_at=auth_time, expires_at=auth_time + lifetime_s * 1000,
        secret=digest(secret) if secret else "", grant_id=grant_id, access_epoch=access_epoch, proofs=proofs,
        idle_s=idle_s, agent=place.agent, address=place.address,
    )  # fmt: skip


def store_session(work: Work, session: Session) -> None:
    """Opens a session that was made."""
    work.run(_OPEN, session.model_dump())


def open_session(
    work: Work, tenant_id: str, kind: str, user_id: str, amr: str, auth_time: int, lifetime_s: int, entropy: Entropy, *,
    secret: str = "", grant_id: str = "", access_epoch: int,
) -> Session:  # fmt: skip
    """Makes a session, as `new_session` says, and opens it."""
    session = new_session(
        tenant_id, kind, user_id, amr, auth_time, lifetime_s, entropy,
        secret=secret, grant_id=grant_id, access_epoch=access_epoch,
    )  # fmt: skip
    store_session(work, session)
    return session


def find_session(work: Work, tenant_id: str, session_id: str, now_ms: int) -> Session | None:
    """Returns the session if it has not ended."""
    row = work.row(_LIVING, {"of_tenant": tenant_id, "session_id": session_id, "now_ms": now_ms})
    return Session(**row._asdict()) if row else None


def end_session(work: Work, tenant_id: str, session_id: str, now_ms: int) -> bool:
    """Ends one session; tokens that depend on it are refused from the next request on. False when it had ended
    already."""
    return bool(work.run(_END, {"of_tenant": tenant_id, "named": session_id, "now_ms": now_ms}))


def list_sessions(work: Work, tenant_id: str, user_id: str, now_ms: int) -> Sequence[Row[Any]]:
    """The living sessions of a user, the one that was used last first, at most MOST_LISTED: id, kind, agent, address,
    auth_time, last_seen_at."""
    return work.rows(_LIST, {"of_tenant": tenant_id, "of_user": user_id, "now_ms": now_ms})


def end_sessions_of_user(work: Work, tenant_id: str, user_id: str, now_ms: int) -> int:
    """Ends every session of a user; how many lived."""
    return work.run(_END_OF_USER, {"of_tenant": tenant_id, "named": user_id, "now_ms": now_ms})


def end_session_of_user(work: Work, tenant_id: str, user_id: str, session_id: str, now_ms: int) -> bool:
    """Ends one session of this user; False where it is somebody else's, or there is none any more."""
    named = {"of_tenant": tenant_id, "of_user": user_id, "session_id": session_id, "now_ms": now_ms}
    return bool(work.run(_END_OWN, named))


def end_other_sessions(work: Work, tenant_id: str, user_id: str, session_id: str, now_ms: int) -> int:
    """Ends every session of a user but one; how many lived."""
    named = {"of_tenant": tenant_id, "of_user": user_id, "session_id": session_id, "now_ms": now_ms}
    return work.run(_END_OTHERS, named)
