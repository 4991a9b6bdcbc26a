"""Settings of single sign-on between a tenant's applications."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf import struct_pb2

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.clients.redirect_uris import check_uris
from ostiary.settings.fields import texts_of
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.custom import CUSTOM
from ostiary.upstream.openid.settings import OPENID
from ostiary.upstream.saml.settings import SAML
from ostiary.upstream.social import SOCIAL
from ostiary_api.appid.management.v4 import sso_pb2 as pb


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """Whether one sign-in opens all applications, for how long without activity, and to where a sign-out may lead."""

    is_active: bool
    inactivity_timeout_s: int
    logout_redirect_uris: tuple[str, ...]


def check_sso(config: pb.SsoConfig) -> None:
    """Refuses URIs that must never be registered."""
    check_uris(config, "logout_redirect_uris")


def _decoded(config: pb.SsoConfig) -> SingleSignOn:
    uris = tuple(texts_of(config, "logout_redirect_uris"))
    return SingleSignOn(config.is_active, config.inactivity_timeout_seconds, uris)


def logout_redirect_uris_of(work: Work, tenant: TenantView, client: ClientView) -> tuple[str, ...]:
    """To where a sign-out at a client may lead: the client's own URIs, else the tenant's."""
    own = client.own.logout_redirect_uris
    return SSO.read(work, tenant).logout_redirect_uris if own is None else own


def idle_time_s(work: Work, tenant: TenantView, *, at_platform: bool = False) -> int:
    """The seconds without use after which a session opens no application; 0 where none ever does: single sign-on is
    off, or rests, since the Cloud Directory is not the one provider that is active. At the platform other providers
    change nothing: by whichever somebody signs in there, it is as a user of the directory."""
    sso = SSO.read(work, tenant)
    if not sso.is_active:
        return 0
    if at_platform:
        return sso.inactivity_timeout_s
    if not CLOUD_DIRECTORY.read(work, tenant).is_active:
        return 0
    others = [setting.read(work, tenant).is_active for setting in (SAML, CUSTOM, OPENID)]
    if any(others) or any(social.read(work, tenant).is_active for social in SOCIAL.values()):
        return 0
    return sso.inactivity_timeout_s


SSO = Setting(
    "sso",
    pb.SsoConfig(is_active=False, inactivity_timeout_seconds=86_400, logout_redirect_uris=struct_pb2.ListValue()),
    check_sso,
    _decoded,
)
