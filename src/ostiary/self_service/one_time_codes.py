"""Codes that act once: of links in mails, and those with which applications ask how a link ended.

Only their digest is stored. A code has a kind, and nothing but its own kind opens to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from ostiary.errors import DomainError, Kind, not_found
from ostiary.ids import Entropy, digest, new_secret
from ostiary.store.tables import OneTimeCode, table_of
from ostiary.store.work import Work

EXPIRED, USED = "NOT_FOUND", "GONE"
"""The reasons for which a link failed, in App ID's words."""
RESULT_SECONDS = 3_600
"""The time for which an application can ask about a link that was followed."""

_CODES = table_of(OneTimeCode)
_FIND = select(
    _CODES.c.digest, _CODES.c.tenant_id, _CODES.c.user_id, _CODES.c.kind, _CODES.c.address_key,
    _CODES.c.outcome, _CODES.c.expires_at, _CODES.c.used_at,
).where(_CODES.c.digest == bindparam("digest"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was once made. `failure` is empty while it is good, else EXPIRED or USED."""

    digest: str
    tenant_id: str
    user_id: str
    kind: str
    address_key: str
    outcome: str
    failure: str


def new_code(
    work: Work, tenant_id: str, user_id: str, kind: str, entropy: Entropy, now_ms: int, lifetime_s: int,
    outcome: str = "", address_key: str = "",
) -> str:  # fmt: skip
    """A new code of a kind, for `lifetime_s` seconds: 256 random bits in base64url. `address_key` is the compared form
    of the address to which it is sent, empty when it is not sent."""
    code = new_secret(entropy)
    work.add(
        OneTimeCode(
            digest=digest(code), tenant_id=tenant_id, user_id=user_id, kind=kind, address_key=address_key,
            outcome=outcome, created_at=now_ms, expires_at=now_ms + lifetime_s * 1000,
        )
    )  # fmt: skip
    return code


def find_code(work: Work, code: str, now_ms: int) -> Code | None:
    """The code, good or not; None when there is none, or none any more."""
    row = work.row(_FIND, {"digest": digest(code)})
    if row is None:
        return None
    failure = USED if row.used_at is not None else EXPIRED if row.expires_at <= now_ms else ""
    return Code(row.digest, row.tenant_id, row.user_id, row.kind, row.address_key, row.outcome, failure)


def use_up(work: Work, code: Code, now_ms: int) -> None:
    """Uses a good code, and with it every other of its kind and user: of many at once exactly one succeeds.

    Raises LINK_USED, LINK_EXPIRED.
    """
    c = _CODES.c
    good = (c.digest == code.digest) & c.used_at.is_(None) & (c.expires_at > now_ms)
    if not work.run(update(_CODES).where(good).values(used_at=now_ms)):
        found = work.row(_FIND, {"digest": code.digest})
        raise link_failed(USED if found is None or found.used_at is not None else EXPIRED)
    end_codes(work, code.tenant_id, code.user_id, code.kind, now_ms)


def end_codes(work: Work, tenant_id: str, user_id: str, kind: str, now_ms: int) -> None:
    """Uses up every code of a kind that the user still has."""
    c = _CODES.c
    of_user = (c.tenant_id == tenant_id) & (c.user_id == user_id) & (c.kind == kind) & c.used_at.is_(None)
    work.run(update(_CODES).where(of_user).values(used_at=now_ms))


def new_result(work: Work, code: Code, entropy: Entropy, now_ms: int) -> str:
    """A code with which an application asks once how this link ended."""
    kind, c = _result(code.kind), _CODES.c
    if code.failure:  # who follows a dead link again and again leaves one row, not many
        failed = (c.tenant_id == code.tenant_id) & (c.user_id == code.user_id) & (c.kind == kind) & (c.outcome != "")
        work.run(delete(_CODES).where(failed))
    return new_code(
        work, code.tenant_id, code.user_id, kind, entropy, now_ms, RESULT_SECONDS, outcome=code.failure
    )  # fmt: skip


def take_result(work: Work, tenant_id: str, link_kind: str, context: str, now_ms: int) -> Code:
    """Returns how a link of this kind ended, once: `outcome` is empty, EXPIRED or USED; EXPIRED also when the result
    was not asked for in time. Raises CONTEXT_NOT_FOUND."""
    found = find_code(work, context, now_ms)
    unused = _CODES.c.used_at.is_(None)
    if (
        found is None
        or (found.tenant_id, found.kind) != (tenant_id, _result(link_kind))
        or not work.run(update(_CODES).where(_CODES.c.digest == found.digest, unused).values(used_at=now_ms))
    ):
        raise not_found("CONTEXT_NOT_FOUND", "The context is unknown, or its result was asked for already.")
    outcome = found.outcome or found.failure
    return Code(found.digest, found.tenant_id, found.user_id, found.kind, found.address_key, outcome, found.failure)


def link_failed(failure: str) -> DomainError:
    """Returns the message for a user who follows a link that is no longer valid."""
    if failure == EXPIRED:
        return DomainError(Kind.GONE, "LINK_EXPIRED", "This link has expired. Ask for a new one.")
    return DomainError(Kind.GONE, "LINK_USED", "This link was used already. Ask for a new one if you need it.")


def _result(kind: str) -> str:
    return f"{kind}_RESULT"
