"""Mobile apps: clients that register themselves, one for each app on each device, and prove themselves by a key.

There may be many of them, so they are neither counted nor kept in memory with the applications of a tenant: each is
read when it is named.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import Row, bindparam, delete, func, select

from ostiary.errors import DomainError, invalid
from ostiary.ids import Entropy, new_id
from ostiary.oauth.clients.redirect_uris import WEB, check_redirect_uri
from ostiary.store.prepared import prepared
from ostiary.store.tables import Client, Grant, MobileApp, table_of
from ostiary.store.work import Work

MOBILE = "mobileapp"
"""The type of a client that is a mobile app."""
MAX_APPS = 100_000
"""The most mobile apps of a tenant."""
UNUSED_MS = 90 * 86_400_000
"""The time after which a registration without living refresh tokens is deleted: the app registers anew when it is told
`invalid_client`."""
MIN_BITS, MAX_BITS = 512, 4096
"""The sizes of keys. The vendor's SDK for iOS makes keys of 512 bits. A short key is no less than a password here: who
is not the app sees neither the key nor a signature."""

_CLIENTS, _APPS, _GRANTS = table_of(Client), table_of(MobileApp), table_of(Grant)
_FIND = prepared(
    select(
        _CLIENTS.c.name, _CLIENTS.c.enabled, _CLIENTS.c.redirect_uris, _CLIENTS.c.tokens_valid_from,
        _APPS.c.public_key, _APPS.c.software_id, _APPS.c.software_version, _APPS.c.device_id, _APPS.c.device_model,
        _APPS.c.device_os, _APPS.c.device_os_version,
    )
    .join_from(_CLIENTS, _APPS, (_APPS.c.tenant_id == _CLIENTS.c.tenant_id) & (_APPS.c.client_id == _CLIENTS.c.id))
    .where(_CLIENTS.c.tenant_id == bindparam("of_tenant"), _CLIENTS.c.id == bindparam("id"))
)  # fmt: skip
_COUNT = select(func.count()).where(_APPS.c.tenant_id == bindparam("of_tenant"))


@dataclass(frozen=True, slots=True)
class AppOnDevice:
    """What an app tells of itself and its device. `public_key`: its modulus and exponent, in hexadecimal."""

    public_key: str
    software_id: str
    software_version: str = ""
    device_id: str = ""
    device_model: str = ""
    device_os: str = ""
    device_os_version: str = ""

    def claims(self, name: str) -> dict[str, str]:
        """The claim `oauth_client` of identity tokens; what is not known is left out."""
        told = {
            "name": name, "type": MOBILE, "software_id": self.software_id, "software_version": self.software_version,
            "device_id": self.device_id, "device_model": self.device_model, "device_os": self.device_os,
            "device_os_version": self.device_os_version,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}

    def has_signed(self, client_id: str, signature: str) -> bool:
        """Whether `signature` is that of the client id by the key, in base64."""
        modulus, exponent = (int(part, 16) for part in self.public_key.split())
        try:
            signed = base64.b64decode(signature, validate=True)
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
            key.verify(signed, client_id.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            return False
        return True


def find_app(work: Work, tenant_id: str, client_id: str) -> tuple[Row[Any], AppOnDevice] | None:
    """Finds the row of the client that is a mobile app, and what it has told; None if there is none."""
    row = work.row(_FIND, {"of_tenant": tenant_id, "id": client_id})
    return (row, AppOnDevice(**{name: getattr(row, name) for name in AppOnDevice.__slots__})) if row else None


def register_app(
    work: Work, tenant_id: str, name: str, redirect_uri: str, app: AppOnDevice, entropy: Entropy, now_ms: int
) -> str:
    """Registers an app on a device; returns its client id. Raises INVALID_REDIRECT_URI, TOO_MANY_MOBILE_APPS."""
    check_app_uri(redirect_uri)
    row = work.row(_COUNT, {"of_tenant": tenant_id})
    if row is not None and row[0] >= MAX_APPS:
        raise invalid("TOO_MANY_MOBILE_APPS", f"A tenant has at most {MAX_APPS} mobile apps.")
    client_id = new_id(entropy)
    work.add(Client(
        id=client_id, tenant_id=tenant_id, name=name, type=MOBILE, redirect_uris=json.dumps([redirect_uri]),
        created_at=now_ms, service_account=False,
    ))  # fmt: skip
    work.flush()
    told = {name: getattr(app, name) for name in AppOnDevice.__slots__}
    work.add(MobileApp(tenant_id=tenant_id, client_id=client_id, **told))
    return client_id


def check_app_uri(uri: str) -> None:
    """Refuses what is no address of an app: a web address could be anybody's, since nobody has approved it (RFC 8252
    §8.4). Raises INVALID_REDIRECT_URI."""
    try:
        check_redirect_uri(uri, "redirect_uris[0]")
    except DomainError as error:
        raise invalid("INVALID_REDIRECT_URI", error.message, oauth_error="invalid_redirect_uri") from None
    if uri.partition(":")[0].lower() in WEB or "*" in uri:
        message = "redirect_uris[0] must have a scheme of the app, such as com.example.app:/mobile/callback."
        raise invalid("INVALID_REDIRECT_URI", message, oauth_error="invalid_redirect_uri")


def read_key(kty: str, modulus: str, exponent: str) -> str:
    """Reads a public RSA key as apps send it, with padding and a leading zero byte or without; returns it as it is
    stored. Raises INVALID_CLIENT_METADATA."""
    numbers = [_number(modulus), _number(exponent)]
    if kty.upper() != "RSA" or not MIN_BITS <= numbers[0].bit_length() <= MAX_BITS or numbers[1] < 3:
        message = f"jwks must hold a public RSA key of {MIN_BITS} to {MAX_BITS} bits, in base64url."
        raise invalid("INVALID_CLIENT_METADATA", message, oauth_error="invalid_client_metadata")
    try:
        rsa.RSAPublicNumbers(numbers[1], numbers[0]).public_key()
    except ValueError as error:
        message = "jwks must hold a public RSA key."
        raise invalid("INVALID_CLIENT_METADATA", message, oauth_error="invalid_client_metadata") from error
    return f"{numbers[0]:x} {numbers[1]:x}"


def _number(text: str) -> int:
    """Returns a number in base64url, or 0 for a text that is none."""
    bare = re.sub(r"[=\s]+$", "", text)
    try:
        return int.from_bytes(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)), "big")
    except (binascii.Error, ValueError):
        return 0


def forget_unused_apps(work: Work, now_ms: int) -> int:
    """Deletes registrations of apps that have no grant, and are old; returns how many."""
    granted = select(_GRANTS.c.id).where(
        _GRANTS.c.tenant_id == _CLIENTS.c.tenant_id, _GRANTS.c.client_id == _CLIENTS.c.id
    )
    unused = (_CLIENTS.c.type == MOBILE) & (_CLIENTS.c.created_at <= now_ms - UNUSED_MS) & ~granted.exists()
    return work.run(delete(_CLIENTS).where(unused))
