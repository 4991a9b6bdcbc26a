"""Restoration of a backup: what was revoked since the backup stays revoked.

The backup does not know what happened since. So everything with a limited lifetime ends (sessions, grants, codes), and
the keys that signed tokens are deleted, which ends every token, also for verifiers that never ask. What lasts (API
keys, SCIM tokens, application secrets, passwords, roles) is compared with the store that the backup replaces: what was
revoked, disabled, changed or taken away there does not come back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Row, Select, Table, delete, select, tuple_, update

from ostiary.directory.roles.permissions import read_permissions, write_permissions
from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.directory.tenants.tenants import LIVING
from ostiary.errors import conflict
from ostiary.ids import Entropy
from ostiary.keys.keyring import TOKEN
from ostiary.store.copies import declare_original
from ostiary.store.tables import (
    ApiKey,
    Client,
    ClientRole,
    Factor,
    GroupMember,
    Message,
    OrganizationRole,
    Passkey,
    Password,
    ProfileRole,
    RoleBinding,
    RoleScope,
    ScimToken,
    SigningKey,
    Tenant,
    UsedOnce,
    User,
    table_of,
    temporary_tables,
)
from ostiary.store.work import Work

PAGE = 500
GENERATIONS = 1_000_000
"""The number added to generations, more than any worker has counted: what it cached before the restoration is no longer
used."""
RIGHTS = (ProfileRole, ClientRole, RoleScope, GroupMember)
"""The tables whose rows are rights; a right that was removed there is removed here."""
_TENANTS, _API_KEYS, _OUTBOX = table_of(Tenant), table_of(ApiKey), table_of(Message)
_SCIM_TOKENS = table_of(ScimToken)
_USED = table_of(UsedOnce)
_USERS, _FACTORS, _PASSKEYS = table_of(User), table_of(Factor), table_of(Passkey)
_OF_CLIENT = ("secret_digest", "sealed_secret", "redirect_uris", "logout_redirect_uris")
"""Client's columns that are taken as the replaced store has them."""
_OF_SCIM_TOKEN = ("digest", "previous_digest", "previous_until", "read_only", "expires_at")
"""ScimToken's columns of the kind: a value that was rotated away does not come back."""


def end_what_is_temporary(work: Work, now_ms: int) -> None:
    """Ends sessions, grants, codes and all tokens, and makes the restored store the current one. Records of single-use
    values are kept: the parties that signed them know nothing of the restoration."""
    for table, _ in temporary_tables():
        if table is not _USED:
            work.run(delete(table))
    keys = table_of(SigningKey)
    work.run(delete(keys).where(keys.c.use == TOKEN))  # made anew at first use
    waiting = _OUTBOX.c.state == "waiting"  # sent since, most likely; a second code would only confuse
    work.run(update(_OUTBOX).where(waiting).values(state="failed", finished_at=now_ms))
    work.run(update(_TENANTS).values(generation=_TENANTS.c.generation + GENERATIONS))
    declare_original(work)


def revoke_keys(work: Work, now_ms: int) -> dict[str, int]:
    """Revokes every API key and SCIM token, and says how many: for when nobody can say which of them were revoked since
    the backup."""
    keys = work.run(update(_API_KEYS).where(_API_KEYS.c.revoked_at.is_(None)).values(revoked_at=now_ms))
    gone = {_API_KEYS.name: keys, _SCIM_TOKENS.name: work.run(delete(_SCIM_TOKENS))}
    return {name: count for name, count in gone.items() if count}


def carry_over(restored: Work, replaced: Work, entropy: Entropy, now_ms: int) -> dict[str, int]:
    """Revokes here what was revoked, disabled, changed or taken away there; how many rows, by table."""
    changed = {_TENANTS.name: _carry_over_tenants(restored, replaced, entropy, now_ms)}
    changed |= {rule.table.name: _apply(rule, restored, replaced, now_ms) for rule in _rules()}
    changed[_USED.name] = _carry_over_used(restored, replaced)
    changed[_FACTORS.name] += sum(_carry_over_new(table, restored, replaced) for table in (_FACTORS, _PASSKEYS))
    return {name: count for name, count in changed.items() if count}


Change = Callable[[Row[Any], Row[Any] | None, int], dict[str, Any] | None]
"""Ours, theirs (None when gone there), now → the columns to set; {} deletes our row, None leaves it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The way in which rows of a table are compared, and the columns needed for that in addition to the key."""

    table: Table
    change: Change
    columns: Sequence[str] = ()


def _rules() -> Iterator[Rule]:
    yield Rule(_API_KEYS, _api_key, ("revoked_at",))
    yield Rule(_SCIM_TOKENS, _scim_token, _OF_SCIM_TOKEN)
    yield Rule(table_of(Client), _client, ("enabled", "service_account", *_OF_CLIENT))
    yield Rule(_USERS, _user, ("active",))
    yield Rule(table_of(Password), _password, ("hash", "changed_at", "valid_until", "expires_always"))
    yield Rule(_FACTORS, _factor, ("counter", "sealed_secret"))
    yield Rule(table_of(RoleBinding), _role_binding, ("expires_at",))
    yield Rule(table_of(OrganizationRole), _organization_role, ("permissions",))
    for model in RIGHTS:
        yield Rule(table_of(model), _right)


