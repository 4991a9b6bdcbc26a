"""Refresh tokens and the grants behind them: rotating ones (RFC 9700 §4.14), and API tokens that stay as they are.

A grant is one authorization; its refresh tokens are a family. A rotating token is used once: within ten seconds the
same client may repeat itself, as after a lost answer, and gets the same answer while the successor is unused; any other
second use means that two parties hold the token, so the family is revoked. An API token is sent again on every run of a
script; it is valid until it expires or is revoked.

Tokens are opaque: lower-case hex of 256 random bits. Only digests are stored.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, case, insert, or_, select, update

from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.errors import DomainError, invalid
from ostiary.ids import Entropy, digest, new_id
from ostiary.keys.rotation import LONGEST_TOKEN_LIFE_MS
from ostiary.keys.sealing import SealedField, Sealing
from ostiary.store.batches import SIZE
from ostiary.store.engine import Store
from ostiary.store.prepared import Prepared, prepared
from ostiary.store.tables import Grant, RefreshToken, RevokedToken, Session, table_of
from ostiary.store.tables.columns import as_hex
from ostiary.store.tables.tokens import ANSWERED
from ostiary.store.work import Work

ROTATING = "rotating"
API_TOKEN = "api_token"
APPID = "appid"
PLATFORM = "platform"
GRACE_MS = 10_000
ANSWER_MS = 2 * GRACE_MS
"""The time for which the answer of a refresh is stored at least; the cleaner runs every minute."""
API_TOKEN_LIFETIME_S = 90 * 86_400
LONGEST_ACCESS_MS = 86_400_000
"""The longest lifetime of an access token, after which the record of its revocation is not needed; those of anonymous
users can be longer."""

_GRANTS, _TOKENS = table_of(Grant), table_of(RefreshToken)
_REVOKED, _SESSIONS = table_of(RevokedToken), table_of(Session)
_SUCCESSOR = _TOKENS.alias("successor")
_FIND = prepared(
    select(
        _TOKENS.c.digest, _GRANTS.c.tenant_id, _TOKENS.c.grant_id, _TOKENS.c.issued_at, _TOKENS.c.expires_at,
        _TOKENS.c.used_at,
        _GRANTS.c.sealed_answer, _SUCCESSOR.c.used_at.label("successor_used_at"), _GRANTS.c.kind, _GRANTS.c.audience,
        _GRANTS.c.client_id, _GRANTS.c.subject, _GRANTS.c.user_id, _GRANTS.c.session_id, _GRANTS.c.scope,
        _GRANTS.c.amr, _GRANTS.c.auth_time, _GRANTS.c.acr, _GRANTS.c.claims, _GRANTS.c.access_epoch,
        _GRANTS.c.revoked_at,
    )
    .select_from(
        _TOKENS.join(_GRANTS, _GRANTS.c.id == _TOKENS.c.grant_id)
        .outerjoin(_SUCCESSOR, _SUCCESSOR.c.digest == _TOKENS.c.successor)
    )
    .where(_GRANTS.c.tenant_id == bindparam("of_tenant"), _TOKENS.c.digest == bindparam("token_digest"))
)  # fmt: skip
_FAMILY = prepared(
    select(_GRANTS.c.id, _GRANTS.c.subject)
    .join(_TOKENS, _TOKENS.c.grant_id == _GRANTS.c.id)
    .where(
        _GRANTS.c.tenant_id == bindparam("of_tenant"),
        _TOKENS.c.digest == bindparam("token_digest"),
        _GRANTS.c.client_id == bindparam("of_client"),
    )
)
_ORIGIN = prepared(
    select(_GRANTS.c.tenant_id, _GRANTS.c.kind)
    .join(_GRANTS, _GRANTS.c.id == _TOKENS.c.grant_id)
    .where(_TOKENS.c.digest == bindparam("token_digest"))
)
_ADD_GRANT, _ADD_TOKEN = prepared(insert(_GRANTS)), prepared(insert(_TOKENS))
_USE = prepared(
    update(_TOKENS)
    .where(_TOKENS.c.digest == bindparam("token_digest"), _TOKENS.c.used_at.is_(None))
    .values(used_at=bindparam("now_ms"), successor=bindparam("next_digest"))
)
_EXTEND = prepared(
    update(_GRANTS)
    .where(_GRANTS.c.id == bindparam("of_grant"), _GRANTS.c.revoked_at.is_(None))
    .values(expires_at=bindparam("until_ms"), last_used_at=bindparam("now_ms"), sealed_answer=bindparam("answer"))
)
_OLD = and_(ANSWERED, or_(_GRANTS.c.last_used_at <= bindparam("early"), _GRANTS.c.last_used_at > bindparam("late")))
_SOME_OLD = select(_GRANTS.c.id).where(_OLD).limit(SIZE)
_FORGET = update(_GRANTS).where(_GRANTS.c.id.in_(_SOME_OLD), _OLD).values(sealed_answer="")
_NAMED = ("id", "subject", "user_id", "client_id")
"""Columns of grants by which they are revoked."""
_REVOKE = {
    column: prepared(
        update(_GRANTS)
        .where(_GRANTS.c.tenant_id == bindparam("of_tenant"), _GRANTS.c[column] == bindparam("named"))
        .where(_GRANTS.c.revoked_at.is_(None))
        .values(revoked_at=bindparam("now_ms"), sealed_answer="")
    )
    for column in _NAMED
}


def _dying(column: str) -> ColumnElement[bool]:
    """The condition of the grants that `_REVOKE` has just revoked."""
    return and_(
        _GRANTS.c.tenant_id == bindparam("of_tenant"),
        _GRANTS.c[column] == bindparam("named"),
        _GRANTS.c.revoked_at.is_not(None),
        _GRANTS.c.revoked_at == bindparam("now_ms"),
    )


def _revoke_issued(column: str) -> Prepared:
    """Revokes the access tokens that were issued with the dying grants and could still be valid."""
    longest = case((_GRANTS.c.amr == ANONYMOUS, LONGEST_TOKEN_LIFE_MS), else_=LONGEST_ACCESS_MS)
    dead = (
        select(as_hex(_TOKENS.c.access_digest), _GRANTS.c.tenant_id, _TOKENS.c.issued_at + longest)
        .join(_GRANTS, _GRANTS.c.id == _TOKENS.c.grant_id)
        .where(_dying(column), _TOKENS.c.access_digest != "", _TOKENS.c.issued_at + longest > bindparam("now_ms"))
        .distinct()
    )
    columns = ["digest", "tenant_id", "expires_at"]
    return prepared(lambda insert: insert(_REVOKED).from_select(columns, dead).on_conflict_do_nothing())


_REVOKE_ISSUED = {column: _revoke_issued(column) for column in _NAMED}
_END_OPENED = {
    column: prepared(
        update(_SESSIONS)
        .where(_SESSIONS.c.tenant_id == bindparam("of_tenant"), _SESSIONS.c.ended_at.is_(None))
        .where(_SESSIONS.c.grant_id.in_(select(_GRANTS.c.id).where(_dying(column))))
        .values(ended_at=bindparam("now_ms"))
    )
    for column in _NAMED
}


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """The terms of an authorization: scope and subject. Times are UTC milliseconds; `amr` and `scope` are
    space-separated.

    `kind` is ROTATING or API_TOKEN, `audience` APPID or PLATFORM, `subject` the `sub` of the tokens, `user_id` the
    directory user behind it, if any. `scope` is what was asked for; empty means all that the subject may have.
    """

    kind: str
    audience: str
    subject: str
    auth_time: int
    client_id: str = ""
    user_id: str = ""
    session_id: str = ""
    name: str = ""
    scope: str = ""
    amr: str = ""
    acr: str = ""
    claims: str = ""
    """What the client asked for by the parameter `claims`: see `oauth.claims.claims_parameter`."""
    access_epoch: int = 0
    """The subject's when it signed in; a grant of an earlier one than the subject's is dead."""


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A refresh token that was presented, and the grant behind it."""

    tenant_id: str
    grant_id: str
    digest: str
    issued_at: int
    terms: GrantTerms
    sealed_answer: str = ""
    """The stored answer, sealed; not empty when this is a repetition within the grace period: see `repeated_answer`."""


