"""Authenticator apps: time-based one-time passwords (RFC 6238) of six digits, a new one every 30 seconds."""

from __future__ import annotations

import base64

from pyotp import TOTP
from pyotp.exceptions import OTPVerificationError

from ostiary.ids import Entropy

SECRET_BYTES = 20
"""The length of the key that RFC 4226 §4 recommends, that of SHA-1."""
DRIFT = 1
"""Time steps by which the clock of an app may differ, in either direction (RFC 6238 §5.2)."""


METHOD = "otp"
"""The value of `amr` for a code of an app (RFC 8176 §2)."""
_SERVER = "Ostiary"
"""The name that an app shows where the tenant has given none."""


def new_shared_secret(entropy: Entropy) -> str:
    """A new key for an app, in base32 (RFC 4648 §6): 32 characters."""
    return base64.b32encode(entropy.token_bytes(SECRET_BYTES)).decode()


def enrolment_uri(secret: str, brand: str, account: str) -> str:
    """The URI that an app reads as a QR code; `brand` is the tenant's name, if it has one, without a colon, which would
    end it. It names no algorithm, digits or period: all are the defaults, and some apps refuse what they need not be
    told."""
    shown_as = " ".join((brand or _SERVER).replace(":", " ").split())
    return TOTP(secret).provisioning_uri(name=account, issuer_name=shown_as)


def shown_key(secret: str) -> str:
    """The key in groups of four characters, for whoever types it."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def find_time_step(secret: str, code: str, now_ms: int) -> int | None:
    """The time step whose code this is; None for a wrong code. Of each step one code may be accepted, and none of those
    before it (RFC 6238 §5.2): compare it with the last one that was used."""
    try:
        return TOTP(secret).verify_and_get_timecode(code, for_time=now_ms // 1000, valid_window=DRIFT)
    except OTPVerificationError:
        return None
