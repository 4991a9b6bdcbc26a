"""A configuration document of a tenant: absent until first written, so that defaults stay in code.

A `Setting` value holds all that differs between kinds of documents. `read` and `replace` are the only code. Documents
are stored as binary protos, so an older writer keeps the fields of a newer one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from google.protobuf.message import Message
from sqlalchemy import bindparam, select

from ostiary.settings.fields import keep_switches
from ostiary.store.prepared import prepared
from ostiary.store.tables import SettingDocument, Tenant, table_of
from ostiary.store.tenancy import TenantView, touch
from ostiary.store.work import Work

M = TypeVar("M", bound=Message)

_SETTINGS = table_of(SettingDocument)
_FIND = prepared(
    select(_SETTINGS.c.document).where(
        _SETTINGS.c.tenant_id == bindparam("of_tenant"), _SETTINGS.c.name == bindparam("name")
    )
)


class Setting(Generic[M]):
    """A kind of document: its stored name, its default, and the check that refuses a bad one.

    `check` raises `invalid` and may normalize the document in place. `keeps`: switches that the objects of a new
    document leave out stay as they are stored.
    """

    def __init__(self, name: str, default: M, check: Callable[[M], None], *, keeps: bool = False) -> None:
        self.name = name
        self.default = default
        self._check = check
        self._keeps = keeps

    def read(self, work: Work, tenant: TenantView) -> M:
        """The tenant's document, or the default. Shared with other requests: copy before changing it."""
        return tenant.cached(("setting", self.name), lambda: self.load(work, tenant.id))

    def load(self, work: Work, tenant_id: str) -> M:
        """The document as this transaction sees it, uncached."""
        row = work.row(_FIND, {"of_tenant": tenant_id, "name": self.name})
        if row is None:
            return self.default
        document = type(self.default)()
        document.ParseFromString(row.document)
        return document

    def replace(self, work: Work, tenant_id: str, document: M, now_ms: int) -> M:
        """Checks and stores a document; it acts from the next request on."""
        if self._keeps:
            # Lock, then read: of two changes at once the second must keep what the first has stored.
            work.get(Tenant, tenant_id, lock=True)
            keep_switches(document, self.load(work, tenant_id))
        self._check(document)
        return self.store(work, tenant_id, document, now_ms)

    def store(self, work: Work, tenant_id: str, document: M, now_ms: int) -> M:
        """Stores a document that was checked before. First writes race, so it is an upsert."""
        row = {
            "tenant_id": tenant_id,
            "name": self.name,
            "document": document.SerializeToString(deterministic=True),
            "modified_at": now_ms,
        }
        change = {"document": row["document"], "modified_at": now_ms}
        work.run(
            work.insert(_SETTINGS).values(row).on_conflict_do_update(index_elements=["tenant_id", "name"], set_=change)
        )
        touch(work, tenant_id)
        return document
