"""Provisioners: the holders of SCIM tokens, which are looked up on each request; and when a token was last used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from ostiary.access.policy import dead_token
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.access.scim_tokens import tenant_of
from ostiary.clock import Clock
from ostiary.directory.roles.permissions import PROVISIONER, PROVISIONING_READER, Permissions
from ostiary.ids import digest
from ostiary.store.prepared import prepared
from ostiary.store.tables import ScimToken, table_of
from ostiary.store.tenancy import Tenancy
from ostiary.store.work import Work

USE_MS = 3_600_000
"""The time between two notes of the use of a token: a row for each request would cost more than the request."""
_TOKENS = table_of(ScimToken)
_OF_TENANT = select(_TOKENS).where(_TOKENS.c.tenant_id == bindparam("of_tenant"))
_THIS = prepared(select(_TOKENS).where(_TOKENS.c.tenant_id == bindparam("of_tenant"), _TOKENS.c.id == bindparam("id")))
Later = Callable[[Callable[[Work], object]], None]
"""Writes something on which nothing depends, a moment later."""


class Provisioners:
    """Finds the holder of a SCIM token. All tokens of a tenant are kept in memory under its generation, so a revoked
    one is refused on the next request, and a wrong one costs no look-up of its own."""

    def __init__(self, tenancy: Tenancy, clock: Clock, later: Later) -> None:
        self._tenancy = tenancy
        self._clock = clock
        self._later = later
        self._noted: dict[str, int] = {}

    def find(self, work: Work, value: str) -> Principal:
        """The holder of a value; raises 401 INVALID_TOKEN."""
        tenant, now_ms, name = self._tenancy.find(work, tenant_of(value)), self._clock.now_ms(), digest(value)
        if tenant is None or not tenant.enabled:
            raise dead_token()
        row = tenant.cached("scim tokens", lambda: _by_digest(work, tenant.id)).get(name)
        if row is None or not _is_good(row, now_ms) or (name != row.digest and row.previous_until <= now_ms):
            raise dead_token()
        self._note_use(row, now_ms)
        return Principal(
            PrincipalKind.SCIM_TOKEN, id=row.id, tenant_id=tenant.id, permissions=_permissions(row), token=name,
            expires_at=row.expires_at or 0,
        )  # fmt: skip

    def held_now(self, work: Work, principal: Principal) -> Permissions:
        """The permissions of a provisioner as this transaction sees them; raises 401 where its token is over."""
        row = work.row(_THIS, {"of_tenant": principal.tenant_id, "id": principal.id})
        if row is None or not _is_good(row, self._clock.now_ms()):
            raise dead_token()
        return _permissions(row)

    def _note_use(self, row: Row[Any], now_ms: int) -> None:
        last = max(row.last_used_at or 0, self._noted.get(row.id, 0))
        if now_ms - last < USE_MS:
            return
        self._noted[row.id] = now_ms
        old = _TOKENS.c.last_used_at.is_(None) | (_TOKENS.c.last_used_at <= now_ms - USE_MS)
        used = update(_TOKENS).where(_TOKENS.c.id == row.id, old).values(last_used_at=now_ms)
        self._later(lambda work: work.run(used))


def _by_digest(work: Work, tenant_id: str) -> Mapping[str, Row[Any]]:
    rows = work.rows(_OF_TENANT, {"of_tenant": tenant_id})
    return {name: row for row in rows for name in (row.digest, row.previous_digest) if name}


def _is_good(row: Row[Any], now_ms: int) -> bool:
    return row.expires_at is None or bool(row.expires_at > now_ms)


def _permissions(row: Row[Any]) -> Permissions:
    return PROVISIONING_READER if row.read_only else PROVISIONER