class Reused(Exception):
    """A rotating token was used again: the caller must call `revoke_grant` with this grant and refuse."""

    def __init__(self, grant_id: str) -> None:
        super().__init__(grant_id)
        self.grant_id = grant_id


class Overtaken(Exception):
    """The token was used, or its grant revoked, after it was read: read it again."""


def new_refresh_token(entropy: Entropy) -> str:
    """A refresh token: 64 lower-case hex digits."""
    return entropy.token_bytes(32).hex()


def open_grant(
    work: Work, tenant_id: str, terms: GrantTerms, token: str, entropy: Entropy, now_ms: int, lifetime_s: int,
    access_token: str = "",
) -> str:  # fmt: skip
    """Stores a grant with its first refresh `token`; returns the grant's id.

    `access_token` is the one issued with it: it is revoked with the family.
    """
    grant_id = open_empty_grant(work, tenant_id, terms, entropy, now_ms, lifetime_s)
    add_refresh_token(work, grant_id, token, now_ms, now_ms + lifetime_s * 1000, access_token)
    return grant_id


def open_empty_grant(
    work: Work, tenant_id: str, terms: GrantTerms, entropy: Entropy, now_ms: int, lifetime_s: int
) -> str:
    """Stores a grant whose first refresh token comes later; returns the grant's id."""
    grant_id = new_id(entropy)
    work.run(
        _ADD_GRANT,
        {
            "id": grant_id, "tenant_id": tenant_id, "kind": terms.kind, "audience": terms.audience,
            "client_id": terms.client_id, "subject": terms.subject, "user_id": terms.user_id,
            "session_id": terms.session_id, "name": terms.name, "scope": terms.scope, "amr": terms.amr,
            "auth_time": terms.auth_time, "acr": terms.acr, "claims": terms.claims,
            "access_epoch": terms.access_epoch, "created_at": now_ms,
            "expires_at": now_ms + lifetime_s * 1000, "last_used_at": None, "revoked_at": None, "sealed_answer": "",
        },
    )  # fmt: skip
    return grant_id


