"""Token settings of a tenant: lifetimes, refresh tokens, further claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ostiary.errors import invalid
from ostiary.oauth.claims.app_claims import ClaimMapping
from ostiary.oauth.clients.clients import OwnSettings
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import tokens_pb2 as pb

DEFAULT = pb.TokensConfig(
    access=pb.AccessTokenConfig(expires_in=3_600),
    refresh=pb.RefreshTokenConfig(expires_in=2_592_000, enabled=False),
    anonymous_access=pb.AnonymousAccessConfig(expires_in=2_592_000, enabled=False),
)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Settings of a tenant's tokens: lifetimes in seconds, and the claims that are mapped into them."""

    access_lifetime_s: int
    refresh_enabled: bool
    refresh_lifetime_s: int
    anonymous_enabled: bool
    anonymous_lifetime_s: int
    identity_claims: tuple[ClaimMapping, ...]
    access_claims: tuple[ClaimMapping, ...]

    def of_client(self, own: OwnSettings) -> TokenSettings:
        """The settings with the lifetimes that a client has of its own."""
        if own.access_lifetime_s is None and own.refresh_lifetime_s is None:
            return self
        access, refresh = own.access_lifetime_s, own.refresh_lifetime_s
        return replace(
            self,
            access_lifetime_s=self.access_lifetime_s if access is None else access,
            refresh_lifetime_s=self.refresh_lifetime_s if refresh is None else refresh,
        )

    def lifetime_s(self, *, anonymous: bool) -> int:
        """The lifetime of access and identity tokens, in seconds."""
        return self.anonymous_lifetime_s if anonymous else self.access_lifetime_s


def check_tokens(config: pb.TokensConfig) -> None:
    """Fills what is absent with its default; refuses claim mappings that name no claim.

    A switch that was left out of its object is there already, as it was stored.
    """
    for part in ("access", "refresh", "anonymous_access"):
        default, given = getattr(DEFAULT, part), getattr(config, part)
        merged = type(default)()
        merged.CopyFrom(default)
        merged.MergeFrom(given)
        given.CopyFrom(merged)
    _check_mappings("idTokenClaims", config.id_token_claims)
    _check_mappings("accessTokenClaims", config.access_token_claims)


def _check_mappings(name: str, mappings: Sequence[pb.ClaimMapping]) -> None:
    for position, mapping in enumerate(mappings):
        if mapping.source != "roles" and not mapping.source_claim:
            raise invalid("SOURCE_CLAIM_MISSING", f"{name}[{position}].sourceClaim is required for {mapping.source}.")


def _decoded(config: pb.TokensConfig) -> TokenSettings:
    return TokenSettings(
        access_lifetime_s=config.access.expires_in,
        refresh_enabled=config.refresh.enabled,
        refresh_lifetime_s=config.refresh.expires_in,
        anonymous_enabled=config.anonymous_access.enabled,
        anonymous_lifetime_s=config.anonymous_access.expires_in,
        identity_claims=tuple(map(_mapping, config.id_token_claims)),
        access_claims=tuple(map(_mapping, config.access_token_claims)),
    )


def _mapping(mapping: pb.ClaimMapping) -> ClaimMapping:
    destination = mapping.destination_claim or mapping.source_claim or mapping.source
    return ClaimMapping(mapping.source, mapping.source_claim, destination)


TOKENS = Setting("tokens", DEFAULT, check_tokens, _decoded, keeps=True)
