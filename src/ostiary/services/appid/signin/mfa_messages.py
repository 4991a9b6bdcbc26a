"""The channels and extensions of the second factor, between App ID's messages and what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ostiary.clock import rfc3339
from ostiary.directory.factors.factors import FactorView
from ostiary.errors import invalid, not_found
from ostiary.mfa.settings import EMAIL, NEXMO, check_headers
from ostiary.settings.fields import is_blank
from ostiary_api.appid.management.v4 import mfa_pb2 as pb


def channels(stored: pb.MfaChannels) -> dict[str, pb.MfaChannel]:
    """The channels as callers see them, by the names of their paths; secrets are there if `stored` has them."""
    return {
        EMAIL: pb.MfaChannel(type=EMAIL, is_active=not stored.sms_is_active),
        NEXMO: pb.MfaChannel(
            type="sms", is_active=stored.sms_is_active, config=stored.sms if stored.HasField("sms") else None
        ),
    }  # fmt: skip


def get_channel(found: Mapping[str, pb.MfaChannel], name: str) -> pb.MfaChannel:
    """Returns one of the channels; raises CHANNEL_NOT_FOUND."""
    if name not in found:
        raise not_found("CHANNEL_NOT_FOUND", f"The channels are {EMAIL} and {NEXMO}.")
    return found[name]


def switched_channel(name: str, channel: pb.MfaChannel) -> Callable[[pb.MfaChannels], None]:
    """Returns the edit that switches a channel on or off, and with it the other. It raises CHANNEL_NOT_FOUND."""

    def edit(stored: pb.MfaChannels) -> None:
        get_channel(channels(stored), name)
        stored.sms_is_active = channel.is_active if name == NEXMO else not channel.is_active
        if name == NEXMO and (channel.is_active or not is_blank(channel.config)) and channel.HasField("config"):
            stored.sms.CopyFrom(channel.config)

    return edit


def extension_message(stored: pb.StoredMfaExtension) -> pb.MfaExtension:
    """An extension as callers see it; headers are there if `stored` has them."""
    shown = pb.MfaExtension(is_active=stored.is_active)
    if stored.url:
        shown.config.url = stored.url
        shown.config.headers.update(json.loads(stored.headers or "{}"))
    return shown


def stored_extension(extension: pb.MfaExtension) -> pb.StoredMfaExtension:
    """An extension as it is stored; raises INVALID_URL, INVALID_HEADER.

    Whether its URL may be called is for `Outgoing.check_url` to say."""
    if extension.config.HasField("url") and not extension.config.url:
        raise invalid("INVALID_URL", "config.url must be a URL; leave it out where there is none.")
    headers = dict(extension.config.headers)
    check_headers(headers)
    return pb.StoredMfaExtension(
        is_active=extension.is_active, url=extension.config.url, headers=json.dumps(headers) if headers else None
    )  # fmt: skip


def switched_extension(active: pb.MfaExtensionActive) -> Callable[[pb.StoredMfaExtension], None]:
    """Returns the edit that switches an extension on or off."""

    def edit(stored: pb.StoredMfaExtension) -> None:
        stored.is_active = active.is_active

    return edit


def factor_message(factor: FactorView) -> pb.UserFactor:
    """A factor of a user as administrators see it."""
    return pb.UserFactor(
        id=factor.id, kind=factor.kind, name=factor.name, target=factor.target, created=rfc3339(factor.created_at),
        last_used=rfc3339(factor.last_used_at) if factor.last_used_at else None,
    )  # fmt: skip
