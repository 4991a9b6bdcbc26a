"""Settings with secrets: these are sealed apart from the document, and shown only to callers who may see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from google.protobuf.message import Message
from sqlalchemy import and_, bindparam, delete, select

from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import SealedField, Sealing
from ostiary.settings.setting import M, Setting, V
from ostiary.store.tables import SettingDocument, SettingSecret, table_of
from ostiary.store.work import Work

_SETTINGS, _SECRETS = table_of(SettingDocument), table_of(SettingSecret)
_OWN = and_(_SECRETS.c.tenant_id == _SETTINGS.c.tenant_id, _SECRETS.c.setting == _SETTINGS.c.name)
_FIND = (
    # One statement, so that a secret never joins the document of another moment: it could go to the wrong address.
    select(_SETTINGS.c.document, _SECRETS.c.id, _SECRETS.c.field, _SECRETS.c.sealed_value)
    .select_from(_SETTINGS.outerjoin(_SECRETS, _OWN))
    .where(_SETTINGS.c.tenant_id == bindparam("of_tenant"), _SETTINGS.c.name == bindparam("name"))
)


class SealedSetting(Setting[M, V]):
    """A kind of setting; `secrets` are dotted paths of its document's secret text fields, all of them `optional`.

    `read`, `load` and `document` return it without its secrets, for who may not see them; `opened` and
    `opened_document` add them.
    """

    def __init__(
        self, name: str, default: M, check: Callable[[M], None], decode: Callable[[M], V], secrets: tuple[str, ...]
    ) -> None:
        super().__init__(name, default, check, decode)
        self._secrets = secrets

    def opened(self, work: Work, sealing: Sealing, tenant_id: str) -> V:
        """The tenant's value, or the default, with its secrets, uncached."""
        return self._decode(self.opened_document(work, sealing, tenant_id))

    def opened_document(self, work: Work, sealing: Sealing, tenant_id: str) -> M:
        """The tenant's document, or the default, with its secrets, uncached; a copy, which the caller may change."""
        rows = work.rows(_FIND, {"of_tenant": tenant_id, "name": self.name})
        if not rows:
            return self.default_document()
        document = self._parsed(rows[0].document)
        for row in rows:
            if row.id is not None:
                part, field = _field(document, row.field)
                setattr(part, field, sealing.open(row.sealed_value, secret_place(tenant_id, row.id)).decode())
        return document

    def replace_sealed(
        self, work: Work, sealing: Sealing, entropy: Entropy, tenant_id: str, document: M, now_ms: int
    ) -> M:
        """Checks and stores a document and returns it with its secrets; those that it lacks are forgotten."""
        self._check(document)
        bare = type(document)()
        bare.CopyFrom(document)
        given = dict(self._taken_out(bare))
        self.store(work, tenant_id, bare, now_ms)  # first: it locks the tenant's row
        work.run(delete(_SECRETS).where(_SECRETS.c.tenant_id == tenant_id, _SECRETS.c.setting == self.name))
        for field, secret in given.items():
            secret_id = new_id(entropy)
            sealed = sealing.seal(secret.encode(), secret_place(tenant_id, secret_id))
            row = {"id": secret_id, "tenant_id": tenant_id, "setting": self.name, "field": field}
            work.run(work.insert(_SECRETS).values({**row, "sealed_value": sealed}))
        return document

    def change_sealed(
        self, work: Work, sealing: Sealing, entropy: Entropy, tenant_id: str, edit: Callable[[M], None], now_ms: int
    ) -> M:
        """Edits the stored document with its secrets, then checks and stores it; of two changes at once none is
        lost."""
        self._lock(work, tenant_id)
        document = self.opened_document(work, sealing, tenant_id)
        edit(document)
        return self.replace_sealed(work, sealing, entropy, tenant_id, document, now_ms)

    def _taken_out(self, document: M) -> Iterator[tuple[str, str]]:
        """The secrets of the document by path; they are no longer in it then."""
        for path in self._secrets:
            if not _has_part(document, path):
                continue
            part, field = _field(document, path)
            if part.HasField(field):
                yield path, getattr(part, field)
                part.ClearField(field)


def secret_place(tenant_id: str, secret_id: str) -> SealedField:
    """Returns the place under which a secret of a configuration document is sealed."""
    return SealedField(tenant_id, _SECRETS.name, secret_id, "sealed_value")


def _has_part(document: Message, path: str) -> bool:
    for name in path.split(".")[:-1]:
        if not document.HasField(name):
            return False
        document = getattr(document, name)
    return True


def _field(document: Message, path: str) -> tuple[Message, str]:
    *parts, field = path.split(".")
    for name in parts:
        document = getattr(document, name)
    return document, field
