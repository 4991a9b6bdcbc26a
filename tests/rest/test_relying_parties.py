"""Relying parties through the real gateway: metadata where they look for it, claims by form, the local directory."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
from kit.patience import awaited
from kit.servers.command import ostiary_here
from kit.servers.served import Served, served

CALLBACK = "http://127.0.0.1:8400/callback"
PASSWORD = "correct horse battery"
ANN, BOB, CARL = "ann@example.com", "bob@example.com", "carl@example.com"
"""Several, since sign-ins are counted by user."""
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("relying"), workers=1) as running:
        management = f"/management/v4/{running.credentials['tenantId']}"
        manager = running.manager()
        for email in (ANN, BOB, CARL):
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


def test_what_was_withdrawn_is_gone_from_the_gateway_in_two_seconds(server: Served) -> None:
    """Documents that the gateway itself answers: of a tenant that was deleted, of a key that was stolen."""

    def run(*arguments: str) -> Any:
        ended = ostiary_here(*arguments, "--json", cwd=server.folder, **server.variables)
        assert ended.code == 0, ended.stderr
        return ended.json()

    def kids(path: str) -> set[str]:
        answer = server.http.get(path)
        return {key["kid"] for key in answer.json()["keys"]} if answer.status_code == 200 else set()

    tenant = run("tenant", "create", "withdrawn")["id"]
    path = f"/oauth/v4/{tenant}/publickeys"
    documents = (path, f"/oauth/v4/{tenant}/.well-known/openid-configuration", "/oidc/oauth2/jwks",
                 "/oidc/.well-known/openid-configuration", "/.well-known/openid-configuration")  # fmt: skip
    assert all("age" in [server.http.get(one).headers for _ in range(2)][1] for one in documents)
    for owner, published in (("withdrawn", path), ("platform", "/oidc/oauth2/jwks")):
        stolen = kids(published)
        run("key", "rotate", owner, "--revoke")
        assert awaited(lambda now=published, old=stolen: kids(now) and not kids(now) & old)
    run("tenant", "delete", "withdrawn", "--yes")
    assert all(awaited(lambda one=one: server.http.get(one).status_code == 404) for one in documents[:2])


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


def test_a_parameter_of_an_authorization_request_stands_once_however_it_is_sent(
    server: Served, oauth: str, client: tuple[str, str]
) -> None:
    asked = {"client_id": client[0], "response_type": "code", "redirect_uri": CALLBACK, "state": "1", "scope": "openid"}
    for more in (*asked.items(), ("redirect_uri", "https://evil.example"), ("state", ""), ("st%61te", "2")):
        query = f"{urlencode(asked)}&{more[0]}={more[1]}"
        answers = [
            server.http.get(f"{oauth}/authorization?{query}"),
            server.http.post(f"{oauth}/authorization", content=query, headers=URLENCODED),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), more
            assert "is repeated" in answer.json()["error_description"]
    again = f"{urlencode(asked)}&resource=a&resource=b&approval_prompt=auto&approval_prompt=force"
    assert server.http.get(f"{oauth}/authorization?{again}").status_code == 200


def test_clients_of_vra_swap_the_api_token_of_their_sign_in(server: Served) -> None:
    body = {"username": BOB, "password": PASSWORD, "domain": "System Domain"}
    signed_in = server.http.post("/csp/gateway/am/api/login?access_token", json=body).json()
    answer = server.http.post("/iaas/api/login", json={"refreshToken": signed_in["refresh_token"]})
    assert (answer.status_code, answer.json()["tokenType"]) == (200, "Bearer"), answer.text
    headers = {"authorization": f"Bearer {answer.json()['token']}"}
    assert server.http.get("/oidc/userinfo", headers=headers).json()["email"] == BOB
    assert server.http.post("/iaas/api/login", json={"refreshToken": "x"}).status_code == 400
    assert server.http.post("/iaas/api/login", json={}).status_code == 400


@pytest.mark.parametrize("accept", ["application/*+xml", "*/*", "application/*+xml;version=36.0", None])
def test_the_versions_of_the_api_stand_where_clients_ask_first(server: Served, accept: str | None) -> None:
    answer = server.http.get("/api/versions", headers={"accept": accept} if accept else {})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml"), answer.text
    root = ET.fromstring(answer.text)  # noqa: S314 - our own server's answer
    name = "{http://www.vmware.com/vcloud/versions}"
    assert root.tag == f"{name}SupportedVersions"
    found = {one.findtext(f"{name}Version"): one.findtext(f"{name}LoginUrl") for one in root}
    assert found == dict.fromkeys(("36.0", "37.0", "38.0", "39.0", "40.0"), f"{server.url}/cloudapi/1.0.0/sessions")


def test_of_a_library_that_sends_every_password_twice_mistakes_count_once(server: Served) -> None:
    """As golang.org/x/oauth2 does: by Basic, then in the body."""
    manager, tenant = server.manager(), server.credentials["tenantId"]
    path = f"/management/v4/{tenant}/config/cloud_directory/advanced_password_management"
    config = server.http.get(path, headers=manager).json()
    policy = {"enabled": True, "config": {"lockOutTimeSec": 60, "numOfAttempts": 4}}
    config["advancedPasswordManagement"] |= {"enabled": True, "lockOutPolicy": policy}
    assert server.http.put(path, json=config, headers=manager).status_code == 200
    client, secret = server.credentials["clientId"], server.credentials["secret"]
    url = f"{server.credentials['oauthServerUrl']}/token"

    def ask(password: str) -> list[int]:
        form = {"grant_type": "password", "username": CARL, "password": password}
        answers = [server.http.post(url, data=form, auth=(client, secret))]
        if answers[0].status_code != 200:
            answers.append(server.http.post(url, data={**form, "client_id": client, "client_secret": secret}))
        return [answer.status_code for answer in answers]

    assert [ask("mistake 1"), ask("mistake 2"), ask(PASSWORD)] == [[400, 400], [400, 400], [200]]


def test_scim_takes_a_manager_by_its_id_alone_and_finds_by_the_type_of_an_address(server: Served) -> None:
    core = "urn:ietf:params:scim:schemas:core:2.0:User"
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    headers = {**server.manager(), "content-type": "application/scim+json"}
    user = {
        "schemas": [core, enterprise], "userName": "m1", "emails": [{"value": "m1@example.org", "type": "work"}],
        enterprise: {"manager": {"value": "26118915"}},
    }  # fmt: skip
    made = server.http.post("/scim/v2/Users", json=user, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()[enterprise]["manager"] == {"value": "26118915"}
    query = {"filter": 'emails[type eq "work"].value eq "m1@example.org"'}
    found = server.http.get("/scim/v2/Users", params=query, headers=headers).json()
    assert [one["userName"] for one in found["Resources"]] == ["m1"]
    half = server.http.get("/scim/v2/Users", params={"filter": 'userName eq "\\ud800"'}, headers=headers)
    assert (half.status_code, half.json()["scimType"]) == (400, "invalidFilter")


def test_json_with_a_name_twice_is_refused_at_the_token_endpoint(server: Served, oauth: str) -> None:
    client = (server.credentials["clientId"], server.credentials["secret"])
    kind = {"content-type": "application/json"}
    twice = '{"grant_type":"refresh_token","grant_type":"client_credentials"}'
    for url in (f"{oauth}/token", "/oidc/oauth2/token"):
        answer = server.http.post(url, content=twice, headers=kind, auth=client)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), url
