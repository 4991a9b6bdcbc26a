"""Relying parties through the real gateway: metadata where they look for it, claims by form, the local directory."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kit.served import Served, served

CALLBACK = "http://127.0.0.1:8400/callback"
PASSWORD = "correct horse battery"
ANN, BOB = "ann@example.com", "bob@example.com"
"""Two, since sign-ins are counted by user."""
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("relying"), workers=1) as running:
        management = f"/management/v4/{running.credentials['tenantId']}"
        manager = running.manager()
        for email in (ANN, BOB):
            user = {"emails": [{"value": email, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
            made = running.http.post(f"{management}/cloud_directory/sign_up", json=user, headers=manager)
            assert made.status_code == 201, made.text
        uris = running.http.put(
            f"{management}/config/redirect_uris", json={"redirectUris": [CALLBACK]}, headers=manager
        )
        assert uris.status_code == 204, uris.text
        yield running


@pytest.fixture(scope="module")
def client(server: Served) -> tuple[str, str]:
    return server.credentials["clientId"], server.credentials["secret"]


@pytest.fixture(scope="module")
def oauth(server: Served) -> str:
    return server.credentials["oauthServerUrl"]


@pytest.fixture(scope="module")
def token(server: Served, oauth: str, client: tuple[str, str]) -> str:
    form = {"grant_type": "password", "username": ANN, "password": PASSWORD}
    answer = server.http.post(f"{oauth}/token", data=form, auth=client)
    assert answer.status_code == 200, answer.text
    access: str = answer.json()["access_token"]
    return access


def test_metadata_stands_wherever_an_issuer_is_looked_for(server: Served, oauth: str) -> None:
    tenant = f"/oauth/v4/{server.credentials['tenantId']}"
    for issuer, path in ((oauth, tenant), (f"{server.url}/oidc", "/oidc"), (server.url, "")):
        expected = server.http.get(f"{path}/.well-known/openid-configuration").json()
        assert expected["issuer"] == issuer
        for address in (f"/.well-known/oauth-authorization-server{path}", f"/.well-known/openid-configuration{path}",
                        f"{path}/.well-known/oauth-authorization-server"):  # fmt: skip
            answer = server.http.get(address)
            assert answer.status_code == 200, address
            assert answer.json() == expected
            assert answer.headers["cache-control"] == "public, max-age=300"
    unknown = server.http.get("/.well-known/oauth-authorization-server/oauth/v4/00000000-0000-4000-8000-000000000000")
    assert unknown.status_code == 404


def test_metadata_says_what_is_there(server: Served, oauth: str) -> None:
    document = server.http.get(f"{oauth}/.well-known/openid-configuration").json()
    assert document["scopes_supported"] == ["openid", "profile", "email", "address", "phone"]
    assert {"address", "phone_number", "auth_time", "acr", "updated_at"} <= set(document["claims_supported"])
    assert document["acr_values_supported"] == ["urn:oasis:names:tc:SAML:2.0:ac:classes:Password"]


@pytest.mark.parametrize("version", ["v4", "v3"])
def test_the_access_token_may_stand_in_the_form_of_userinfo(
    server: Served, oauth: str, token: str, version: str
) -> None:
    url, bearer = f"{oauth}/userinfo".replace("/v4/", f"/{version}/"), {"authorization": f"Bearer {token}"}
    seen = [
        server.http.get(url, headers=bearer),
        server.http.post(url, headers=bearer),
        server.http.post(url, data={"access_token": token}),
        server.http.post(url, headers=bearer, data={"schema": "openid"}),
    ]
    assert [answer.status_code for answer in seen] == [200] * 4
    assert all(answer.json() == seen[0].json() for answer in seen)
    both = server.http.post(url, headers=bearer, data={"access_token": token})
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    twice = server.http.post(url, content=f"access_token={token}&access_token={token}", headers=URLENCODED)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert server.http.post(url, data={"access_token": token + "x"}).json()["error"] == "invalid_token"
    for elsewhere in (
        server.http.get(url, params={"access_token": token}),
        server.http.post(url, params={"access_token": token}),
        server.http.post(url, json={"access_token": token}),
        server.http.post(url),
    ):
        assert elsewhere.status_code == 401, elsewhere.request


def test_the_platforms_userinfo_takes_the_form_too(server: Served) -> None:
    signed_in = server.http.post("/csp/gateway/am/api/login", json={"username": ANN, "password": PASSWORD})
    token = signed_in.json()["cspAuthToken"]
    known = server.http.get("/oidc/userinfo", headers={"authorization": f"Bearer {token}"})
    assert known.status_code == 200, known.text
    by_form = server.http.post("/oidc/userinfo", data={"access_token": token})
    assert (by_form.status_code, by_form.json()) == (200, known.json())
    headers = {"authorization": f"Bearer {token}"}
    assert server.http.post("/oidc/userinfo", headers=headers).json() == known.json()
    both = server.http.post("/oidc/userinfo", headers=headers, data={"access_token": token})
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert server.http.post(f"/oidc/userinfo?access_token={token}").status_code == 401


@pytest.mark.parametrize("domain", ["System Domain", "system domain", " SYSTEM DOMAIN ", "", None])
def test_the_local_directory_has_the_name_that_vra_clients_know(server: Served, domain: str | None) -> None:
    body = {"username": BOB, "password": PASSWORD, **({} if domain is None else {"domain": domain})}
    answer = server.http.post("/csp/gateway/am/api/login?access_token", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["refresh_token"]
    assert server.http.post("/csp/gateway/am/api/login", json={**body, "domain": "Other Domain"}).status_code == 401


def test_the_local_directory_signs_in_at_cloudapi_too(server: Served) -> None:
    credentials = base64.b64encode(f"{ANN}@System Domain:{PASSWORD}".encode()).decode()
    headers = {"authorization": f"Basic {credentials}", "accept": "application/json;version=40.0"}
    answer = server.http.post("/cloudapi/1.0.0/sessions", headers=headers)
    assert answer.status_code == 200, answer.text


def test_basic_with_every_hyphen_encoded(server: Served, oauth: str, client: tuple[str, str]) -> None:
    encoded: Any = (client[0].replace("-", "%2D"), client[1].replace("=", "%3D"))
    form = {"grant_type": "client_credentials", "scope": "openid profile email"}
    answer = server.http.post(f"{oauth}/token", data=form, auth=encoded)
    assert (answer.status_code, answer.json()["scope"]) == (200, "appid_default"), answer.text
    live = server.http.post(f"{oauth}/introspect", data={"token": answer.json()["access_token"]}, auth=encoded)
    assert live.json()["active"] is True


@pytest.mark.parametrize("scope", ["openid email profile address phone", "openid profile email groups"])
def test_the_authorization_endpoint_shows_its_page(
    server: Served, oauth: str, client: tuple[str, str], scope: str
) -> None:
    asked = {"client_id": client[0], "response_type": "code", "state": "1", "scope": scope, "max_age": "300"}
    pairs = [*asked.items(), ("redirect_uri", "http://127.0.0.1:51004/callback"), ("resource", "a"), ("resource", "b")]
    page = httpx.get(f"{oauth}/authorization", params=pairs, timeout=20)
    assert page.status_code == 200, page.text
    assert 'name="password"' in page.text
