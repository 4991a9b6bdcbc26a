"""Allowed targets of outgoing calls: the public internet by TLS, and the hosts in the operator's allow-list.

Tenants choose the URLs, so a call could be an attack on a host of our network. The address after resolution decides,
never the name; the connection is then made to the very address that was checked.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from ostiary.errors import DomainError, Kind

IPAddress = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Host name and port → addresses as text. Raises OSError when there are none."""
PORTS = {"https": 443, "http": 80}
MAX_URL = 2_000
_NAT64 = IPv6Network("64:ff9b::/96")
_EMBEDDING = (_NAT64, IPv6Network("::/96"), IPv6Network("64:ff9b:1::/48"))
"""Networks whose last 32 bits are an IPv4 address that a gateway may forward to."""


class CallFailed(DomainError):
    """An outgoing call that was refused or did not succeed (400: its target is the caller's choice)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(Kind.INVALID, reason, message)


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a URL. `host` is a name or an address without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """The scheme, host and port (RFC 6454): credentials are not sent to another one."""
        return self.scheme, self.host, self.port

    @property
    def is_address(self) -> bool:
        """Whether the host is an address, so that no resolver is asked."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def read_target(url: str) -> Target:
    """The parts of an http(s) URL; raises INVALID_URL for anything else, also for one with credentials in it."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise invalid_url() from error
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if len(url) > MAX_URL or not plain or parts.scheme not in PORTS or not host or "@" in parts.netloc or port == 0:
        raise invalid_url()
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, port or PORTS[parts.scheme], f"{parts.path or '/'}{query}")


def invalid_url() -> CallFailed:
    """Returns the error for a URL that does not have the required form."""
    message = f"The URL must be https://HOST[:PORT][/PATH] without user and password, at most {MAX_URL} characters."
    return CallFailed("INVALID_URL", message)


def resolve(host: str, port: int) -> Sequence[str]:
    """Asks the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class EgressPolicy:
    """The decision whom calls may reach; `allowed` are networks (CIDR) besides the public internet."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = [ipaddress.ip_network(network, strict=False) for network in allowed]

    def permitted(self, addresses: Sequence[str], scheme: str) -> list[str]:
        """Returns those of the addresses that a call by `scheme` may reach; raises OUTGOING_REFUSED when there are
        none."""
        found = [address for address in addresses if self._may_reach(address, scheme)]
        if not found:
            raise refused(scheme)
        return found

    def _may_reach(self, text: str, scheme: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # with a scope, such as fe80::1%eth0: never public
            return False
        named = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
        if any(named.version == network.version and named in network for network in self._allowed):
            return True
        return scheme == "https" and all(_is_public(one) for one in (address, *embedded(address)))


def embedded(address: IPAddress) -> list[IPv4Address]:
    """Returns the IPv4 addresses that an IPv6 address contains: mapped, 6to4, Teredo, NAT64 and compatible ones."""
    if isinstance(address, IPv4Address):
        return []
    teredo = address.teredo or ()
    found = [address.ipv4_mapped, address.sixtofour, *teredo]
    if any(address in network for network in _EMBEDDING):
        found.append(IPv4Address(address.packed[-4:]))
    return [one for one in found if one is not None]


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return True  # the IPv4 address in it decides
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def refused(scheme: str) -> CallFailed:
    """The same whatever the address is: nobody learns our network from it."""
    message = (
        "The URL does not point to a public address by https, or to one that the operator allows (outgoing_allow)."
        if scheme == "https"
        else "Plain http goes only to addresses that the operator allows (outgoing_allow); use https."
    )
    return CallFailed("OUTGOING_REFUSED", message)
