"""SCIM tokens: what an administrator gives to a provisioning client. A value is shown once and stored as a digest.

A token belongs to its tenant and outlasts its maker, who must own the tenant for as long as the token is good.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, delete, func, select, update

from ostiary.directory.roles.granting import Giver, lock_rights
from ostiary.directory.roles.permissions import NEVER, Permission, refuse_longer
from ostiary.directory.users.external_ids import forget_provisioner
from ostiary.errors import DomainError, invalid, not_found
from ostiary.ids import Entropy, digest, new_id, new_secret
from ostiary.names import check_name
from ostiary.store.tables import ApiKey, Client, ScimToken, ServiceAccount, User, table_of
from ostiary.store.tenancy import SYSTEM_ID, touch
from ostiary.store.work import Work

PREFIX = "ostiary_scim_"
"""The beginning of each value, by which scanners find one that leaked; the tenant's id and the secret follow."""
MOST = 20
MAX_NAME = 128
USUAL_OVERLAP_HOURS, MOST_OVERLAP_HOURS, MOST_DAYS = 24, 720, 3_650
_NEEDED = (Permission.ORGANIZATION_READ, Permission.ORGANIZATION_OWN)
"""The permissions of who makes a token: what SCIM asks of a person for what a token opens."""
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_TOKENS = table_of(ScimToken)
_MAKERS = {kind: table_of(model) for kind, model in (
    ("user", User), ("api_key", ApiKey), ("client", Client), ("service_account", ServiceAccount),
)}  # fmt: skip
"""The tables of those makers that have a name, by the kinds of principals."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a token: the kind of a principal or `command_line`, its id, and what it may do and until when."""

    kind: str
    id: str
    giver: Giver


def create_scim_token(
    work: Work, tenant_id: str, name: str, days: int | None, maker: Maker, entropy: Entropy, now_ms: int, *,
    read_only: bool = False,
) -> tuple[Row[Any], str]:  # fmt: skip
    """Makes a token that is good for so many days (None: without an end), and its value, which nobody can read again.
    Raises INVALID_NAME, NO_SCIM_HERE, TOO_MANY_SCIM_TOKENS, FORBIDDEN, BEYOND_OWN_END."""
    expires_at = _end(days, now_ms)
    _check_maker(work, tenant_id, maker.giver, expires_at)
    if tenant_id == SYSTEM_ID:
        raise invalid("NO_SCIM_HERE", "SCIM does not show the operators' own organization.")
    check_name("name", name, MAX_NAME)
    row = work.row(select(func.count()).select_from(_TOKENS).where(_TOKENS.c.tenant_id == tenant_id))
    if row is not None and row[0] >= MOST:
        raise invalid("TOO_MANY_SCIM_TOKENS", f"A tenant has at most {MOST} SCIM tokens; revoke one first.")
    token_id, value = new_id(entropy), _new_value(tenant_id, entropy)
    work.add(ScimToken(
        id=token_id, tenant_id=tenant_id, name=name, digest=digest(value), read_only=read_only, maker_kind=maker.kind,
        maker_id=maker.id, created_at=now_ms, expires_at=expires_at,
    ))  # fmt: skip
    touch(work, tenant_id)
    return get_scim_token(work, tenant_id, token_id, now_ms), value


def rotate_scim_token(
    work: Work, tenant_id: str, token_id: str, overlap_hours: int, days: int | None, giver: Giver, entropy: Entropy,
    now_ms: int,
) -> tuple[Row[Any], str]:  # fmt: skip
    """Gives a token a new value, and with `days` a new end; the value of now stays good for `overlap_hours`, though not
    beyond its own end. Raises SCIM_TOKEN_NOT_FOUND, ALREADY_EXPIRED, FORBIDDEN, BEYOND_OWN_END."""
    lock_rights(work, tenant_id)
    before = get_scim_token(work, tenant_id, token_id, now_ms)
    expires_at = before.expires_at if days is None else _end(days, now_ms)
    _check_maker(work, tenant_id, giver, expires_at)
    if expires_at is not None and expires_at <= now_ms:
        raise invalid("ALREADY_EXPIRED", "The token has ended: say for how many days the new value is good.")
    value = _new_value(tenant_id, entropy)
    until = min(now_ms + overlap_hours * _HOUR_MS, before.expires_at or NEVER)
    kept = {"previous_digest": before.digest, "previous_until": until}
    gone = {"previous_digest": "", "previous_until": None}
    changed = {"digest": digest(value), "expires_at": expires_at, **(kept if until > now_ms else gone)}
    work.run(update(_TOKENS).where(*_this_token(tenant_id, token_id)).values(**changed))
    touch(work, tenant_id)
    return get_scim_token(work, tenant_id, token_id, now_ms), value


