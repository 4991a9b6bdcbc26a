"""Redirect URIs: which ones may be registered, and which ones then match.

Matching compares text, never parsed URLs, so two parsers that disagree cannot be used for an attack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from google.protobuf import struct_pb2
from google.protobuf.message import Message

from ostiary.errors import invalid
from ostiary.settings.fields import path_of, texts_of
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.appid.management.v4 import redirect_uris_pb2 as pb

MAX_URIS = 200
MAX_LENGTH = 2_000
LARGEST_PORT = 65_535
WEB = ("http", "https")
NEVER = frozenset({
    "about", "blob", "chrome", "content", "data", "file", "filesystem", "ftp", "jar", "javascript", "mailto",
    "resource", "vbscript", "view-source", "ws", "wss",
})  # fmt: skip
"""Schemes that a browser runs or reads by itself; every other custom scheme may be an app's (RFC 8252 §7.1)."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""The characters that RFC 3986 allows in a URI, without `#`."""
_CLIMBS = re.compile(r"/(?:\.|%2e){1,2}(?:[/;]|$)|%(?:25)*(?:2f|5c)|%252e|//", re.IGNORECASE)
"""Segments by which a wildcard's remainder could leave the registered folder, encoded or not."""
_NO_PATH = re.compile(r"https?://[^/]+")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?(?=/)")


def redirect_uri_allowed(uri: str, registered: Iterable[str]) -> bool:
    """Whether a client's `redirect_uri` is one of the registered ones; without any, none is."""
    if len(uri) > MAX_LENGTH or not _CHARACTERS.fullmatch(uri):
        return False
    address = _compared(uri)
    patterns = [_compared(pattern) for pattern in registered]
    if _LOOPBACK.match(address):
        address, patterns = _without_port(address), [_without_port(pattern) for pattern in patterns]
    return any(_matches(address, pattern) for pattern in patterns)


def redirect_uri_is(uri: str, registered: Iterable[str]) -> bool:
    """The same with the query compared too (RFC 6749 §3.1.2.3): it must be that of the registered URI."""
    _, mark, query = uri.partition("?")
    return redirect_uri_allowed(uri, (each for each in registered if each.partition("?")[1:] == (mark, query)))


def _matches(address: str, pattern: str) -> bool:
    if not pattern.endswith("*"):
        return address == pattern
    folder = pattern[:-1]
    return address.startswith(folder) and not _CLIMBS.search(address[folder.rindex("/") :])


def _compared(uri: str) -> str:
    """Returns a URI without the query, which is not compared; a web origin alone is its root (RFC 3986 §6.2.3)."""
    address = uri.partition("?")[0]
    return f"{address}/" if _NO_PATH.fullmatch(address) else address


def _without_port(address: str) -> str:
    """A loopback address without the port, which an app gets from its system only when it asks (RFC 8252 §7.3); others
    as they are. None is port 80, which URL libraries leave out. `localhost` is not one: it may be another host (§8.3).
    """
    found = _LOOPBACK.match(address)
    return f"{found[1]}{address[found.end() :]}" if found and int(found[2] or 80) <= LARGEST_PORT else address


def check_redirect_uri(uri: str, where: str) -> None:
    """Refuses what must never be registered; `where` names the field in the message. Raises INVALID_REDIRECT_URI."""
    fault = _fault(uri)
    if fault:
        raise invalid("INVALID_REDIRECT_URI", f"{where} {fault}.")


def check_logout_uri(uri: str, where: str) -> None:
    """Refuses an address at which nobody can be told of a sign-out: one that is no web address, or names many. Raises
    INVALID_REDIRECT_URI."""
    check_redirect_uri(uri, where)
    if "*" in uri or uri.partition(":")[0].lower() not in WEB:
        raise invalid("INVALID_REDIRECT_URI", f"{where} must be one web address, such as https://example.com/logout.")


def _fault(uri: str) -> str:
    """Returns what is wrong with a URI to register, or nothing."""
    scheme = _SCHEME.match(uri)
    if len(uri) > MAX_LENGTH:
        return f"must have at most {MAX_LENGTH} characters"
    if scheme is None:
        return "must be absolute, such as https://example.com/callback"
    if scheme[1].lower() in NEVER:
        return f"must not use the scheme {scheme[1].lower()}"
    if not _CHARACTERS.fullmatch(uri):
        return "must hold ASCII characters of a URI only, and no fragment"
    return _fault_of_parts(uri, scheme[1].lower())


def _fault_of_parts(uri: str, scheme: str) -> str:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must have a valid host and port"
    if "@" in parts.netloc:
        return "must not hold a user or password"
    if scheme in WEB and not host:
        return "must name a host, such as https://example.com/callback"
    if scheme not in WEB and not parts.netloc and not parts.path.startswith("/"):
        return "must have a host or a path after its scheme, such as com.example.app:/callback"
    if "*" in uri and not (uri.endswith("*") and uri.count("*") == 1 and "/" in parts.path and not parts.query):
        return "may hold one * only, at the end of its path"
    return "must not hold . or .. segments, // or an encoded slash in its path" if _CLIMBS.search(parts.path) else ""


def check_redirect_uris(config: pb.RedirectUrisConfig) -> None:
    """Refuses what must never be registered, and forgets trustCloudIAMRedirectUris, which has no meaning here."""
    config.ClearField("trust_cloud_iam_redirect_uris")
    check_uris(config, "redirect_uris")


def check_uris(config: Message, name: str) -> None:
    """Refuses a list of URIs that is absent, too long, or holds what must never be registered."""
    check_uri_list(path_of(config, "", name), texts_of(config, name))


def check_uri_list(where: str, uris: Sequence[str]) -> None:
    """Refuses a list of URIs that is too long, or holds what must never be registered; `where` names it."""
    if len(uris) > MAX_URIS:
        raise invalid("TOO_MANY_REDIRECT_URIS", f"{where} takes at most {MAX_URIS} entries.")
    for position, uri in enumerate(uris):
        check_redirect_uri(uri, f"{where}[{position}]")


def _decoded(config: pb.RedirectUrisConfig) -> tuple[str, ...]:
    return tuple(texts_of(config, "redirect_uris"))


REDIRECT_URIS = Setting(
    "redirect_uris", pb.RedirectUrisConfig(redirect_uris=struct_pb2.ListValue()), check_redirect_uris, _decoded
)


def registered_uris(work: Work, tenant: TenantView) -> tuple[str, ...]:
    """The redirect URIs of a tenant."""
    return REDIRECT_URIS.read(work, tenant)
