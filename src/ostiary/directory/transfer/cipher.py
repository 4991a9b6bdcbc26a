"""Encryption of password hashes in exports, with a secret that the caller chooses at export and gives again at import.

A hash becomes `1.{salt}.{box}`, both in base64url without padding. The key is scrypt (RFC 7914; N=32768, r=8, p=1, 32
bytes) of the secret in UTF-8 with the salt; the box is a nonce of 12 bytes and AES-256-GCM of the hash, with the user's
`originalId` as additional data, so that a hash which is moved to another user of a file does not open.
docs/exports.md shows how to open one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections import OrderedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ostiary.directory.passwords.passwords import Passwords
from ostiary.errors import DomainError, invalid
from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing

VERSION = "1"
MAX_SECRET = 1_024
"""Bytes of a secret in UTF-8."""
MAX_SALTS = 8
"""The limit of salts in one import: each costs a slow derivation, and a file made by one export has one."""
_SALT_BYTES, _NONCE_BYTES = 16, 12
_REMEMBERED = 32


class TransferCiphers:
    """Makes ciphers; remembers the last keys, since a paged export asks for the same one again and again."""

    def __init__(self, passwords: Passwords, sealing: Sealing, entropy: Entropy) -> None:
        self._passwords = passwords
        self._sealing = sealing
        self._entropy = entropy
        self._keys: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, tenant_id: str, secret: str) -> TransferCipher:
        """The cipher of a tenant's transfers with this secret. Raises INVALID_ENCRYPTION_SECRET."""
        given = secret.encode("utf-8", "surrogatepass")
        if not 1 <= len(given) <= MAX_SECRET:
            message = f"The encryption secret is required, and has at most {MAX_SECRET} bytes."
            raise invalid("INVALID_ENCRYPTION_SECRET", message, scim_type="invalidValue")
        return TransferCipher(self, self._entropy, tenant_id, given)

    def accepted(self, foreign: str, algorithm: str) -> str:
        """A hash as it is stored. Raises what `check_hash` raises."""
        return self._passwords.accepted(foreign, algorithm)

    def salt(self, tenant_id: str, secret: bytes) -> bytes:
        """The salt of what is exported: the same for the same secret, so that all pages of an export share a key."""
        named = f"transfer\x1f{tenant_id}\x1f{hashlib.sha256(secret).hexdigest()}"
        return bytes.fromhex(self._sealing.pseudonym(named))[:_SALT_BYTES]

    def key(self, tenant_id: str, secret: bytes, salt: bytes) -> bytes:
        """The key behind a secret and a salt. Slow the first time; raises 429 HASHING_BUSY."""
        name = hashlib.sha256(hashlib.sha256(secret).digest() + salt).digest()
        with self._lock:
            known = self._keys.get(name)
        if known is None:
            known = self._passwords.calculate(
                tenant_id, lambda: hashlib.scrypt(secret, salt=salt, n=1 << 15, r=8, p=1, maxmem=64 << 20, dklen=32)
            )
        with self._lock:
            self._keys[name] = known
            self._keys.move_to_end(name)
            if len(self._keys) > _REMEMBERED:
                self._keys.popitem(last=False)
        return known


class TransferCipher:
    """Encrypts and decrypts the hashes of one transfer. Never inside a transaction: the first use is slow."""

    def __init__(self, ciphers: TransferCiphers, entropy: Entropy, tenant_id: str, secret: bytes) -> None:
        self._ciphers = ciphers
        self._entropy = entropy
        self._tenant_id = tenant_id
        self._secret = secret
        self._opened: dict[bytes, AESGCM] = {}

    def prepare(self) -> None:
        """Derives the key of an export, before a connection is held for the encryption. Raises 429 HASHING_BUSY."""
        self._cipher(self._ciphers.salt(self._tenant_id, self._secret))

    def encrypt(self, text: str, original_id: str) -> str:
        """A hash as it travels; an empty one, of users without a password, stays empty."""
        if not text:
            return ""
        salt = self._ciphers.salt(self._tenant_id, self._secret)
        nonce = self._entropy.token_bytes(_NONCE_BYTES)
        box = nonce + self._cipher(salt).encrypt(nonce, text.encode(), original_id.encode())
        return f"{VERSION}.{_text(salt)}.{_text(box)}"

    def decrypt(self, text: str, original_id: str) -> str:
        """Returns the hash that was encrypted. A text that has not the form of an encrypted hash is one as another
        system wrote it, and is returned as it is. Raises WRONG_ENCRYPTION_SECRET."""
        version, *parts = text.split(".")
        if version != VERSION or len(parts) != 2:
            return text
        try:
            salt, box = parts
            data = _bytes(box)
            if len(_bytes(salt)) != _SALT_BYTES:
                raise _wrong()
            opened = self._cipher(_bytes(salt)).decrypt(
                data[:_NONCE_BYTES], data[_NONCE_BYTES:], original_id.encode("utf-8", "surrogatepass")
            )
            return opened.decode()
        except (ValueError, binascii.Error, InvalidTag) as error:
            raise _wrong() from error

    def accept(self, text: str, algorithm: str, original_id: str) -> str:
        """Returns the encrypted hash, or the one that another system wrote, as it is stored. `algorithm` as
        `check_hash` takes it. Raises WRONG_ENCRYPTION_SECRET and what `check_hash` raises."""
        return self._ciphers.accepted(self.decrypt(text, original_id), algorithm)

    def _cipher(self, salt: bytes) -> AESGCM:
        known = self._opened.get(salt)
        if known is None:
            if len(self._opened) >= MAX_SALTS:
                raise _wrong()
            known = self._opened[salt] = AESGCM(self._ciphers.key(self._tenant_id, self._secret, salt))
        return known


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _wrong() -> DomainError:
    message = (
        "passwordHash does not open with this encryption secret and originalId. Give the secret of the export and the "
        "originalId that stood beside the hash."
    )
    return invalid("WRONG_ENCRYPTION_SECRET", message, scim_type="invalidValue")
