"""Anonymous users, pre-registration, export and import through the real gateway, as SDKs and scripts see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from kit.servers.served import Served, served

from ostiary.oauth.claims.app_claims import ACCESS_BYTES

Json = dict[str, Any]
CALLBACK = "https://app.example.com/callback"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("profiles"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def management(server: Served) -> Iterator[httpx.Client]:
    base = f"{server.url}/management/v4/{server.credentials['tenantId']}"
    with httpx.Client(base_url=base, headers=server.manager(), timeout=20) as client:
        assert client.put("config/redirect_uris", json={"redirectUris": [CALLBACK]}).status_code == 204
        assert client.put("config/tokens", json={"anonymousAccess": {"enabled": True}}).status_code == 200
        yield client


class App:
    """The application that `init` made, over HTTP."""

    def __init__(self, server: Served) -> None:
        self.id, self.secret = server.credentials["clientId"], server.credentials["secret"]
        self.oauth = server.credentials["oauthServerUrl"]
        self.attributes = f"{server.credentials['profilesUrl']}/api/v1/attributes"

    def authorize(self, **parameters: str) -> httpx.Response:
        """The redirect of the Node SDK: `idp=appid_anon`, and the anonymous token of its session once it has one."""
        asked = {"client_id": self.id, "response_type": "code", "redirect_uri": CALLBACK, "scope": "appid_default"}
        return httpx.get(f"{self.oauth}/authorization", params={**asked, **parameters}, timeout=20)

    def token(self, form: Json, **parts: Any) -> httpx.Response:
        return httpx.post(f"{self.oauth}/token", data=form, auth=(self.id, self.secret), timeout=20, **parts)

    def visit(self) -> Json:
        """Tokens of an anonymous user."""
        sent = self.authorize(idp="appid_anon", state="s1")
        assert (sent.status_code, sent.content) == (303, b"")
        answer = parse_qs(urlsplit(sent.headers["location"]).query)
        assert answer["state"] == ["s1"]
        tokens = self.token({"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": CALLBACK})
        assert tokens.status_code == 200, tokens.text
        document: Json = tokens.json()
        return document


@pytest.fixture
def app(server: Served, management: httpx.Client) -> App:
    return App(server)


def test_a_token_of_too_small_a_scope_is_told_so_where_clients_look(app: App) -> None:
    own = app.token({"grant_type": "client_credentials"}).json()["access_token"]
    answer = httpx.get(f"{app.oauth}/userinfo", headers={"authorization": f"Bearer {own}"}, timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["www-authenticate"] == 'Bearer realm="ostiary", error="insufficient_scope"'


def test_an_anonymous_user_fills_a_cart_and_signs_in_with_it(app: App, management: httpx.Client) -> None:
    visit = app.visit()
    assert visit["expires_in"] == 2_592_000
    header = {"authorization": f"Bearer {visit['access_token']} {visit['id_token']}"}
    assert httpx.put(f"{app.attributes}/cart", content="7", headers=header).json() == {"cart": "7"}
    user = {"emails": [{"value": "ada@example.com", "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
    assert management.post("cloud_directory/Users", json=user).status_code == 201
    form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD,
            "appid_access_token": visit["access_token"]}  # fmt: skip
    tokens = app.token({}, files={name: (None, value) for name, value in form.items()})  # multipart, as the SDK
    assert tokens.status_code == 200, tokens.text
    mine = {"authorization": f"Bearer {tokens.json()['access_token']}"}
    assert httpx.get(app.attributes, headers=mine).json() == {"cart": "7"}
    assert httpx.get(app.attributes, headers=header).status_code == 401
    refused = app.token({**form, "appid_access_token": tokens.json()["access_token"]})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    sent = app.authorize(appid_access_token=tokens.json()["access_token"])
    assert parse_qs(urlsplit(sent.headers["location"]).query)["error"] == ["invalid_request"]


def test_a_user_is_pre_registered_once(management: httpx.Client) -> None:
    user = {"idp": "google", "idp-identity": "Late@example.com", "profile": {"attributes": {"plan": "gold"}}}
    made = management.post("users", json=user)
    assert (made.status_code, list(made.json())) == (201, ["id"])
    again = management.post("users", json=user)
    assert (again.status_code, again.json()) == (
        409, {"errorCode": "PROFILE_EXISTS", "message": "The user already exists."}
    )  # fmt: skip
    bad = management.post("users", json={"idp": "google"})
    assert (bad.status_code, bad.json()["errorCode"]) == (400, "INVALID_IDENTITY")
    found = management.get("users", params={"email": "late@example.com"}).json()["users"]
    assert [one["id"] for one in found] == [made.json()["id"]]


def test_profiles_are_imported_and_exported_by_managers(management: httpx.Client) -> None:
    users = '{"users":[{"id":"a","identities":[{"provider":"saml","id":"s1"}],"attributes":{"n":1.10}},{"id":"b"}]}'
    answer = management.post("users/import", content=users, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (
        200, {"added": 1, "failed": 1, "failReasons": [
            {"originalId": "b", "idp": "",
             "error": {"message": "attributes must be an object.", "code": "INVALID_PROFILE"}}
        ]},
    )  # fmt: skip
    page = management.get("users/export", params={"startIndex": 1, "count": 100})
    assert (page.status_code, page.json()["requestOptions"]) == (200, {"startIndex": 1, "count": 100})
    assert '"attributes":{"n":1.10},"idp":"saml","roles":[]' in page.text
    assert management.get("users/export", params={"count": 101}).status_code == 400


def test_profiles_are_no_business_of_writers_and_strangers(management: httpx.Client, server: Served) -> None:
    everybody = httpx.Client(base_url=management.base_url, timeout=20)
    asked = (("GET", "users/export"), ("POST", "users/import"), ("POST", "users"))
    with everybody as stranger:
        assert [stranger.request(verb, path).status_code for verb, path in asked] == [401] * 3
    elsewhere = str(management.base_url).replace(server.credentials["tenantId"], "00000000-0000-4000-8000-000000000000")
    answers = [management.request(verb, f"{elsewhere.rstrip('/')}/{path}") for verb, path in asked]
    assert [(answer.status_code, answer.text) for answer in answers] == [(404, "Not Found")] * 3


def test_the_largest_access_token_is_taken_by_every_endpoint_it_is_for(app: App, management: httpx.Client) -> None:
    claim = "x" * (ACCESS_BYTES - len('{"a": ""}'))
    address = "large@example.com"
    waiting = {"idp": "cloud_directory", "idp-identity": address, "profile": {"attributes": {"a": claim}}}
    mapping = {"source": "attributes", "sourceClaim": "a", "destinationClaim": "a"}
    user = {"emails": [{"value": address, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
    assert management.post("cloud_directory/Users", json=user).status_code == 201
    assert management.post("users", json=waiting).status_code == 201
    anonymous = {"enabled": True}
    mapped = {"accessTokenClaims": [mapping], "anonymousAccess": anonymous}
    assert management.put("config/tokens", json=mapped).status_code == 200
    try:
        tokens = app.token({"grant_type": "password", "username": address, "password": PASSWORD})
        assert tokens.status_code == 200, tokens.text
        bearer = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
        for url in (f"{app.oauth}/userinfo", app.attributes):
            assert httpx.get(url, headers=bearer, timeout=20).status_code == 200, url
    finally:
        assert management.put("config/tokens", json={"anonymousAccess": anonymous}).status_code == 200


@pytest.mark.parametrize("sub", ["auth0|5f7c8e", "f:b3e1:ada.lovelace", "urn:x/y%2F?a=1#b", "a" * 255])
def test_a_profile_with_a_brought_id_is_found_below_its_encoded_path(management: httpx.Client, sub: str) -> None:
    identity = {"provider": "google", "id": f"google {sub[:5]}", "idpUserInfo": {}}
    entry = {"id": "old", "sub": sub, "identities": [identity], "attributes": {"plan": "gold"}}
    assert management.post("users/import", json={"users": [entry]}).json()["added"] == 1
    path = f"users/{quote(sub, safe='')}"
    assert management.get(f"{path}/profile").json()["id"] == sub
    assert management.put(f"{path}/roles", json={"roles": {"ids": []}}).status_code == 200
    assert management.delete(path).status_code == 204
    assert management.get(f"{path}/profile").status_code == 404
