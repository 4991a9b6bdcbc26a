"""Settings of the second factor of directory users: whether it is asked for, how, and which extension decides."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf import struct_pb2

from ostiary.delivery.channels.sms import SmsAccount
from ostiary.errors import DomainError, invalid
from ostiary.names import check_name
from ostiary.settings.fields import require
from ostiary.settings.sealed import SealedSetting
from ostiary.settings.setting import Setting, take_as_it_is
from ostiary.settings.switch import is_on
from ostiary_api.appid.management.v4 import mfa_pb2 as pb

EMAIL, NEXMO = "email", "nexmo"
"""The channels as paths name them; the second one's type is sms."""
EXTENSIONS = ("premfa", "postmfa")
MAX_CREDENTIAL, MAX_SENDER = 200, 20
MAX_HEADERS, MAX_HEADER = 20, 4_096
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_OUR_HEADERS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "te", "upgrade"})
"""Headers that make a request what it is."""

MFA = Setting("mfa", pb.MfaConfig(is_active=False), take_as_it_is, is_on)
"""Whether a second factor is asked for."""


@dataclass(frozen=True, slots=True)
class MfaChannels:
    """The channels of codes: text messages if `sms_is_active`, else mail. `sms`: the account for text messages, None
    until it is configured; its key and secret are empty for who may not see them."""

    sms_is_active: bool
    sms: SmsAccount | None


@dataclass(frozen=True, slots=True)
class MfaExtension:
    """An extension: whether it is asked, its URL (empty: none yet), and the headers of calls, of which there are none
    for who may not see them."""

    is_active: bool
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)


def _check_channels(channels: pb.MfaChannels) -> None:
    if not channels.HasField("sms"):
        if channels.sms_is_active:
            raise invalid(
                "CHANNEL_NOT_CONFIGURED", "Give key, secret and from of nexmo first; until then codes go by mail."
            )
        return
    sms = channels.sms
    require(sms, "config", "key", "secret", "sender")
    check_name("config.key", sms.key, MAX_CREDENTIAL)
    check_name("config.secret", sms.secret, MAX_CREDENTIAL)
    sms.sender.string_value = _sender(sms.sender)
    sms.provider = sms.provider or NEXMO
    if sms.provider != NEXMO:
        raise invalid("INVALID_PROVIDER", "config.provider must be nexmo.")


def _sender(value: struct_pb2.Value) -> str:
    """A number or a name, as text: clients send both."""
    text = value.string_value
    if value.HasField("number_value") and value.number_value == value.number_value // 1 and value.number_value >= 0:
        text = f"{value.number_value:.0f}"
    if not text.isprintable() or not 1 <= len(text.strip()) <= len(text) <= MAX_SENDER:
        raise invalid("INVALID_SENDER", f"config.from must be a number or name of at most {MAX_SENDER} characters.")
    return text


def _decoded_channels(stored: pb.MfaChannels) -> MfaChannels:
    sms = stored.sms
    account = SmsAccount(sms.key, sms.secret, sms.sender.string_value) if stored.HasField("sms") else None
    return MfaChannels(stored.sms_is_active, account)


MFA_CHANNELS = SealedSetting(
    "mfa_channels", pb.MfaChannels(), _check_channels, _decoded_channels, secrets=("sms.key", "sms.secret")
)


def _check_extension(stored: pb.StoredMfaExtension) -> None:
    if stored.is_active and not stored.url:
        raise url_missing()


def _decoded_extension(stored: pb.StoredMfaExtension) -> MfaExtension:
    return MfaExtension(stored.is_active, stored.url, tuple(json.loads(stored.headers or "{}").items()))


MFA_EXTENSIONS = {
    name: SealedSetting(
        f"mfa_{name}", pb.StoredMfaExtension(), _check_extension, _decoded_extension, secrets=("headers",)
    )
    for name in EXTENSIONS
}


def get_extension(name: str) -> SealedSetting[pb.StoredMfaExtension, MfaExtension]:
    """The settings of an extension, which is one of EXTENSIONS."""
    return MFA_EXTENSIONS[name]


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises INVALID_HEADER."""
    names = [name.lower() for name in headers]
    good = all(_HEADER_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names) <= MAX_HEADERS
    good = good and not _OUR_HEADERS & set(names)
    if not good or not all(len(value) <= MAX_HEADER and _HEADER_VALUE.fullmatch(value) for value in headers.values()):
        message = (
            f"config.headers takes at most {MAX_HEADERS} HTTP headers of ASCII text, and none that make the request."
        )
        raise invalid("INVALID_HEADER", message)


def url_missing() -> DomainError:
    """An extension cannot be called without one."""
    return invalid("URL_MISSING", "The extension has no config.url to call; put its configuration first.")