def _api_key(ours: Row[Any], theirs: Row[Any] | None, now_ms: int) -> dict[str, Any] | None:
    if ours.revoked_at is not None or (theirs is not None and theirs.revoked_at is None):
        return None
    return {"revoked_at": theirs.revoked_at if theirs is not None else now_ms}


def _scim_token(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    if theirs is None:
        return {}
    values = {name: getattr(theirs, name) for name in _OF_SCIM_TOKEN}
    return values if values != {name: getattr(ours, name) for name in values} else None


def _client(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    if theirs is None:
        return {"enabled": False} if ours.enabled else None
    values = {
        "enabled": ours.enabled and theirs.enabled,
        "service_account": ours.service_account and theirs.service_account,
        **{name: getattr(theirs, name) for name in _OF_CLIENT},
    }
    same = {**values, "sealed_secret": ours.sealed_secret} == {name: getattr(ours, name) for name in values}
    return None if same else values


def _user(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    return {"active": False} if ours.active and (theirs is None or not theirs.active) else None


def _password(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    if theirs is None:
        return {}
    values = {name: getattr(theirs, name) for name in ("hash", "changed_at", "valid_until", "expires_always")}
    return values if theirs.hash != ours.hash else None


def _factor(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    """A factor that was removed goes; of one that stays the proofs since and the recovery codes that are left count."""
    if theirs is None:
        return {}
    values = {"counter": theirs.counter, "sealed_secret": theirs.sealed_secret}
    return values if values != {name: getattr(ours, name) for name in values} else None


def _role_binding(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    if theirs is None:
        return {}
    ends_earlier = theirs.expires_at is not None and (ours.expires_at is None or theirs.expires_at < ours.expires_at)
    return {"expires_at": theirs.expires_at} if ends_earlier else None


def _organization_role(ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    if theirs is None:
        return {}
    kept = write_permissions(read_permissions(ours.permissions) & read_permissions(theirs.permissions))
    return {"permissions": kept} if kept != ours.permissions else None


def _right(_ours: Row[Any], theirs: Row[Any] | None, _now_ms: int) -> dict[str, Any] | None:
    return {} if theirs is None else None


def _apply(rule: Rule, restored: Work, replaced: Work, now_ms: int) -> int:
    key = list(rule.table.primary_key.columns)
    wanted = select(*key, *(rule.table.c[name] for name in rule.columns))
    count = 0
    for page in _pages(restored, wanted, key):
        keys = [tuple(row[: len(key)]) for row in page]
        theirs = {tuple(row[: len(key)]): row for row in replaced.rows(wanted.where(tuple_(*key).in_(keys)))}
        for ours, identity in zip(page, keys, strict=True):
            values = rule.change(ours, theirs.get(identity), now_ms)
            if values is None:
                continue
            mine = tuple_(*key) == identity
            restored.run(update(rule.table).where(mine).values(values) if values else delete(rule.table).where(mine))
            count += 1
    return count


def _pages(work: Work, query: Select[Any], key: list[Column[Any]]) -> Iterator[Sequence[Row[Any]]]:
    """All rows by primary key, a bounded number at a time."""
    query = query.order_by(*key).limit(PAGE)
    page = work.rows(query)
    while page:
        yield page
        page = work.rows(query.where(tuple_(*key) > tuple(page[-1][: len(key)])))


def _carry_over_used(restored: Work, replaced: Work) -> int:
    """Copies the records of values from outside that were used in the replaced store, so that none is accepted
    again."""
    tenants = {row.id for row in restored.rows(select(_TENANTS.c.id))}
    pages = _pages(replaced, select(*_USED.columns), list(_USED.primary_key.columns))
    used = [dict(row._mapping) for page in pages for row in page if row.tenant_id in tenants]  # noqa: SLF001 (public)
    return sum(restored.insert_new(_USED, row) for row in used)


def _carry_over_new(table: Table, restored: Work, replaced: Work) -> int:
    """Copies what people who are here have enrolled since, so that nobody who had a second factor is left without."""
    pages, count = _pages(replaced, select(*table.columns), list(table.primary_key.columns)), 0
    for page in pages:
        people = restored.rows(select(_USERS.c.id).where(_USERS.c.id.in_({row.user_id for row in page})))
        known = {row.id for row in people}
        rows = [dict(row._mapping) for row in page if row.user_id in known]  # noqa: SLF001 (public)
        count += sum(restored.insert_new(table, row) for row in rows)
    return count


def _carry_over_tenants(restored: Work, replaced: Work, entropy: Entropy, now_ms: int) -> int:
    there = {row.id: row.state for row in replaced.rows(select(_TENANTS.c.id, _TENANTS.c.state))}
    # The youngest first: an organization goes before the one above it.
    ours = restored.rows(
        select(_TENANTS.c.id, _TENANTS.c.state)
        .where(_TENANTS.c.state.in_(LIVING))
        .order_by(_TENANTS.c.created_at.desc(), _TENANTS.c.id)
    )
    if not {row.id for row in ours} <= set(there):
        raise conflict(
            "ANOTHER_INSTALLATION", "The database to be replaced does not belong to the backup's installation."
        )
    changed = [
        row for row in ours if there[row.id] != row.state and (row.state, there[row.id]) != ("disabled", "enabled")
    ]
    for row in changed:
        if there[row.id] in LIVING:
            restored.run(update(_TENANTS).where(_TENANTS.c.id == row.id).values(state="disabled"))
        else:
            begin_deletion(restored, row.id, entropy, now_ms)
    return len(changed)
