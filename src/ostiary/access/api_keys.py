"""API keys of administrators and management clients. Shown once, stored as a digest."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from ostiary.errors import invalid, not_found
from ostiary.ids import Entropy, digest, new_id, new_secret
from ostiary.store.tables import ApiKey, Tenant, table_of
from ostiary.store.tenancy import SYSTEM_ID, touch
from ostiary.store.work import Work

ROLES = ("reader", "writer", "manager", "platform_operator")
_KEYS, _TENANTS = table_of(ApiKey), table_of(Tenant)
_BY_DIGEST = (
    select(_KEYS.c.id, _KEYS.c.tenant_id, _KEYS.c.role)
    .join(_TENANTS, _TENANTS.c.id == _KEYS.c.tenant_id)
    .where(_KEYS.c.digest == bindparam("digest"), _KEYS.c.revoked_at.is_(None), _TENANTS.c.state == "enabled")
)


def create_api_key(
    work: Work, tenant_id: str, name: str, role: str, entropy: Entropy, now_ms: int
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can read again. `role` is one of ROLES."""
    if role not in ROLES:
        raise invalid("UNKNOWN_ROLE", f"An API key's role is one of {', '.join(ROLES)}, not {role!r}.")
    if (role == "platform_operator") != (tenant_id == SYSTEM_ID):
        raise invalid("ROLE_NOT_HERE", "The keys of the operators' organization, and no others, are platform_operator.")
    secret = new_secret(entropy)
    key = ApiKey(
        id=new_id(entropy), tenant_id=tenant_id, name=name, digest=digest(secret), role=role, created_at=now_ms
    )
    work.add(key)
    touch(work, tenant_id)
    return key, secret


def find_api_key(work: Work, secret: str) -> tuple[str, str, str] | None:
    """Returns key id, tenant id and role of a valid key of an enabled tenant, or None.

    The secret has 256 random bits, so a digest suffices.
    """
    row = work.row(_BY_DIGEST, {"digest": digest(secret)})
    return (row.id, row.tenant_id, row.role) if row else None


def list_api_keys(work: Work, tenant_id: str) -> list[ApiKey]:
    """The keys of a tenant, oldest first, revoked ones included."""
    rows = work.rows(select(_KEYS).where(_KEYS.c.tenant_id == tenant_id).order_by(_KEYS.c.created_at, _KEYS.c.id))
    return [ApiKey(**row._asdict()) for row in rows]


def revoke_api_key(work: Work, tenant_id: str, key_id: str, now_ms: int) -> None:
    """Kills a key and every token made with it, from the next request on."""
    key = work.get(ApiKey, key_id, lock=True)
    if key is None or key.tenant_id != tenant_id:
        raise not_found("API_KEY_NOT_FOUND", f"This tenant has no API key {key_id}.")
    key.revoked_at = key.revoked_at or now_ms
    touch(work, tenant_id)
