"""Cookies of the sign-in pages."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.ids import digest
from ostiary.oauth.clients.clients import list_clients
from ostiary.oauth.sessions.browser import LONGEST_S
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

_SESSION = "ostiary_session_"
_HOST = "__Host-"
"""The prefix of names for which a browser takes a cookie only from this host, by TLS and for all of it (RFC 6265bis
§4.1.3.2): no neighbour below the same domain can plant one."""


def cookies_of(call: Call) -> dict[str, str]:
    """Reads the cookies of a request. A value may be in quotes, which do not belong to it (RFC 6265 §4.1.1)."""
    pairs = (pair.partition("=") for pair in call.metadata.get("cookie", "").split(";"))
    return {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}


def session_secret(call: Call, tenant_id: str, *, secure: bool) -> str:
    """The secret of the session that a browser has at a tenant; empty if none. `secure`: the site is reached by TLS
    alone, and a cookie without the prefix is not ours."""
    return cookies_of(call).get(_name(tenant_id, secure=secure), "")


def session_secrets(call: Call, *, secure: bool) -> Sequence[str]:
    """The secrets of all sessions that a browser has here, at whichever tenant."""
    prefix = f"{_HOST}{_SESSION}" if secure else _SESSION
    return [value for name, value in cookies_of(call).items() if name.startswith(prefix) and value]


def set_session(call: Call, work: Work, tenant: TenantView, secret: str, *, secure: bool) -> None:
    """Gives a session to the browser.

    A single-page application of another site asks for it from a frame; only there a browser needs `SameSite=None`.
    """
    framed = secure and any(client.is_public and client.enabled for client in list_clients(work, tenant))
    _set(call, tenant.id, secret, LONGEST_S, "None" if framed else "Lax", secure=secure)


def clear_session(call: Call, tenant_id: str, *, secure: bool) -> None:
    """Takes the session of a tenant from the browser."""
    _set(call, tenant_id, "", 0, "Lax", secure=secure)


def _set(call: Call, tenant_id: str, secret: str, max_age_s: int, same_site: str, *, secure: bool) -> None:
    name, ending = _name(tenant_id, secure=secure), "; Secure" if secure else ""
    cookie = f"{name}={secret}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite={same_site}{ending}"
    call.headers.append(("set-cookie", cookie))


def _name(tenant_id: str, *, secure: bool) -> str:
    """The name of a tenant's cookie; each tenant has its own, so that a sign-in at one is none at another."""
    return f"{_HOST if secure else ''}{_SESSION}{digest(tenant_id)[:16]}"


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
