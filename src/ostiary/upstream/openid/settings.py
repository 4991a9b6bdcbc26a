"""Settings of an OpenID Connect provider of a tenant's choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ostiary.errors import invalid
from ostiary.names import check_name
from ostiary.outgoing.targets import read_target
from ostiary.settings.fields import is_blank, require
from ostiary.settings.sealed import SealedSetting
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

NAME = "oidc"
"""The provider: in `idp`, in profiles, in `amr` and as a source of claims."""
CALLBACK = "OpenID/callback"
"""The callback under the tenant's OAuth server URL."""
MAX_CREDENTIAL = 1_000
MAX_LABEL = 100


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """Whether people may sign in with the provider, its issuer, and the client that the tenant has registered there;
    `secret` is empty for who may not see it. `display_name` is what people call it."""

    is_active: bool
    issuer: str
    client_id: str
    display_name: str
    secret: str = field(repr=False)


def check_openid(provider: pb.OpenIdProvider) -> None:
    """Refuses a provider that is on without issuer and credentials. Whether it answers is seen at the first sign-in."""
    provider.ClearField("redirect_url")
    if not provider.is_active and is_blank(provider.config):
        provider.ClearField("config")
    if not provider.HasField("config"):
        if provider.is_active:
            message = "config with issuer, clientId and secret is required when isActive is true."
            raise invalid("CONFIG_MISSING", message)
        return
    config = provider.config
    require(config, "config", "issuer", "client_id", "secret")
    read_target(config.issuer)
    parts = urlsplit(config.issuer)
    if parts.query or parts.fragment:
        raise invalid("INVALID_URL", "config.issuer must be a URL without query and fragment (OpenID Connect Core §2).")
    check_name("config.clientId", config.client_id, MAX_CREDENTIAL)
    check_name("config.secret", config.secret, MAX_CREDENTIAL)
    config.display_name = check_name("config.displayName", config.display_name or parts.netloc, MAX_LABEL)


def _decoded(provider: pb.OpenIdProvider) -> OpenIdProvider:
    config = provider.config
    return OpenIdProvider(provider.is_active, config.issuer, config.client_id, config.display_name, config.secret)


OPENID = SealedSetting(
    NAME, pb.OpenIdProvider(is_active=False), check_openid, _decoded, secrets=("config.secret",)
)  # fmt: skip