def add_refresh_token(
    work: Work, grant_id: str, token: str, now_ms: int, until_ms: int, access_token: str = ""
) -> None:
    """Stores a refresh token of a grant, with the access token that was issued with it, if one was."""
    row = {
        "digest": digest(token), "grant_id": grant_id, "issued_at": now_ms, "expires_at": until_ms, "used_at": None,
        "successor": "", "access_digest": digest(access_token) if access_token else "",
    }  # fmt: skip
    work.run(_ADD_TOKEN, row)


def origin_of_refresh_token(work: Work, token: str) -> Row[Any] | None:
    """Returns the tenant (tenant_id) and the kind of a token, for the paths that do not say it; also of invalid
    ones."""
    return work.row(_ORIGIN, {"token_digest": digest(token)})


def get_grant(
    work: Work, tenant_id: str, token: str, kinds: Collection[str], audience: str, now_ms: int, client_id: str = ""
) -> HeldGrant:
    """The grant of a presented token. Raises `invalid_grant` for one that is unknown, another tenant's, another
    client's, of another kind, expired or revoked, all alike; raises Reused for a rotating one used before.
    """
    row = work.row(_FIND, {"of_tenant": tenant_id, "token_digest": digest(token)})
    if row is None or row.kind not in kinds or (row.audience, row.client_id) != (audience, client_id):
        raise invalid_grant()
    if row.revoked_at is not None or row.expires_at <= now_ms:
        raise invalid_grant()
    if row.used_at is None:
        return _held(row)
    # Either way: clocks of replicas differ, and a clock that is set back must not begin the grace anew.
    in_grace = abs(now_ms - row.used_at) < GRACE_MS and row.successor_used_at is None
    if not in_grace or not row.sealed_answer:
        raise Reused(row.grant_id)
    return _held(row, row.sealed_answer)


def family_of(work: Work, tenant_id: str, client_id: str, token: str) -> Row[Any] | None:
    """The grant (id, subject) to which a client's refresh token belongs, however old the token is."""
    return work.row(_FAMILY, {"of_tenant": tenant_id, "of_client": client_id, "token_digest": digest(token)})


def _held(row: Row[Any], sealed_answer: str = "") -> HeldGrant:
    terms = GrantTerms(
        kind=row.kind, audience=row.audience, subject=row.subject, auth_time=row.auth_time, client_id=row.client_id,
        user_id=row.user_id, session_id=row.session_id, scope=row.scope, amr=row.amr,
        acr=row.acr, claims=row.claims, access_epoch=row.access_epoch,
    )  # fmt: skip
    return HeldGrant(row.tenant_id, row.grant_id, row.digest, row.issued_at, terms, sealed_answer)


def rotate(
    work: Work, sealing: Sealing, held: HeldGrant, successor: str, answer: dict[str, Any], now_ms: int,
    lifetime_s: int, *, repeats: bool = True,
) -> None:  # fmt: skip
    """Replaces the token by `successor`, whose lifetime starts anew, and keeps the sealed `answer` for a repetition,
    unless nobody may have one; with the grant, since only the last one can be repeated.

    Raises Overtaken when the token is no longer what `get_grant` saw: two at once never both rotate.
    """
    until, next_digest = now_ms + lifetime_s * 1000, digest(successor)
    sealed = sealing.seal(json.dumps(answer).encode(), _place(held)) if repeats else ""
    used = work.run(_USE, {"token_digest": held.digest, "now_ms": now_ms, "next_digest": next_digest})
    facts = {"of_grant": held.grant_id, "until_ms": until, "now_ms": now_ms, "answer": sealed}
    extended = work.run(_EXTEND, facts)
    if not used or not extended:
        raise Overtaken
    add_refresh_token(work, held.grant_id, successor, now_ms, until, str(answer.get("access_token", "")))