def list_scim_tokens(work: Work, tenant_id: str, now_ms: int) -> Sequence[Row[Any]]:
    """The tokens of a tenant, oldest first, with those that have ended: the columns of the table, `maker_name`, and
    `overlap_until`, which is None unless two values are good now."""
    shown = _shown(now_ms).where(_TOKENS.c.tenant_id == tenant_id)
    return work.rows(shown.order_by(_TOKENS.c.created_at, _TOKENS.c.id))


def get_scim_token(work: Work, tenant_id: str, token_id: str, now_ms: int) -> Row[Any]:
    """One token, as `list_scim_tokens` shows it; raises SCIM_TOKEN_NOT_FOUND."""
    found = work.row(_shown(now_ms).where(*_this_token(tenant_id, token_id)))
    if found is None:
        raise _no_such_token()
    return found


def revoke_scim_token(work: Work, tenant_id: str, token_id: str) -> None:
    """Deletes a token, and the names that its holder gave: it is refused from the next request on. Raises
    SCIM_TOKEN_NOT_FOUND."""
    if not work.run(delete(_TOKENS).where(*_this_token(tenant_id, token_id))):
        raise _no_such_token()
    forget_provisioner(work, tenant_id, token_id)
    touch(work, tenant_id)


def tenant_of(value: str) -> str:
    """The id of the tenant that a value names; empty for what is no value of a SCIM token."""
    name = value.removeprefix(PREFIX).partition("_")[0]
    try:
        return str(uuid.UUID(hex=name)) if value.startswith(PREFIX) and len(name) == 32 else ""
    except ValueError:
        return ""


def _new_value(tenant_id: str, entropy: Entropy) -> str:
    return f"{PREFIX}{uuid.UUID(tenant_id).hex}_{new_secret(entropy)}"


def _end(days: int | None, now_ms: int) -> int | None:
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise invalid("INVALID_LIFETIME", f"A SCIM token is good for 1 to {MOST_DAYS} days.")
    return None if days is None else now_ms + days * _DAY_MS


def _check_maker(work: Work, tenant_id: str, giver: Giver, expires_at: int | None) -> None:
    lock_rights(work, tenant_id)  # also so that two at once are not both the last one allowed
    refuse_longer(giver(work), dict.fromkeys(_NEEDED, NEVER if expires_at is None else expires_at))


def _shown(now_ms: int) -> Select[Any]:
    """The tokens with the names of their makers, which are empty for those who are gone."""
    overlap = case((_TOKENS.c.previous_until > now_ms, _TOKENS.c.previous_until), else_=None)
    names = [
        select(table.c.user_name if kind == "user" else table.c.name)
        .where(table.c.tenant_id == _TOKENS.c.tenant_id, table.c.id == _TOKENS.c.maker_id, _TOKENS.c.maker_kind == kind)
        .scalar_subquery()
        for kind, table in _MAKERS.items()
    ]
    return select(_TOKENS, func.coalesce(*names, "").label("maker_name"), overlap.label("overlap_until"))


def _this_token(tenant_id: str, token_id: str) -> Sequence[ColumnElement[bool]]:
    return (_TOKENS.c.tenant_id == tenant_id, _TOKENS.c.id == token_id)


def _no_such_token() -> DomainError:
    return not_found("SCIM_TOKEN_NOT_FOUND", "This tenant has no such SCIM token.")
