"""Settings of Facebook and Google as identity providers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.errors import invalid
from ostiary.names import check_name
from ostiary.settings.fields import is_blank, require
from ostiary.settings.sealed import SealedSetting
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

MAX_CREDENTIAL = 1_000
CALLBACKS = {"facebook": "Facebook/callback", "google": "Google/callback"}
"""The callback of each provider, by its name, under the tenant's OAuth server URL."""


@dataclass(frozen=True, slots=True)
class SocialProvider:
    """Whether people may sign in with the provider, and the client that the tenant has registered there; `secret` is
    empty for who may not see it."""

    is_active: bool
    client_id: str
    secret: str = field(repr=False)


def check_social(provider: pb.SocialProvider) -> None:
    """Refuses a provider that is on without credentials of the tenant's own: there are none to share."""
    provider.ClearField("redirect_url")
    if not provider.is_active and is_blank(provider.config):
        provider.ClearField("config")
    if not provider.HasField("config"):
        if provider.is_active:
            message = "config with idpId and secret is required when isActive is true: there are no shared credentials."
            raise invalid("CONFIG_MISSING", message)
        return
    require(provider.config, "config", "idp_id", "secret")
    check_name("config.idpId", provider.config.idp_id, MAX_CREDENTIAL)
    check_name("config.secret", provider.config.secret, MAX_CREDENTIAL)


def _decoded(provider: pb.SocialProvider) -> SocialProvider:
    return SocialProvider(provider.is_active, provider.config.idp_id, provider.config.secret)


SOCIAL = {
    name: SealedSetting(name, pb.SocialProvider(is_active=False), check_social, _decoded, secrets=("config.secret",))
    for name in CALLBACKS
}
"""The settings of each, by name."""
