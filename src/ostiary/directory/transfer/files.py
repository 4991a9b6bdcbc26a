"""Files of exports and imports: pieces in the store, each sealed under a key that belongs to the file alone.

No file is ever in memory as a whole, and a backup without the master key reveals nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam, delete, select

from ostiary.ids import Entropy
from ostiary.keys.sealing import SealedField, Sealing
from ostiary.store.engine import Store
from ostiary.store.tables import Transfer, TransferPart, table_of
from ostiary.store.work import Work

PART_BYTES = 262_144
_NONCE_BYTES = 12
_TRANSFERS, _PARTS = table_of(Transfer), table_of(TransferPart)
_PART = select(_PARTS.c.content).where(
    _PARTS.c.tenant_id == bindparam("of_tenant"), _PARTS.c.transfer_id == bindparam("of_transfer"),
    _PARTS.c.number == bindparam("at"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileKeys:
    """The keys of a file: what a transfer's sealed column holds."""

    file: bytes
    secret: str = ""

    def forgetting(self) -> FileKeys:
        """The same without the caller's secret."""
        return replace(self, secret="")


def new_keys(entropy: Entropy, secret: str = "") -> FileKeys:
    """The keys of a new file."""
    return FileKeys(entropy.token_bytes(32), secret)


def seal_keys(sealing: Sealing, tenant_id: str, transfer_id: str, keys: FileKeys) -> str:
    """Returns the keys as they are stored."""
    document = json.dumps({"file": keys.file.hex(), "secret": keys.secret})
    return sealing.seal(document.encode(), _place(tenant_id, transfer_id))


def open_keys(sealing: Sealing, tenant_id: str, transfer_id: str, sealed: str) -> FileKeys:
    """The keys of a transfer."""
    document = json.loads(sealing.open(sealed, _place(tenant_id, transfer_id)))
    return FileKeys(bytes.fromhex(document["file"]), document["secret"])


class TransferFile:
    """The pieces of one file, by their numbers from 0."""

    def __init__(self, entropy: Entropy, tenant_id: str, transfer_id: str, keys: FileKeys) -> None:
        self._entropy = entropy
        self._tenant_id = tenant_id
        self._transfer_id = transfer_id
        self._cipher = AESGCM(keys.file)

    def write(self, work: Work, number: int, content: bytes) -> None:
        """Stores a piece."""
        nonce = self._entropy.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, content, self._name(number))
        row = {
            "tenant_id": self._tenant_id, "transfer_id": self._transfer_id, "number": number, "content": sealed,
        }  # fmt: skip
        work.run(work.insert(_PARTS).values(row))

    def pieces(self, store: Store, count: int) -> Iterator[bytes]:
        """Yields the first `count` pieces in their order, each read when it is needed; fewer when the file is deleted
        meanwhile."""
        for number in range(count):
            with store.read() as work:
                row = work.row(
                    _PART, {"of_tenant": self._tenant_id, "of_transfer": self._transfer_id, "at": number}
                )  # fmt: skip
            if row is None:
                return
            yield self._cipher.decrypt(row.content[:_NONCE_BYTES], row.content[_NONCE_BYTES:], self._name(number))

    def _name(self, number: int) -> bytes:
        """Returns the name that binds a piece to its place."""
        return f"{self._transfer_id}:{number}".encode()


def drop_file(work: Work, tenant_id: str, transfer_id: str) -> None:
    """Deletes all pieces."""
    work.run(delete(_PARTS).where(_PARTS.c.tenant_id == tenant_id, _PARTS.c.transfer_id == transfer_id))


def _place(tenant_id: str, transfer_id: str) -> SealedField:
    return SealedField(tenant_id, _TRANSFERS.name, transfer_id, "sealed_secrets")
