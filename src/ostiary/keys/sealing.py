"""Sealing of secrets at rest: encryption under a master key, bound to the place of the value.

A sealed value is `{version}.{key id}.{nonce and ciphertext}` in base64url: AES-256-GCM (NIST SP 800-38D), with the
tenant, table, row and column as additional data, so that a value moved to another row does not open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ostiary.files import naming, read_bytes
from ostiary.ids import Entropy

KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKeyError(Exception):
    """The master key is missing, malformed, readable by others, or not the one that sealed the store."""


class SealBroken(Exception):
    """A sealed value was changed, moved to another place, or sealed under a key that is not here."""


@dataclass(frozen=True, slots=True)
class SealedField:
    """The place of a sealed value: tenant, table, row and column. A value can be opened only there."""

    tenant_id: str
    table: str
    row: str
    column: str

    def encode(self) -> bytes:
        """Returns the additional data of the cipher. No part can contain the separator."""
        return "\x1f".join((self.tenant_id, self.table, self.row, self.column)).encode()


class Sealing:
    """Seals and opens. The first key seals; the others only open (while `ostiary key rewrap` is on its way)."""

    def __init__(self, entropy: Entropy, master_key: bytes, *older: bytes) -> None:
        self._entropy = entropy
        self._ciphers = {key_id(key): AESGCM(key) for key in (master_key, *older)}
        self.key_id = key_id(master_key)
        self._pseudonyms = hmac.digest(master_key, b"ostiary pseudonyms", "sha256")

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys at hand."""
        return frozenset(self._ciphers)

    def pseudonym(self, text: str) -> str:
        """A keyed digest in hex: the same for the same text, and of no use to who has the store without the key."""
        return hmac.digest(self._pseudonyms, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def seal(self, secret: bytes, place: SealedField) -> str:
        """Seals `secret` for `place`."""
        nonce = self._entropy.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self.key_id].encrypt(nonce, secret, place.encode())
        return f"1.{self.key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: SealedField) -> bytes:
        """Opens what was sealed for `place`; raises SealBroken for anything else."""
        try:
            version, identifier, body = sealed.split(".")
            raw = base64.urlsafe_b64decode(body)
            if version != "1":
                raise SealBroken(f"sealed value of an unknown version {version!r}")
            return self._ciphers[identifier].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
        except (ValueError, KeyError, InvalidTag) as error:
            raise SealBroken(f"cannot open the sealed {place.table}.{place.column}") from error


def key_id(master_key: bytes) -> str:
    """The public name of a master key: what a sealed value and the store's check value carry."""
    return hashlib.sha256(b"ostiary master key id\x00" + master_key).hexdigest()[:12]


def new_master_key(path: Path, entropy: Entropy) -> bytes:
    """Makes a master key file, 0600, never over an existing one."""
    key = entropy.token_bytes(KEY_BYTES)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with naming(path), os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()  # half of a key would be taken for one
        raise
    return key


def read_master_key(path: Path) -> bytes:
    """The master key of a file that nobody else may read."""
    try:
        text = read_bytes(path)
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise MasterKeyError(f"the master key file: {error}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise MasterKeyError(f"the master key file {path} can be read by others; chmod 600 it")
    return decode_master_key(text, f"the master key in {path}")


def decode_master_key(text: bytes | str, named: str = "the master key") -> bytes:
    """Reads a master key from a file or the environment: 32 bytes in base64. `named` is its name in an error."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise MasterKeyError(f"{named} is not valid base64") from error
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"{named} must be {KEY_BYTES} bytes in base64, this one has {len(key)}")
    return key
