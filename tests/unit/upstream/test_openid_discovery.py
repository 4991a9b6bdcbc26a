"""Metadata of an OpenID provider over TLS: its endpoints are no less protected than its issuer."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from kit.servers.web import answering, certificate, site

from ostiary.clock import SystemClock
from ostiary.errors import DomainError
from ostiary.outgoing.client import Outgoing
from ostiary.upstream.calls import ProviderCalls
from ostiary.upstream.openid.discovery import Discovery


def test_an_endpoint_without_tls_is_not_taken_from_an_issuer_with_tls(tmp_path: Path) -> None:
    endpoints = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
    document: dict[str, str] = {}

    def serve(handler: BaseHTTPRequestHandler) -> None:
        answering(200, json.dumps(document).encode())(handler)

    ours, theirs = certificate(tmp_path, "127.0.0.1")
    with site(serve, tls=ours) as web:
        outgoing = Outgoing(["127.0.0.0/8"], tls=theirs)
        discovery = Discovery(ProviderCalls(outgoing, "oidc"), "oidc", SystemClock())
        good = {"issuer": web.url, **{name: f"{web.url}/{name}" for name in endpoints}}
        for name in endpoints:
            document = {**good, name: f"http://127.0.0.1/{name}"}
            with pytest.raises(DomainError, match="PROVIDER_FAILED"):
                discovery.metadata(web.url)
        document = good
        assert discovery.metadata(web.url).userinfo == f"{web.url}/userinfo_endpoint"
