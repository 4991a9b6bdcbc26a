"""Relying party of passkeys: the server as browsers know it (WebAuthn Level 3 §5.4.2), and what keeps it from being
one."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The server as browsers know it: its host, and the origin of its pages."""

    id: str
    origin: str


def relying_party(public_url: str) -> RelyingParty | None:
    """The one at a public URL; None where browsers have no passkeys (`passkeys_missing`)."""
    parts = urlsplit(public_url)
    if passkeys_missing(public_url):
        return None
    return RelyingParty(parts.hostname or "", f"{parts.scheme}://{parts.netloc}".lower())


def passkeys_missing(public_url: str) -> str:
    """Why browsers have no passkeys for the server at a public URL: its host is an address in place of a name, or it is
    reached without TLS and not at localhost. Empty where they have."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if not host or _is_address(host):
        return "the host of public_url is an address: browsers make passkeys for names"
    if parts.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
        return "public_url is neither https nor at localhost"
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
