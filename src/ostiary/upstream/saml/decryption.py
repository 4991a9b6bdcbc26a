"""Decryption of what an identity provider has encrypted to the tenant's key (XML Encryption 1.1): the key by RSA-OAEP,
the content by AES-GCM, AES-CBC or Triple DES.

CBC does not notice a change of what was encrypted. Where no signature around it does, all failures from here to the end
of the verification inside are one error (`responses.py`). Key transport by RSA 1.5 is not accepted.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ostiary.upstream.saml.refusals import ResponseRefused
from ostiary.upstream.saml.vocabulary import ENCRYPTION, ENCRYPTION_11, NAMESPACES, SIGNATURE

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_KEYS = 4
"""Encrypted keys that are tried: one for each recipient."""
OAEP_SHA1, OAEP_ANY = f"{ENCRYPTION}rsa-oaep-mgf1p", f"{ENCRYPTION_11}rsa-oaep"
KEY_TRANSPORTS = (OAEP_SHA1, OAEP_ANY)
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    f"{SIGNATURE}sha1": hashes.SHA1, f"{SIGNATURE}sha256": hashes.SHA256, f"{ENCRYPTION}sha256": hashes.SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384, f"{ENCRYPTION}sha512": hashes.SHA512,
    f"{ENCRYPTION_11}mgf1sha1": hashes.SHA1, f"{ENCRYPTION_11}mgf1sha256": hashes.SHA256,
    f"{ENCRYPTION_11}mgf1sha384": hashes.SHA384, f"{ENCRYPTION_11}mgf1sha512": hashes.SHA512,
}  # fmt: skip
"""Digests and mask generation functions by their names; one of them is no name of a standard, and is in use."""


class DecryptionFailed(ResponseRefused):
    """Content that none of the tenant's keys opens, or that is not what it should be when it is open."""

    def __init__(self) -> None:
        message = (
            "Could not decrypt SAML assertion: it must be encrypted to the certificate in the metadata of this tenant, "
            "by AES-GCM or AES-CBC with a key by RSA-OAEP."
        )
        super().__init__("DECRYPTION", message)


def decrypted(encrypted: _Element, keys: Sequence[RSAPrivateKey]) -> bytes:
    """The content of an element that holds an EncryptedData, such as an EncryptedAssertion. Raises DecryptionFailed."""
    data = encrypted.find("xenc:EncryptedData", NAMESPACES)
    if data is None:
        raise DecryptionFailed
    opened = CIPHERS.get(_algorithm(data))
    if opened is None:
        raise DecryptionFailed
    wrapped = encrypted.findall(".//xenc:EncryptedKey", NAMESPACES)[:MAX_KEYS]
    for secret in (secret for one in wrapped for key in keys for secret in _unwrapped(one, key)):
        try:
            return opened(secret, _cipher_value(data))
        except (ValueError, InvalidTag):
            continue
    raise DecryptionFailed


def _unwrapped(wrapped: _Element, key: RSAPrivateKey) -> Iterator[bytes]:
    """The content key, as each reading of the parameters gives it."""
    for padding in _paddings(wrapped):
        try:
            yield key.decrypt(_cipher_value(wrapped), padding)
        except ValueError:
            continue


def _paddings(wrapped: _Element) -> list[OAEP]:
    """RSA-OAEP as it is named. For `rsa-oaep-mgf1p` the mask is made by SHA-1 whatever the digest (XML Encryption
    §5.5.2); some libraries make it by the digest, which is the second try."""
    method = wrapped.find("xenc:EncryptionMethod", NAMESPACES)
    if method is None or method.get("Algorithm") not in KEY_TRANSPORTS:
        return []
    digest = _HASHES.get(_named(method, "ds:DigestMethod", f"{SIGNATURE}sha1"))
    mask = _HASHES.get(_named(method, "xenc11:MGF", f"{ENCRYPTION_11}mgf1sha1"))
    if digest is None or mask is None:
        return []
    masks = [mask, digest] if method.get("Algorithm") == OAEP_SHA1 and mask is not digest else [mask]
    return [OAEP(MGF1(one()), digest(), label=None) for one in masks]


def _named(method: _Element, path: str, default: str) -> str:
    found = method.find(path, NAMESPACES)
    return default if found is None else found.get("Algorithm", "")


def _algorithm(data: _Element) -> str:
    method = data.find("xenc:EncryptionMethod", NAMESPACES)
    return "" if method is None else method.get("Algorithm", "")


def _cipher_value(data: _Element) -> bytes:
    """Raises ValueError where it is not base64."""
    text = data.findtext("xenc:CipherData/xenc:CipherValue", "", NAMESPACES)
    return base64.b64decode("".join(text.split()), validate=True)


def _open_gcm(key: bytes, sealed: bytes) -> bytes:
    """Opens AES-GCM: a nonce of 12 bytes, the content, a tag (§5.2.4)."""
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], None)


def _open_cbc(algorithm: Callable[[bytes], CipherAlgorithm], block: int) -> Callable[[bytes, bytes], bytes]:
    """Opens a block cipher in CBC mode: the initialization vector, the content, and padding whose last byte is its
    length (§5.2.1)."""

    def opened(key: bytes, sealed: bytes) -> bytes:
        decryptor = Cipher(algorithm(key), CBC(sealed[:block])).decryptor()
        content = decryptor.update(sealed[block:]) + decryptor.finalize()
        if not content or not 1 <= content[-1] <= block:
            raise ValueError("padding")
        return content[: -content[-1]]

    return opened


def _triple_des(key: bytes) -> CipherAlgorithm:
    """Triple DES, which cryptography will drop one day: it is loaded only where somebody uses it."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

    return TripleDES(key)


def _of_size(bits: int, opened: Callable[[bytes, bytes], bytes]) -> Callable[[bytes, bytes], bytes]:
    """The cipher with a key of exactly so many bits, as its name says."""

    def checked(key: bytes, sealed: bytes) -> bytes:
        if len(key) * 8 != bits:
            raise ValueError("key")
        return opened(key, sealed)

    return checked


CIPHERS = {
    f"{ENCRYPTION_11}aes128-gcm": _of_size(128, _open_gcm), f"{ENCRYPTION_11}aes256-gcm": _of_size(256, _open_gcm),
    f"{ENCRYPTION}aes128-cbc": _of_size(128, _open_cbc(AES, 16)),
    f"{ENCRYPTION}aes256-cbc": _of_size(256, _open_cbc(AES, 16)),
    f"{ENCRYPTION}tripledes-cbc": _of_size(192, _open_cbc(_triple_des, 8)),
}  # fmt: skip
"""The content ciphers by their names, the best first."""


def is_authenticated(encrypted: _Element) -> bool:
    """Whether the cipher itself notices a change of the content."""
    data = encrypted.find("xenc:EncryptedData", NAMESPACES)
    return data is not None and _algorithm(data).endswith("-gcm")
