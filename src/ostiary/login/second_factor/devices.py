"""Device and application of a sign-in, in the words that App ID's extensions know."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.oauth.clients.clients import ClientView


def application_type(client: ClientView | None) -> str:
    """The type of an application, in App ID's words."""
    if client is None or not (client.app or client.is_public):
        return "serverapp"
    return "mobileapp" if client.app else "browserapp"


def device_type(client: ClientView | None, headers: Mapping[str, str]) -> str:
    """`mobile` for an app on a device, and for a browser that says that it is on one: by a client hint, else by the
    word that the User-Agent of all of them has."""
    hint = headers.get("sec-ch-ua-mobile")
    says_so = hint == "?1" if hint else "Mobi" in headers.get("user-agent", "")
    return "mobile" if says_so or (client is not None and client.app) else "web"
