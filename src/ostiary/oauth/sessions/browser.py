"""Sessions of browsers, by which one sign-in opens the other applications of a tenant, at both of its issuers.

The browser shows its session by a secret in a cookie, of which the digest is kept. The secret is a new one whenever
something was proved: what a browser had before, and whoever planted it there, has nothing afterwards. The id, which
applications know as `sid`, stays the same for as long as the same person uses the browser.

A session opens applications until it was not used for as long as the tenant says, for LONGEST_S at most, or until it
ends: by a sign-out, and together with all access of its user. What depends on it, such as refresh tokens of the
platform, lives on when it only opens nothing new any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from ostiary.ids import Entropy, digest, new_secret
from ostiary.oauth.sessions.places import NOWHERE, Place
from ostiary.oauth.sessions.sessions import end_session, find_session, new_session, store_session
from ostiary.store.prepared import prepared
from ostiary.store.tables import Session, User, table_of
from ostiary.store.work import Work

BROWSER = "browser"
"""The kind of these sessions."""
LONGEST_S = 30 * 86_400
"""The longest time after a proof for which a session opens applications."""

_SESSIONS, _USERS = table_of(Session), table_of(User)
_BY_SECRET = prepared(
    select(_SESSIONS)
    .join(_USERS, (_USERS.c.tenant_id == _SESSIONS.c.tenant_id) & (_USERS.c.id == _SESSIONS.c.user_id))
    .where(
        _SESSIONS.c.secret == bindparam("its_digest"), _SESSIONS.c.kind == BROWSER, _SESSIONS.c.ended_at.is_(None),
        _SESSIONS.c.expires_at > bindparam("now_ms"), _USERS.c.active,
        _USERS.c.access_epoch == _SESSIONS.c.access_epoch,
    )
)  # fmt: skip
_THE_LIVING = (
    _SESSIONS.c.tenant_id == bindparam("of_tenant"),
    _SESSIONS.c.id == bindparam("session_id"),
    _SESSIONS.c.ended_at.is_(None),
)
_USED = prepared(update(_SESSIONS).where(*_THE_LIVING).values(last_seen_at=bindparam("now_ms")))


class SessionEnded(Exception):
    """The session ended after it was read."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a session: the person and the epoch of the moment, what was proved and how (`amr`), when
    (UTC milliseconds), for how long, and where."""

    user_id: str
    access_epoch: int
    proofs: str
    amr: str
    auth_time: int
    idle_s: int
    lifetime_s: int
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Entered:
    """A session that was entered. `secret` is for the browser's cookie; empty where the browser has it already."""

    id: str
    secret: str = ""


def find_browser_session(work: Work, secret: str, now_ms: int, tenant_id: str = "") -> Session | None:
    """The session that a secret opens: one of the tenant, if one is given. None for one that has ended, was not used
    for too long, or whose user may not act any more."""
    row = work.row(_BY_SECRET, {"its_digest": digest(secret), "now_ms": now_ms}) if secret else None
    if row is None or tenant_id not in ("", row.tenant_id):
        return None
    idle, since_proof = now_ms - row.last_seen_at >= row.idle_s * 1000, now_ms - row.created_at >= LONGEST_S * 1000
    return None if idle or since_proof else Session(**row._asdict())


def enter_session(
    work: Work, tenant_id: str, terms: Terms, entropy: Entropy, now_ms: int, *, proved_by: str = "", cookie: str = ""
) -> Entered:
    """Enters a session at the end of a sign-in: the one that has proved it, else the one that the browser's `cookie`
    shows, if it is the same person's, else a new one. That of somebody else ends; what opens nothing else has a session
    of its own beside. Raises SessionEnded."""
    if proved_by:
        session = find_session(work, tenant_id, proved_by, now_ms)
        if session is None or not work.run(_USED, _facts(tenant_id, proved_by, now_ms)):
            raise SessionEnded
        return Entered(session.id) if session.proofs == terms.proofs else _renew(work, session, terms, entropy, now_ms)
    session = find_browser_session(work, cookie, now_ms, tenant_id)
    if session is not None and session.user_id == terms.user_id and terms.idle_s:
        return _renew(work, session, terms, entropy, now_ms)
    if session is not None and session.user_id != terms.user_id:
        end_session(work, tenant_id, session.id, now_ms)
    return _open(work, tenant_id, terms, entropy, now_ms)


def _open(work: Work, tenant_id: str, terms: Terms, entropy: Entropy, now_ms: int) -> Entered:
    secret = new_secret(entropy) if terms.idle_s else ""
    session = new_session(
        tenant_id, BROWSER, terms.user_id, terms.amr, now_ms, _lifetime_s(terms), entropy, secret=secret,
        access_epoch=terms.access_epoch, proofs=terms.proofs, idle_s=terms.idle_s,
        place=terms.place,
    )  # fmt: skip
    session.auth_time = terms.auth_time
    store_session(work, session)
    return Entered(session.id, secret)


def _renew(work: Work, session: Session, terms: Terms, entropy: Entropy, now_ms: int) -> Entered:
    secret = new_secret(entropy)
    values = {
        "secret": digest(secret), "proofs": terms.proofs, "amr": terms.amr, "auth_time": terms.auth_time,
        "idle_s": terms.idle_s, "access_epoch": terms.access_epoch, "created_at": now_ms, "last_seen_at": now_ms,
        "expires_at": now_ms + _lifetime_s(terms) * 1000, "agent": terms.place.agent, "address": terms.place.address,
    }  # fmt: skip
    changed = update(_SESSIONS).where(*_THE_LIVING).values(values)
    if not work.run(changed, {"of_tenant": session.tenant_id, "session_id": session.id}):
        raise SessionEnded
    return Entered(session.id, secret)


def _lifetime_s(terms: Terms) -> int:
    return max(terms.lifetime_s, LONGEST_S) if terms.idle_s else terms.lifetime_s


def _facts(tenant_id: str, session_id: str, now_ms: int) -> dict[str, str | int]:
    return {"of_tenant": tenant_id, "session_id": session_id, "now_ms": now_ms}
