"""Service accounts of Cloud Director: programs with a role of their own in an organization, made and revoked by its
administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, insert, select, update

from ostiary.directory.preferences.preferences import SERVICE_ACCOUNT, Owner, forget_preferences
from ostiary.directory.roles.granting import Giver, lock_rights, permissions_of_role
from ostiary.directory.roles.permissions import for_good, refuse_longer
from ostiary.directory.roles.rights import refuse_acting_on
from ostiary.errors import DomainError, conflict, not_found
from ostiary.http.fiql import Comparator, matches, read_fiql, refers_to
from ostiary.ids import Entropy, new_id
from ostiary.names import check_name, folded, name_key
from ostiary.oauth.sessions.refresh import revoke_grants_of
from ostiary.store.tables import DeviceAuthorization, Grant, ServiceAccount, table_of
from ostiary.store.work import Work

SERVICE = "service_account"
"""The kind of their grants."""
MAX_NAME = 128
GRANTED, DENIED = "granted", "denied"
"""The decisions on a device."""
_ACCOUNTS, _DEVICES, _GRANTS = table_of(ServiceAccount), table_of(DeviceAuthorization), table_of(Grant)


@dataclass(frozen=True, slots=True)
class Software:
    """The program behind an account, as it says of itself."""

    id: str
    version: str
    uri: str = ""


def _status(now_ms: int) -> ColumnElement[str]:
    """CREATED; REQUESTED while a device waits; GRANTED while one may take its tokens; ACTIVE while its grant lives."""
    waiting = and_(_DEVICES.c.account_id == _ACCOUNTS.c.id, _DEVICES.c.expires_at > now_ms)
    return case(
        (select(_GRANTS.c.id).where(*living_grant(now_ms)).exists(), "ACTIVE"),
        (select(_DEVICES.c.digest).where(waiting, _DEVICES.c.decision == GRANTED).exists(), "GRANTED"),
        (select(_DEVICES.c.digest).where(waiting, _DEVICES.c.decision == "").exists(), "REQUESTED"),
        else_="CREATED",
    )


def living_grant(now_ms: int) -> Sequence[ColumnElement[bool]]:
    """The conditions that a grant belongs to the account in hand, and lives."""
    return (
        _GRANTS.c.tenant_id == _ACCOUNTS.c.tenant_id, _GRANTS.c.subject == _ACCOUNTS.c.id, _GRANTS.c.kind == SERVICE,
        _GRANTS.c.revoked_at.is_(None), _GRANTS.c.expires_at > now_ms,
    )  # fmt: skip


def _fields(status: ColumnElement[str]) -> Mapping[str, Comparator]:
    return {
        "id": refers_to(_ACCOUNTS.c.id),
        "name": matches(_ACCOUNTS.c.name_key, folded),
        "softwareId": matches(_ACCOUNTS.c.software_id, str),
        "softwareVersion": matches(_ACCOUNTS.c.software_version, str),
        "status": matches(status, str.upper),
    }


def register_service_account(
    work: Work, tenant_id: str, name: str, software: Software, role: str, giver: Giver, entropy: Entropy, now_ms: int
) -> str:
    """Makes an account with a role, named as bindings name it; returns its id. Raises FORBIDDEN where the role permits
    more than the giver may do, ROLE_NOT_FOUND, SERVICE_ACCOUNT_NAME_TAKEN (409) and INVALID_NAME."""
    lock_rights(work, tenant_id)
    refuse_longer(giver(work), for_good(permissions_of_role(work, tenant_id, role)))
    key = name_key(check_name("client_name", name, MAX_NAME))
    if work.row(select(_ACCOUNTS.c.id).where(_ACCOUNTS.c.tenant_id == tenant_id, _ACCOUNTS.c.name_key == key)):
        raise conflict("SERVICE_ACCOUNT_NAME_TAKEN", f"There is a service account named {name} already.")
    account_id = new_id(entropy)
    row = {"id": account_id, "tenant_id": tenant_id, "name": name, "name_key": key, "created_at": now_ms}
    work.run(insert(_ACCOUNTS), {**row, **_columns(software, role)})
    return account_id


def update_service_account(
    work: Work, tenant_id: str, account_id: str, software: Software, role: str, giver: Giver, now_ms: int
) -> None:
    """Gives an account another role and description, from its next request on. Raises SERVICE_ACCOUNT_NOT_FOUND, and
    FORBIDDEN where either role permits more than the giver may do."""
    lock_rights(work, tenant_id)
    before = get_service_account(work, tenant_id, account_id, now_ms).role
    held = giver(work)
    if before != role:
        refuse_longer(held, for_good(role_permissions(work, tenant_id, before)))
    refuse_longer(held, for_good(permissions_of_role(work, tenant_id, role)))
    work.run(update(_ACCOUNTS).where(*_this_account(tenant_id, account_id)).values(**_columns(software, role)))


def role_permissions(work: Work, tenant_id: str, role: str) -> Any:
    """The permissions of a role that an account has; none where the role is gone."""
    try:
        return permissions_of_role(work, tenant_id, role)
    except DomainError:
        return frozenset()


def list_service_accounts(
    work: Work, tenant_id: str, now_ms: int, filter: str, *, encoded: bool, sort: str, descending: bool, offset: int,
    limit: int,
) -> tuple[Sequence[Row[Any]], int]:  # fmt: skip
    """One page of the accounts that match the FIQL `filter`, and how many do: the columns of the table, and `status`.
    Raises INVALID_FILTER."""
    status = _status(now_ms)
    chosen = [_ACCOUNTS.c.tenant_id == tenant_id]
    if filter:
        chosen.append(read_fiql(filter, _fields(status), encoded=encoded))
    total = work.row(select(func.count()).select_from(_ACCOUNTS).where(*chosen))
    key = {"name": _ACCOUNTS.c.name_key, "id": _ACCOUNTS.c.id}[sort]
    order = [one.desc() if descending else one for one in (key, _ACCOUNTS.c.id)]
    shown = select(*_ACCOUNTS.c, status.label("status")).where(*chosen).order_by(*order).offset(offset).limit(limit)
    return work.rows(shown) if limit else (), total[0] if total else 0


def get_service_account(work: Work, tenant_id: str, account_id: str, now_ms: int) -> Row[Any]:
    """An account, as `list_service_accounts` shows it; raises SERVICE_ACCOUNT_NOT_FOUND."""
    shown = select(*_ACCOUNTS.c, _status(now_ms).label("status")).where(*_this_account(tenant_id, account_id))
    found = work.row(shown)
    if found is None:
        raise not_found("SERVICE_ACCOUNT_NOT_FOUND", "There is no such service account.")
    return found


def lock_service_account(work: Work, tenant_id: str, account_id: str, now_ms: int) -> Row[Any]:
    """The same, held until the end of the transaction."""
    work.row(select(_ACCOUNTS.c.id).where(*_this_account(tenant_id, account_id)).with_for_update())
    return get_service_account(work, tenant_id, account_id, now_ms)


def revoke_service_account(work: Work, tenant_id: str, account_id: str, giver: Giver, now_ms: int) -> None:
    """Ends the tokens of an account, and what devices have asked for: it is CREATED again. Raises
    SERVICE_ACCOUNT_NOT_FOUND, and FORBIDDEN where it may do more than the giver."""
    lock_rights(work, tenant_id)
    account = lock_service_account(work, tenant_id, account_id, now_ms)
    refuse_acting_on(giver(work), for_good(role_permissions(work, tenant_id, account.role)))
    work.run(delete(_DEVICES).where(_DEVICES.c.tenant_id == tenant_id, _DEVICES.c.account_id == account_id))
    revoke_grants_of(work, tenant_id, now_ms, subject=account_id)


def delete_service_account(work: Work, tenant_id: str, account_id: str, giver: Giver, now_ms: int) -> None:
    """Deletes an account with all of its tokens and preferences. Raises as above."""
    revoke_service_account(work, tenant_id, account_id, giver, now_ms)
    forget_preferences(work, tenant_id, Owner(account_id, SERVICE_ACCOUNT))
    work.run(delete(_ACCOUNTS).where(*_this_account(tenant_id, account_id)))


def _this_account(tenant_id: str, account_id: str) -> Sequence[ColumnElement[bool]]:
    return (_ACCOUNTS.c.tenant_id == tenant_id, _ACCOUNTS.c.id == account_id)


def _columns(software: Software, role: str) -> dict[str, str]:
    return {"role": role, "software_id": software.id, "software_version": software.version, "uri": software.uri}