def repeated_answer(sealing: Sealing, held: HeldGrant) -> dict[str, Any]:
    """The answer of the first use, for a repetition within the grace period."""
    answer: dict[str, Any] = json.loads(sealing.open(held.sealed_answer, _place(held)))
    return answer


def _place(held: HeldGrant) -> SealedField:
    return SealedField(held.tenant_id, "grants", held.grant_id, "sealed_answer")


def forget_answers(store: Store, now_ms: int) -> int:
    """Forgets the answers that nobody may ask for any more; how many."""
    forgotten = 0
    while True:
        with store.write() as work:
            count = work.run(_FORGET, {"early": now_ms - ANSWER_MS, "late": now_ms + ANSWER_MS})
        forgotten += count
        if count < SIZE:
            return forgotten


def note_use(work: Work, held: HeldGrant, now_ms: int) -> bool:
    """Records when an API token was last used, and holds its grant until commit; False when it was revoked since."""
    of_grant = (_GRANTS.c.tenant_id == held.tenant_id, _GRANTS.c.id == held.grant_id, _GRANTS.c.revoked_at.is_(None))
    return bool(work.run(update(_GRANTS).where(*of_grant).values(last_used_at=now_ms)))


def list_api_tokens(work: Work, tenant_id: str, user_id: str, now_ms: int) -> Sequence[Row[Any]]:
    """The living API tokens of a user, oldest first: id, name, scope, created_at, expires_at, last_used_at."""
    c = _GRANTS.c
    living = (c.tenant_id == tenant_id, c.user_id == user_id, c.kind == API_TOKEN, c.revoked_at.is_(None))
    return work.rows(
        select(c.id, c.name, c.scope, c.created_at, c.expires_at, c.last_used_at)
        .where(*living, c.expires_at > now_ms)
        .order_by(c.created_at, c.id)
    )


def revoke_grant(work: Work, tenant_id: str, grant_id: str, now_ms: int) -> bool:
    """Kills one family: its refresh tokens and the access tokens issued with them. False when none lived."""
    return _revoke(work, tenant_id, "id", grant_id, now_ms) > 0


def revoke_grants_of(
    work: Work, tenant_id: str, now_ms: int, *, subject: str = "", user_id: str = "", client_id: str = ""
) -> int:
    """Kills every grant of a subject (`sub`), a directory user or a client, with what was issued under them; how many
    lived. Name exactly one.

    The codes of a subject or user that were not redeemed yet die of themselves: each carries the epoch of its subject.
    """
    named = [("subject", subject), ("user_id", user_id), ("client_id", client_id)]
    ((column, value),) = [(column, value) for column, value in named if value]
    return _revoke(work, tenant_id, column, value, now_ms)


def _revoke(work: Work, tenant_id: str, column: str, value: str, now_ms: int) -> int:
    # The grants first: a rotation under way has then either committed its tokens, which the next statement sees, or
    # finds its grant revoked; the same holds for a session that an API token is about to open.
    asked = {"of_tenant": tenant_id, "named": value, "now_ms": now_ms}
    revoked = work.run(_REVOKE[column], asked)
    if revoked:
        work.run(_REVOKE_ISSUED[column], asked)
        work.run(_END_OPENED[column], asked)
    return revoked


def revoke_access_token(work: Work, tenant_id: str, token_digest: str, now_ms: int, *, amr: str = "") -> None:
    """Kills one access token before its time, by its digest; `amr` is how its holder signed in."""
    longest = LONGEST_TOKEN_LIFE_MS if amr == ANONYMOUS else LONGEST_ACCESS_MS
    row = {"digest": token_digest, "tenant_id": tenant_id, "expires_at": now_ms + longest}
    work.run(work.insert(_REVOKED).values(row).on_conflict_do_nothing())


def invalid_grant(message: str = "The refresh token is not valid, has expired or was revoked.") -> DomainError:
    """RFC 6749 §5.2 `invalid_grant`."""
    return invalid("INVALID_GRANT", message, oauth_error="invalid_grant")
