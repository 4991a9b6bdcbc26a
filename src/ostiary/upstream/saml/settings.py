"""Settings of a SAML 2.0 identity provider, and the validity of its certificates."""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from ostiary.errors import invalid
from ostiary.names import check_name
from ostiary.outgoing.targets import read_target
from ostiary.settings.fields import is_blank, require
from ostiary.settings.setting import Setting
from ostiary.upstream.saml.vocabulary import CLASSES
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

CONTEXTS = frozenset(
    CLASSES + name
    for name in (
        "AuthenticatedTelephony", "InternetProtocol", "InternetProtocolPassword", "Kerberos", "MobileOneFactorContract",
        "MobileOneFactorUnregistered", "MobileTwoFactorContract", "MobileTwoFactorUnregistered", "NomadTelephony",
        "Password", "PasswordProtectedTransport", "PersonalTelephony", "PGP", "PreviousSession", "SecureRemotePassword",
        "Smartcard", "SmartcardPKI", "SoftwarePKI", "SPKI", "Telephony", "TimeSyncToken", "TLSClient", "unspecified",
        "X509", "XMLDSig",
    )
)  # fmt: skip
"""Authentication context classes (SAML Authentication Context §3.4)."""
NAME = "saml"
"""The provider of such identities: in `idp`, in profiles, in `amr`, and as a source of claims."""
COMPARISONS = ("exact", "minimum", "maximum", "better")
MAX_ENTITY_ID = 1_024
MAX_CERTIFICATE = 20_000
"""Characters; of a longer text only so much is read, which is then no certificate."""
SOON_DAYS = 30
_ARMOUR = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
"""The pattern of a certificate in PEM: text around it does not belong to the certificate (RFC 7468 §2); tools write
comments there."""


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """A tenant's identity provider; its texts are empty and its lists too until it is configured.

    `certificates`: in PEM or as the base64 text inside. `authn_classes`: authentication context classes, which
    `authn_comparison` (one of COMPARISONS) compares with the provider's.
    """

    is_active: bool
    entity_id: str
    sign_in_url: str
    certificates: tuple[str, ...]
    display_name: str
    authn_classes: tuple[str, ...]
    authn_comparison: str
    sign_request: bool
    encrypt_response: bool
    include_scoping: bool
    idp_init_enabled: bool
    idp_redirect_url: str


@dataclass(frozen=True, slots=True)
class CertificateValidity:
    """Expiry of the certificate at `position` (UTC seconds), and what to say about it; empty: nothing."""

    position: int
    expires_s: float
    warning: str


def check_saml(provider: pb.SamlProvider) -> None:
    """Refuses what is missing or could not work, and fills in defaults. An expired certificate is accepted: see
    `validity`."""
    provider.ClearField("validation_data")
    if not provider.is_active and is_blank(provider.config):
        provider.ClearField("config")
    if not provider.HasField("config"):
        if provider.is_active:
            raise invalid("CONFIG_MISSING", "config is required when isActive is true.")
        return
    config = provider.config
    require(config, "config", "entity_id", "sign_in_url")
    check_name("config.entityID", config.entity_id, MAX_ENTITY_ID)
    read_target(config.sign_in_url)
    if config.idp_redirect_url:
        read_target(config.idp_redirect_url)
    if not 1 <= len(config.certificates) <= 2:
        raise invalid("INVALID_CERTIFICATE", "config.certificates must hold one certificate, or two for a rollover.")
    for position, text in enumerate(config.certificates):
        read_certificate(text, position)
    config.display_name = check_name("config.displayName", config.display_name or "SAML", 100)
    for switch in ("sign_request", "encrypt_response"):
        setattr(config, switch, getattr(config, switch))  # false where it is absent
    _check_context(config.authn_context)


def _check_context(context: pb.SamlAuthnContext) -> None:
    if not context.classes:
        context.classes.append(CLASSES + "PasswordProtectedTransport")
    context.comparison = context.comparison or COMPARISONS[0]
    if context.comparison not in COMPARISONS or not set(context.classes) <= CONTEXTS:
        allowed = ", ".join(COMPARISONS)
        message = f"config.authnContext takes classes {CLASSES}… of SAML 2.0 and a comparison out of {allowed}."
        raise invalid("INVALID_AUTHN_CONTEXT", message)


def read_certificate(text: str, position: int) -> x509.Certificate:
    """A certificate in PEM or as the base64 text inside; raises INVALID_CERTIFICATE."""
    armoured = _ARMOUR.search(text)
    inner = armoured[1] if armoured else text
    if len(text) > MAX_CERTIFICATE:
        inner = ""
    try:
        return x509.load_der_x509_certificate(base64.b64decode("".join(inner.split()), validate=True))
    except ValueError as error:
        message = f"config.certificates[{position}] must be an X.509 certificate in PEM or base64."
        raise invalid("INVALID_CERTIFICATE", message) from error


def validity(certificates: Sequence[str], now_ms: int) -> list[CertificateValidity]:
    """Returns when the certificates expire, as of now. Raises INVALID_CERTIFICATE."""
    return [_validity(position, read_certificate(text, position), now_ms) for position, text in enumerate(certificates)]


def _validity(position: int, certificate: x509.Certificate, now_ms: int) -> CertificateValidity:
    ends, warning = certificate.not_valid_after_utc, ""
    left = ends - dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
    if left <= dt.timedelta(0):
        warning = "Your certificate has expired."
    elif left.days <= SOON_DAYS:
        warning = f"Your certificate will expire in {left.days} days."
    return CertificateValidity(position, ends.timestamp(), warning)


def _decoded(provider: pb.SamlProvider) -> SamlProvider:
    config = provider.config
    return SamlProvider(
        is_active=provider.is_active,
        entity_id=config.entity_id,
        sign_in_url=config.sign_in_url,
        certificates=tuple(config.certificates),
        display_name=config.display_name,
        authn_classes=tuple(config.authn_context.classes),
        authn_comparison=config.authn_context.comparison,
        sign_request=config.sign_request,
        encrypt_response=config.encrypt_response,
        include_scoping=config.include_scoping,
        idp_init_enabled=config.idp_init_enabled,
        idp_redirect_url=config.idp_redirect_url,
    )


SAML = Setting(NAME, pb.SamlProvider(is_active=False), check_saml, _decoded)
