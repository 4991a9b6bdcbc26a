"""OpenID Connect through the real gateway, with a client library of others: what an integrator does, in order."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from kit.patience import PATIENCE_S
from kit.servers.served import Served, served

CALLBACK = "https://app.example.com/callback"
SIGNED_OUT = "https://app.example.com/bye"
PYTHON_CLIENTS = Path(__file__).parent / "python_clients"
PASSWORD = "correct horse 1"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("oidc"), workers=1) as running:
        base = f"/management/v4/{running.credentials['tenantId']}"
        manager = running.manager()
        for path, document in (
            ("config/redirect_uris", {"redirectUris": [CALLBACK, "https://spa.example.com"]}),
            ("config/tokens", {"access": {"expires_in": 600}, "refresh": {"enabled": True}}),
            (
                "config/cloud_directory/sso",
                {"isActive": False, "inactivityTimeoutSeconds": 86_400, "logoutRedirectUris": [SIGNED_OUT]},
            ),
        ):
            running.http.put(f"{base}/{path}", json=document, headers=manager).raise_for_status()
        user = {"emails": [{"value": "ada@example.com", "primary": True}], "password": PASSWORD, "status": "CONFIRMED",
                "name": {"givenName": "Ada", "familyName": "Lovelace"}, "displayName": "Ada Lovelace"}  # fmt: skip
        running.http.post(f"{base}/cloud_directory/Users", json=user, headers=manager).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def discovery(server: Served) -> dict[str, Any]:
    answer = httpx.get(server.credentials["discoveryEndpoint"], headers={"origin": "https://spa.example.com"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in ("*", "https://spa.example.com")
    assert "access-control-allow-credentials" not in answer.headers
    assert "max-age" in answer.headers["cache-control"]
    document: dict[str, Any] = answer.json()
    return document


@pytest.fixture(scope="module")
def platform(server: Served) -> dict[str, Any]:
    """The metadata of the platform's issuer."""
    document: dict[str, Any] = server.http.get("/oidc/.well-known/openid-configuration").json()
    return document


