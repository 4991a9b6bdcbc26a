"""The sample single-page application: made known to a tenant, and served at a site of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).parents[2]
FILES = {
    **{file.name: file for file in (ROOT / "samples/single-page-app").iterdir()},
    "oidc-client-ts.min.js": ROOT / "third_party/npm/oidc-client-ts/oidc-client-ts.min.js",
}
NAME = "Sample application"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant to which the sample is made known: a client of its management API, and the addresses of its people.
    `headers` are those of a Manager."""

    http: httpx.Client
    management: str
    issuer: str
    account: str
    headers: dict[str, str]

    def ask(self, verb: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """A request of the management API. Raises httpx.HTTPStatusError when it is refused."""
        answer = self.http.request(verb, f"{self.management}/{path}", json=document, headers=self.headers)
        found: dict[str, Any] = answer.raise_for_status().json() if answer.content else {}
        return found


def register(tenant: Tenant, home: str) -> dict[str, str]:
    """Makes the application known that lives at `home`: its client, where sign-ins and sign-outs lead back to, and
    single sign-on. What the tenant has besides stays. Returns what the page must know of it."""
    known = [one for one in tenant.ask("GET", "applications")["applications"] if one["name"] == NAME]
    client = known[0] if known else tenant.ask("POST", "applications", {"name": NAME, "type": "singlepageapp"})
    uris = tenant.ask("GET", "config/redirect_uris")
    tenant.ask("PUT", "config/redirect_uris", {**uris, "redirectUris": _with(uris["redirectUris"], home)})
    sso = tenant.ask("GET", "config/cloud_directory/sso")
    away = _with(sso["logoutRedirectUris"], home)
    tenant.ask("PUT", "config/cloud_directory/sso", {**sso, "isActive": True, "logoutRedirectUris": away})
    return {"issuer": tenant.issuer, "clientId": client["clientId"], "account": tenant.account}


def _with(uris: list[str], home: str) -> list[str]:
    return uris if home in uris else [*uris, home]


class Pages(SimpleHTTPRequestHandler):
    """Answers with the files of the sample, and with what it must know of its server."""

    def __init__(self, settings: dict[str, str], *of_http_server: Any) -> None:
        self._settings = settings
        super().__init__(*of_http_server)

    def do_GET(self) -> None:
        """Sends a file by its name; the page itself at the root."""
        name = urlsplit(self.path).path[1:] or "index.html"
        if name == "settings.json":
            content = json.dumps(self._settings).encode()
        elif name in FILES:
            content = FILES[name].read_bytes()
        else:
            self.send_error(404)
            return
        server = urlsplit(self._settings["issuer"])
        policy = f"default-src 'self'; connect-src 'self' {server.scheme}://{server.netloc}; frame-ancestors 'none'"
        self.send_response(200)
        self.send_header("content-type", self.guess_type(name))
        self.send_header("content-length", str(len(content)))
        self.send_header("content-security-policy", policy)
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("cache-control", "no-cache")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def application(tenant: Tenant, port: int = 0) -> Iterator[str]:
    """The sample, registered at `tenant` and served until the end; its address. Port 0 takes a free one.

    Its host is an address and the server's a name: to a browser these are two sites, as an application and its identity
    server are in life."""
    settings: dict[str, str] = {}
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Pages, settings)) as site:
        home = f"http://127.0.0.1:{site.server_port}/"
        settings.update(register(tenant, home))
        Thread(target=site.serve_forever, daemon=True).start()
        try:
            yield home
        finally:
            site.shutdown()
