"""Settings of a tenant: stored as documents, read as values that nobody can change.

A document is the message that a dialect writes; it is absent until first written, so that defaults stay in code. A
value is a frozen type of ours, decoded from the document once under each generation of the tenant. A `Setting` object
holds all that differs between kinds of settings. Documents are stored as binary protos, so an older writer keeps the
fields of a newer one.
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
V = TypeVar("V")

_SETTINGS = table_of(SettingDocument)
_FIND = prepared(
    select(_SETTINGS.c.document).where(
        _SETTINGS.c.tenant_id == bindparam("of_tenant"), _SETTINGS.c.name == bindparam("name")
    )
)


def take_as_it_is(document: Message) -> None:
    """The check of a document about which its proto says all there is: requests were checked against that."""


class Setting(Generic[M, V]):
    """A kind of setting: its stored name, its default document, the check that refuses a bad document, and the
    decoder, which returns the value of a checked document.

    `check` raises `invalid` and may normalize the document in place. A value is immutable through and through: a bool,
    a tuple, a frozen dataclass of such. `keeps`: switches that the objects of a new document leave out stay as they
    are stored.
    """

    def __init__(
        self, name: str, default: M, check: Callable[[M], None], decode: Callable[[M], V], *, keeps: bool = False
    ) -> None:
        self.name = name
        self._default = default
        self._default_value = decode(default)
        self._check = check
        self._decode = decode
        self._keeps = keeps
        self._value_key, self._document_key = ("setting", name), ("setting document", name)

    def read(self, work: Work, tenant: TenantView) -> V:
        """The tenant's value, or the default; shared with other requests."""
        return tenant.cached(self._value_key, lambda: self.load(work, tenant.id))

    def load(self, work: Work, tenant_id: str) -> V:
        """The value as this transaction sees it, uncached."""
        stored = self._stored(work, tenant_id)
        return self._default_value if stored is None else self._decode(self._parsed(stored))

    def document(self, work: Work, tenant: TenantView) -> M:
        """The tenant's document, or the default: a copy, which the caller may change."""
        return _copy(tenant.cached(self._document_key, lambda: self.load_document(work, tenant.id)))

    def load_document(self, work: Work, tenant_id: str) -> M:
        """The document as this transaction sees it, uncached; a copy, which the caller may change."""
        stored = self._stored(work, tenant_id)
        return self.default_document() if stored is None else self._parsed(stored)

    def default_document(self) -> M:
        """The document of a tenant that has stored none; a copy, which the caller may change."""
        return _copy(self._default)

    def value_of(self, document: M) -> V:
        """The value of a checked document."""
        return self._decode(document)

    def replace(self, work: Work, tenant_id: str, document: M, now_ms: int) -> M:
        """Checks and stores a document; it acts from the next request on."""
        if self._keeps:
            self._lock(work, tenant_id)
            keep_switches(document, self.load_document(work, tenant_id))
        self._check(document)
        return self.store(work, tenant_id, document, now_ms)

    def change(self, work: Work, tenant_id: str, edit: Callable[[M], None], now_ms: int) -> M:
        """Edits the stored document, then checks and stores it; of two changes at once none is lost."""
        self._lock(work, tenant_id)
        document = self.load_document(work, tenant_id)
        edit(document)
        return self.replace(work, tenant_id, document, now_ms)

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

    def _lock(self, work: Work, tenant_id: str) -> None:
        """Lock, then read, then change: of two changes at once the second must keep what the first has stored."""
        work.get(Tenant, tenant_id, lock=True)

    def _stored(self, work: Work, tenant_id: str) -> bytes | None:
        row = work.row(_FIND, {"of_tenant": tenant_id, "name": self.name})
        return None if row is None else row.document

    def _parsed(self, stored: bytes) -> M:
        document = type(self._default)()
        document.ParseFromString(stored)
        return document


def _copy(document: M) -> M:
    copied = type(document)()
    copied.CopyFrom(document)
    return copied
