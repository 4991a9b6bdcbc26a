"""Cache of tenants in a worker, and the generation that shows when it is out of date.

Every request reads one row: the tenant with its generation. What was loaded under the same generation is served from
memory; a change that matters to the cache bumps the generation in its own transaction (`touch`), so it acts on the
very next request at any worker of any replica.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, FromClause, Row, Table, bindparam, exists, select, update

from ostiary.clock import Clock
from ostiary.store.prepared import Prepared, prepared
from ostiary.store.tables import RevokedToken, Tenant, table_of
from ostiary.store.work import Work

Loaded = TypeVar("Loaded")

SYSTEM_ID = "a93c9db9-7471-3192-8d09-a8f7eeda85f9"
"""The operators' own organization, `System`. The id is the one that Cloud Director gives it everywhere."""

_TENANTS = table_of(Tenant)
_REVOKED = table_of(RevokedToken)
_COLUMNS = (
    _TENANTS.c.id, _TENANTS.c.generation, _TENANTS.c.state, _TENANTS.c.name, _TENANTS.c.display_name,
    _TENANTS.c.kind, _TENANTS.c.parent_id, _TENANTS.c.is_default,
)  # fmt: skip
_SYSTEM = _TENANTS.alias("system")
_FACTS = (
    *_COLUMNS,
    select(_SYSTEM.c.generation).where(_SYSTEM.c.id == SYSTEM_ID).scalar_subquery().label("platform"),
    exists().where(_REVOKED.c.digest == bindparam("digest")).label("revoked"),
)
_BY_NAME = select(_TENANTS.c.id).where(_TENANTS.c.name_key == bindparam("name_key"))
_DEFAULT = select(_TENANTS.c.id).where(_TENANTS.c.is_default)


LATELY_MS = 100
"""The greatest age of an answer that clients and proxies may cache for minutes
(docs/decisions/0001-one-row-a-request.md)."""
PLATFORM = "platform generation"
"""The key under which `Tenancy.find_for_token` stores the generation of the system organization, whose keys sign
platform tokens."""


def beside_tenant(*columns: ColumnElement[Any], joined: Callable[[Table], FromClause]) -> Prepared:
    """A statement for `Tenancy.find_joined`: `columns` of the rows that `joined` outer-joins to the table of tenants,
    each under a name that no column of a tenant has."""
    return prepared(
        select(*_FACTS, *columns).select_from(joined(_TENANTS)).where(_TENANTS.c.id == bindparam("of_tenant"))
    )


def beside_facts(row: Row[Any]) -> tuple[Any, ...]:
    """The further columns of a row that `Tenancy.find_joined` found."""
    return tuple(row[len(_FACTS) :])


_FIND = beside_tenant(joined=lambda tenants: tenants)


@dataclass(slots=True)
class TenantView:
    """A tenant as it was at the beginning of the request, with what was loaded of it since."""

    id: str
    generation: int
    state: str
    name: str
    display_name: str
    kind: str
    parent_id: str | None
    is_default: bool
    seen_ms: int = 0
    _loaded: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether the tenant accepts requests: disabled and deleted tenants refuse everything."""
        return self.state == "enabled"

    def cached(self, key: Hashable, load: Callable[[], Loaded]) -> Loaded:
        """Returns what `load` returned for `key` under this generation. Treat it as immutable: other requests use the
        same object."""
        try:
            found: Loaded = self._loaded[key]
        except KeyError:
            found = self._loaded[key] = load()
        return found


class Tenancy:
    """The tenants that this process has seen lately; at most `capacity` of them, the least recently used leave."""

    def __init__(self, clock: Clock, capacity: int = 2_000) -> None:
        self._clock = clock
        self._views: OrderedDict[str, TenantView] = OrderedDict()
        self._capacity = capacity
        self._lock = threading.Lock()

    def find_for_token(self, work: Work, tenant_id: str, token_digest: str = "") -> tuple[TenantView | None, bool]:
        """The tenant, or None; and whether the access token with this digest was revoked."""
        return self.find_joined(work, _FIND, tenant_id, token_digest)[:2]

    def find_joined(
        self, work: Work, statement: Prepared, tenant_id: str, token_digest: str = "", **named: Any
    ) -> tuple[TenantView | None, bool, Sequence[Row[Any]]]:
        """The same, with the rows of a statement that `beside_tenant` made: one question, where two would have cost
        twice. `named` are its further parameters; all that is joined may be NULL."""
        asked = {"of_tenant": tenant_id, "digest": token_digest, **named}
        # PostgreSQL refuses a question that holds NUL; no id does.
        rows = () if "\0" in tenant_id else work.rows(statement, asked)
        if not rows or rows[0].state in ("deleting", "deleted"):
            return None, False, ()
        *facts, platform, revoked = rows[0][: len(_FACTS)]
        view = self._view(facts)
        work.memo["tenant", tenant_id] = view
        work.memo[PLATFORM] = platform
        return view, bool(revoked), rows

    def find(self, work: Work, tenant_id: str) -> TenantView | None:
        """Returns the tenant, or None. A second call on the same connection returns the first result."""
        known: TenantView | None = work.memo.get(("tenant", tenant_id))
        return known or self.find_for_token(work, tenant_id)[0]

    def lately(self, tenant_id: str) -> TenantView | None:
        """The tenant as some request found it within `LATELY_MS`, or None: good for what every cache may keep."""
        known = self._views.get(tenant_id)
        return known if known is not None and 0 <= self._clock.now_ms() - known.seen_ms < LATELY_MS else None

    def _view(self, facts: list[Any]) -> TenantView:
        tenant_id, generation = facts[0], facts[1]
        now_ms = self._clock.now_ms()
        with self._lock:
            known = self._views.get(tenant_id)
            if known is None or known.generation != generation:
                known = self._views[tenant_id] = TenantView(*facts)
            known.seen_ms = now_ms
            self._views.move_to_end(tenant_id)
            if len(self._views) > self._capacity:
                self._views.popitem(last=False)
        return known


def fresh_view(work: Work, tenant_id: str) -> TenantView | None:
    """A view that nobody shares: for transactions that change what is cached and read it again."""
    row = work.row(_FIND, {"of_tenant": tenant_id, "digest": ""})
    return TenantView(*list(row)[:-2]) if row is not None and row.state not in ("deleting", "deleted") else None


def tenant_named(work: Work, name_key: str) -> str | None:
    """The id of the tenant with this name (compared form), or None."""
    row = work.row(_BY_NAME, {"name_key": name_key})
    return row.id if row else None


def default_tenant(work: Work) -> str | None:
    """The id of the organization meant by a login that names none."""
    row = work.row(_DEFAULT)
    return row.id if row else None


def touch(work: Work, tenant_id: str) -> None:
    """Makes every worker load the tenant anew from its next request on. Call it in the transaction of the change."""
    work.run(update(_TENANTS).where(_TENANTS.c.id == tenant_id).values(generation=_TENANTS.c.generation + 1))