@pytest.fixture(scope="module")
def python_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libraries that the environment of the tests does not have."""
    folder = tmp_path_factory.mktemp("python_clients")
    wanted = ["--target", str(folder), "-r", str(PYTHON_CLIENTS / "requirements.txt")]
    command = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--no-deps", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"requests-oauthlib cannot be installed here: {done.stderr[-300:]}")
    return folder


def client_of(server: Served, **options: Any) -> OAuth2Client:
    given = {"client_id": server.credentials["clientId"], "client_secret": server.credentials["secret"], **options}
    return OAuth2Client(redirect_uri=CALLBACK, scope="openid profile email", **given)


def signed_in(url: str, password: str = PASSWORD, username: str = "ada@example.com") -> httpx.Response:
    """Opens the page and sends its form, as a browser without scripts does."""
    with httpx.Client(timeout=20, headers=BROWSER) as browser:
        page = browser.get(url)
        assert page.status_code == 200, page.text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        (action,) = re.findall(r'<form method="post" action="([^"]*)">', page.text)
        form = {name: unescape(value) for name, value in fields.items()} | {"username": username, "password": password}
        return browser.post(unescape(action), data=form)


def verified(token: str, discovery: dict[str, Any]) -> dict[str, Any]:
    keys = KeySet.import_key_set(httpx.get(discovery["jwks_uri"], headers={"x-filter-type": "nodejs"}).json())
    registry = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    claims = dict(jwt.decode(token, keys, registry=registry).claims)
    assert claims["iss"] == discovery["issuer"]
    return claims


def test_the_issuer_is_where_its_discovery_document_stands(server: Served, discovery: dict[str, Any]) -> None:
    assert server.credentials["discoveryEndpoint"] == f"{discovery['issuer']}/.well-known/openid-configuration"
    assert discovery["issuer"] == server.credentials["oauthServerUrl"]
    for name in ("subject_types_supported", "response_types_supported", "id_token_signing_alg_values_supported"):
        assert discovery[name]
    third = server.http.get(f"/oauth/v3/{server.credentials['tenantId']}/.well-known/openid-configuration").json()
    assert third == discovery


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_code_flow_with_pkce_refresh_userinfo_introspection_and_revocation(
    server: Served, discovery: dict[str, Any], method: str
) -> None:
    with client_of(server, token_endpoint_auth_method=method, code_challenge_method="S256") as client:
        url, state = client.create_authorization_url(
            discovery["authorization_endpoint"], code_verifier=VERIFIER, nonce="n1"
        )
        back = signed_in(url)
        assert back.status_code == 303
        assert back.headers["location"].startswith(f"{CALLBACK}?")
        token = client.fetch_token(
            discovery["token_endpoint"], authorization_response=back.headers["location"], code_verifier=VERIFIER,
            state=state,
        )  # fmt: skip
        identity = verified(token["id_token"], discovery)
        assert (identity["nonce"], identity["aud"], identity["name"]) == ("n1", [client.client_id], "Ada Lovelace")
        assert token["expires_in"] == 600
        known = client.get(discovery["userinfo_endpoint"])
        assert known.json()["sub"] == identity["sub"]
        assert known.headers["cache-control"].startswith("no-store")
        assert client.post(discovery["userinfo_endpoint"]).json() == known.json()
        refreshed = client.refresh_token(discovery["token_endpoint"], refresh_token=token["refresh_token"])
        assert verified(refreshed["id_token"], discovery)["sub"] == identity["sub"]
        alive = client.introspect_token(discovery["introspection_endpoint"], token=refreshed["access_token"])
        assert (alive.json()["active"], alive.json()["sub"]) == (True, identity["sub"])
        client.revoke_token(discovery["revocation_endpoint"], token=refreshed["refresh_token"]).raise_for_status()
        dead = client.introspect_token(discovery["introspection_endpoint"], token=refreshed["access_token"])
        assert dead.json() == {"active": False}
        assert client.get(discovery["userinfo_endpoint"]).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(discovery["token_endpoint"], refresh_token=refreshed["refresh_token"])


def test_authlib_signs_in_at_the_platform_and_out_again(server: Served, platform: dict[str, Any]) -> None:
    with client_of(server, code_challenge_method="S256") as client:
        url, state = client.create_authorization_url(platform["authorization_endpoint"], code_verifier=VERIFIER)
        token = client.fetch_token(
            platform["token_endpoint"], authorization_response=signed_in(url).headers["location"],
            code_verifier=VERIFIER, state=state,
        )  # fmt: skip
        identity = verified(token["id_token"], platform)
        assert (token["scope"], identity["aud"]) == ("openid profile email", [client.client_id])
        assert client.get(platform["userinfo_endpoint"]).json()["sub"] == identity["sub"]
        renewed = client.refresh_token(platform["token_endpoint"], refresh_token=token["refresh_token"])
        assert verified(renewed["id_token"], platform)["auth_time"] == identity["auth_time"]
        leave = {"id_token_hint": renewed["id_token"], "post_logout_redirect_uri": SIGNED_OUT, "state": "s9"}
        assert httpx.get(platform["end_session_endpoint"], params=leave).headers["location"] == f"{SIGNED_OUT}?state=s9"
        assert client.get(platform["userinfo_endpoint"]).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(platform["token_endpoint"], refresh_token=renewed["refresh_token"])


def test_requests_oauthlib_signs_in_at_both_issuers(
    server: Served, discovery: dict[str, Any], platform: dict[str, Any], python_clients: Path
) -> None:
    for issuer in (discovery, platform):
        facts = {
            "id": server.credentials["clientId"], "secret": server.credentials["secret"], "callback": CALLBACK,
            "authorize": issuer["authorization_endpoint"], "token": issuer["token_endpoint"],
            "userinfo": issuer["userinfo_endpoint"],
        }  # fmt: skip
        with subprocess.Popen(
            [sys.executable, str(PYTHON_CLIENTS / "session.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(python_clients)},
        ) as program:  # fmt: skip
            assert program.stdin is not None
            assert program.stdout is not None
            program.stdin.write(f"{json.dumps(facts)}\n")
            program.stdin.flush()
            back = signed_in(json.loads(program.stdout.readline())).headers["location"]
            answer, wrong = program.communicate(f"{json.dumps(back)}\n", timeout=PATIENCE_S)
        assert program.returncode == 0, wrong[-2_000:]
        seen = json.loads(answer)
        first, second = (verified(seen.pop(name), issuer) for name in ("identity", "renewed"))
        told = seen.pop("told")
        assert (told["sub"], told["email"]) == (first["sub"], "ada@example.com")
        assert (first["nonce"], second["auth_time"]) == ("n1", first["auth_time"])
        assert seen == {"state": True, "expires": True, "rotated": True, "again": True}


def test_a_single_page_application_signs_in_without_a_secret(server: Served, discovery: dict[str, Any]) -> None:
    manager = server.manager()
    base = f"/management/v4/{server.credentials['tenantId']}"
    page = server.http.post(f"{base}/applications", json={"name": "page", "type": "singlepageapp"}, headers=manager)
    client_id = page.json()["clientId"]
    challenge = base64.b64encode(hashlib.sha256(VERIFIER.encode()).hexdigest().encode()).decode()
    query = {
        "client_id": client_id, "response_type": "code", "state": "c3RhdGU=", "code_challenge": challenge,
        "code_challenge_method": "S256", "redirect_uri": "https://spa.example.com", "response_mode": "web_message",
        "nonce": "n2", "scope": "openid",
    }  # fmt: skip
    done = signed_in(str(httpx.URL(discovery["authorization_endpoint"], params=query)))
    assert done.status_code == 200
    posted = re.search(r'postMessage\((\{.*\}), ("[^"]*")\);', done.text)
    assert posted is not None
    message = json.loads(posted[1])
    assert (message["state"], json.loads(posted[2])) == ("c3RhdGU=", "https://spa.example.com")
    grant = {
        "grant_type": "authorization_code", "redirect_uri": "https://spa.example.com", "code": message["code"],
        "code_verifier": VERIFIER,
    }  # fmt: skip
    answer = httpx.post(
        discovery["token_endpoint"],
        data=grant,
        auth=(client_id, VERIFIER),
        headers={"origin": "https://spa.example.com"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] in ("*", "https://spa.example.com")
    assert "refresh_token" not in answer.json()
    assert verified(answer.json()["id_token"], discovery)["nonce"] == "n2"


def test_errors_have_the_documented_statuses_and_bodies(server: Served, discovery: dict[str, Any]) -> None:
    auth = (server.credentials["clientId"], server.credentials["secret"])
    endpoint = discovery["token_endpoint"]
    wrong = {"grant_type": "password", "username": "ada@example.com", "password": "wrong"}
    answer = httpx.post(endpoint, data=wrong, auth=auth)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "The email or password that you entered is incorrect."},
    )
    assert answer.headers["cache-control"].startswith("no-store")
    stranger = httpx.post(endpoint, data={"grant_type": "client_credentials"}, auth=(auth[0], "wrong"))
    assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")
    assert stranger.headers["www-authenticate"].startswith("Basic")
    twice = httpx.post(endpoint, data={"grant_type": "client_credentials", "client_secret": auth[1]}, auth=auth)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    nobody = httpx.get(discovery["userinfo_endpoint"])
    assert (nobody.status_code, nobody.headers["www-authenticate"].partition(" ")[0]) == (401, "Bearer")
    unknown = httpx.get(discovery["jwks_uri"].replace(server.credentials["tenantId"], "0" * 36))
    assert (unknown.status_code, unknown.text) == (404, "Not Found")


def test_bodies_of_every_kind_are_taken(server: Served, discovery: dict[str, Any]) -> None:
    auth = (server.credentials["clientId"], server.credentials["secret"])
    grant = {"grant_type": "client_credentials"}
    for body in ({"data": grant}, {"json": grant}, {"files": {name: (None, text) for name, text in grant.items()}}):
        answer = httpx.post(discovery["token_endpoint"], auth=auth, **body)
        assert (answer.status_code, answer.json()["scope"]) == (200, "appid_default"), answer.text


def test_a_refused_sign_in_is_a_page_with_its_status(server: Served, discovery: dict[str, Any]) -> None:
    with client_of(server) as client:
        url, _ = client.create_authorization_url(discovery["authorization_endpoint"])
    page = signed_in(url, password="wrong")
    assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "incorrect" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"].startswith("no-store")


def test_a_bad_redirect_uri_shows_a_page_to_people_and_json_to_programs(
    server: Served, discovery: dict[str, Any]
) -> None:
    query = {
        "client_id": server.credentials["clientId"],
        "response_type": "code",
        "redirect_uri": f"{CALLBACK}.evil.tld",
    }
    program = httpx.get(discovery["authorization_endpoint"], params=query)
    assert (program.status_code, program.json()["error"]) == (400, "invalid_request")
    person = httpx.get(discovery["authorization_endpoint"], params=query, headers=BROWSER)
    assert (person.status_code, person.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "redirect_uri is invalid" in person.text
    assert "location" not in person.headers


def test_prompt_none_without_a_session_goes_back_at_once(server: Served, discovery: dict[str, Any]) -> None:
    with client_of(server) as client:
        url, state = client.create_authorization_url(discovery["authorization_endpoint"], prompt="none")
    back = httpx.get(url)
    parameters = parse_qs(urlsplit(back.headers["location"]).query)
    assert (back.status_code, parameters["error"], parameters["state"]) == (303, ["login_required"], [state])
    assert httpx.head(url).status_code == 405


def test_one_sign_in_opens_both_issuers_through_the_gateway_until_the_sign_out(
    server: Served, discovery: dict[str, Any], platform: dict[str, Any]
) -> None:
    sso = {"isActive": True, "inactivityTimeoutSeconds": 600, "logoutRedirectUris": [SIGNED_OUT]}
    management = f"/management/v4/{server.credentials['tenantId']}/config/cloud_directory/sso"
    server.http.put(management, json=sso, headers=server.manager()).raise_for_status()
    query = {"client_id": server.credentials["clientId"], "response_type": "code", "redirect_uri": CALLBACK}
    leave = {"client_id": server.credentials["clientId"], "redirect_uri": SIGNED_OUT}
    with httpx.Client(timeout=PATIENCE_S, headers=BROWSER) as browser:

        def silent(issuer: dict[str, Any]) -> str:
            back = browser.get(issuer["authorization_endpoint"], params={**query, "prompt": "none", "scope": "openid"})
            assert back.status_code == 303, back.text
            return next(iter(parse_qs(urlsplit(back.headers["location"]).query)))

        for issuer in (discovery, platform):
            page = browser.get(issuer["authorization_endpoint"], params=query)
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
            (action,) = re.findall(r'<form method="post" action="([^"]*)"', page.text)
            form = {name: unescape(value) for name, value in fields.items()}
            done = browser.post(unescape(action), data={**form, "username": "ada@example.com", "password": PASSWORD})
            assert done.status_code == 303
            assert [silent(discovery), silent(platform)] == ["code", "code"]
            asked = browser.get(issuer["end_session_endpoint"])
            (action,) = re.findall(r'<form method="post" action="([^"]*)"', asked.text)
            assert silent(discovery) == "code"
            assert "signed out" in browser.post(unescape(action), data={}).text
            assert [silent(discovery), silent(platform)] == ["error", "error"]
        back = browser.get(f"{discovery['issuer']}/cloud_directory/sso/logout", params=leave)
        assert (back.status_code, back.headers["location"]) == (303, SIGNED_OUT)
