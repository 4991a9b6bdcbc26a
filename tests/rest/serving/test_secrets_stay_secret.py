"""Secrets and personal data are planted in every dialect, and looked for where they must not be: in the log at
its most talkative, in metrics, in the audit ledger, in refusals, and (secrets) in the database at rest."""

from __future__ import annotations

import base64
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import grpc
import httpx
import pytest
from kit.servers.served import Served, served

from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as users_pb
from ostiary_api.appid.management.v4.cloud_directory_users_pb2_grpc import CloudDirectoryUsersServiceStub

CALLBACK = "https://app.example.com/callback"
PASSWORD, WRONG_PASSWORD = "planted right passphrase 71", "planted wrong passphrase 72"
STRAY = "planted-stray-credential-73"
"""What somebody sends in place of a credential."""
IDP_SECRET = "planted-facebook-secret-74"
EMAIL, NOBODY, ANN = "zelda.quux@people.example", "nobody.quux@people.example", "ann.quux@people.example"
PERSON = ("Zeldagiven", "Quuxfamily", "Zelda Shownname", "zelda.loginname", "+43155501994", "annloginname", "Anngiven")
GIVEN, FAMILY, SHOWN, LOGIN, PHONE, ANN_LOGIN, ANN_GIVEN = PERSON
ATTRIBUTE, STATE, NONCE = "planted-attribute-75", "planted-state-76", "planted-nonce-77"
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"


@dataclass
class Trail:
    """What was planted, and the refusals that came back."""

    server: Served
    http: httpx.Client
    secrets: set[str] = field(default_factory=set)
    personal: set[str] = field(default_factory=set)
    refusals: list[httpx.Response] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def plant(self, *secrets: str) -> None:
        """Remembers secrets; of a JWT its claims and its signature, since its header is no secret."""
        for secret in secrets:
            assert len(secret) >= 16, f"{secret!r} may occur by chance"
            self.secrets.update(secret.split(".")[1:] if secret.startswith("eyJ") else [secret])

    def tokens(self, answer: httpx.Response) -> dict[str, Any]:
        """A token response, its tokens planted."""
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        names = ("access_token", "id_token", "refresh_token", "cspAuthToken")
        self.plant(*(document[name] for name in names if document.get(name, "not_supported") != "not_supported"))
        return document

    def ask(self, verb: str, path: str, *, wanted: int, **request: Any) -> httpx.Response:
        """A request that must be answered with the status `wanted`."""
        answer = self.http.request(verb, self.path(path), **request)
        assert answer.status_code == wanted, f"{verb} {path}: {answer.status_code} {answer.text}"
        if wanted >= 400:
            self.refusals.append(answer)
        return answer

    def path(self, path: str) -> str:
        """`{m}` and `{o}` are the tenant's management and OAuth paths."""
        tenant = self.server.credentials["tenantId"]
        return path.replace("{m}", f"/management/v4/{tenant}").replace("{o}", f"/oauth/v4/{tenant}")

    @property
    def client(self) -> tuple[str, str]:
        """The first application."""
        return self.server.credentials["clientId"], self.server.credentials["secret"]


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trail]:
    """The whole story, told once."""
    with (
        served(tmp_path_factory.mktemp("secrets"), workers=1, log_level="debug", log_format="json") as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
    ):
        made = Trail(server, http)
        made.plant(*(server.credentials[name] for name in ("secret", "apikey", "operatorApikey")))
        made.plant(PASSWORD, WRONG_PASSWORD, STRAY, IDP_SECRET, ATTRIBUTE, STATE, NONCE)
        made.personal.update({EMAIL, NOBODY, ANN, *PERSON})
        manager = keys(made)
        management(made, manager)
        password_grant(made, manager)
        code_flow(made)
        attributes(made)
        scim(made, manager)
        platform(made)
        native(made, manager)
        nonsense(made, manager)
        time.sleep(1.2)  # the gateway and the workers write their lines a little later
        yield made


def keys(trail: Trail) -> dict[str, str]:
    """API keys, good and bad."""
    grant = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey"}
    trail.ask("POST", "/identity/token", data={**grant, "apikey": STRAY}, wanted=400)
    trail.ask("POST", "/identity/token", data={"grant_type": "other", "apikey": STRAY}, wanted=400)
    for name in ("operatorApikey", "apikey"):
        form = {**grant, "apikey": trail.server.credentials[name]}
        token = trail.tokens(trail.ask("POST", "/identity/token", data=form, wanted=200))["access_token"]
    return {"authorization": f"Bearer {token}"}


def management(trail: Trail, manager: dict[str, str]) -> None:
    """Settings, applications and users of App ID."""

    def manage(verb: str, path: str, wanted: int, document: Any = None) -> httpx.Response:
        return trail.ask(verb, f"{{m}}/{path}", wanted=wanted, json=document, headers=manager)

    manage("PUT", "config/capture_runtime_activity", 204, {"isActive": True})
    manage("PUT", "config/redirect_uris", 204, {"redirectUris": [CALLBACK]})
    manage("PUT", "config/tokens", 200, {"access": {"expires_in": 600}, "refresh": {"enabled": True}})
    facebook = {"isActive": True, "config": {"idpId": "someone", "secret": IDP_SECRET}}
    manage("PUT", "config/idps/facebook", 200, facebook)
    manage("PUT", "config/idps/facebook", 400, {"isActive": IDP_SECRET, "config": {"secret": IDP_SECRET}})
    token = manage("POST", "scim_tokens", 201, {"name": "Entra"}).json()
    rotated = manage("POST", f"scim_tokens/{token['id']}/rotate", 200, {"overlapHours": 0}).json()
    trail.plant(token["value"], rotated["value"])
    for value, wanted in ((token["value"], 401), (rotated["value"], 200)):
        trail.ask("GET", "/scim/v2/Users", wanted=wanted, headers={"authorization": f"Bearer {value}"})
    application = manage("POST", "applications", 200, {"name": "second"}).json()
    trail.plant(application["secret"])
    user = {"emails": [{"value": EMAIL, "primary": True}], "password": PASSWORD, "status": "CONFIRMED",
            "userName": LOGIN, "displayName": SHOWN, "name": {"givenName": GIVEN, "familyName": FAMILY},
            "phoneNumbers": [{"value": PHONE}]}  # fmt: skip
    made = manage("POST", "cloud_directory/sign_up?shouldCreateProfile=true", 201, user).json()
    manage("POST", "cloud_directory/sign_up", 409, user)
    manage("POST", "cloud_directory/Users", 409, user)
    manage("POST", "cloud_directory/Users", 400, {**user, "emails": [{"value": f"{EMAIL} {PHONE}"}]})
    manage("POST", "cloud_directory/Users", 400, {**user, "lockedUntil": PASSWORD})
    manage("PUT", f"cloud_directory/Users/{made['id']}", 400, {**user, "emails": [{"value": NOBODY}]})
    manage("PUT", f"cloud_directory/Users/{made['id']}", 200, user)
    manage("GET", f"cloud_directory/Users?query={quote(EMAIL)}", 200)
    manage("GET", f"users?email={quote(EMAIL)}&dataScope=full", 200)
    manage("GET", f"cloud_directory/Users/{quote(EMAIL)}", 404)
    manage("GET", f"users/{quote(SHOWN)}/profile", 404)


def password_grant(trail: Trail, manager: dict[str, str]) -> None:
    """Passwords, refresh tokens, access tokens: right, wrong, used twice, in the wrong place."""

    def token(wanted: int, auth: tuple[str, str] | None = trail.client, **form: str) -> httpx.Response:
        return trail.ask("POST", "{o}/token", wanted=wanted, data=form, auth=auth)

    who = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    first = trail.tokens(token(200, **who))
    token(400, **{**who, "password": WRONG_PASSWORD})
    token(400, **{**who, "username": NOBODY, "password": WRONG_PASSWORD})
    token(401, auth=(trail.client[0], STRAY), **who)
    token(400, client_secret=trail.client[1], **who)
    token(400, **who, scope=STRAY)
    trail.ask("POST", "{o}/token", wanted=400, json={**who, "scope": {"password": PASSWORD}}, auth=trail.client)
    broken = f'{{"username": "{EMAIL}", "password": "{PASSWORD}"'
    json_kind = {"content-type": "application/json"}
    trail.ask("POST", "{o}/token", wanted=400, content=broken, headers=json_kind, auth=trail.client)
    trail.tokens(token(200, grant_type="client_credentials"))
    second = trail.tokens(token(200, grant_type="refresh_token", refresh_token=first["refresh_token"]))
    trail.tokens(token(200, grant_type="refresh_token", refresh_token=second["refresh_token"]))
    token(400, grant_type="refresh_token", refresh_token=first["refresh_token"])
    token(400, grant_type="refresh_token", refresh_token=STRAY)
    third = trail.tokens(token(200, **who))
    for bearer in (third["id_token"], third["access_token"][:-9], STRAY):
        trail.ask("GET", "{o}/userinfo", wanted=401, headers={"authorization": f"Bearer {bearer}"})
    trail.ask("GET", f"{{o}}/userinfo?access_token={third['access_token']}", wanted=401)
    trail.ask("GET", "{o}/userinfo", wanted=200, headers={"authorization": f"Bearer {third['access_token']}"})
    trail.ask("GET", "{o}/userinfo", wanted=401, headers=manager)
    for one in (third["access_token"], third["refresh_token"], STRAY):
        trail.ask("POST", "{o}/introspect", wanted=200, data={"token": one}, auth=trail.client)
    trail.ask("POST", "{o}/introspect", wanted=401, data={"token": third["access_token"]}, auth=("x", STRAY))
    trail.ask("POST", "{o}/revoke", wanted=200, data={"token": third["refresh_token"]}, auth=trail.client)
    dead = {"authorization": f"Bearer {third['access_token']}"}
    trail.ask("GET", "/api/v1/attributes", wanted=401, headers=dead)


def code_flow(trail: Trail) -> None:
    """The sign-in page, its cookie, the code and what becomes of it."""
    asked = {"client_id": trail.client[0], "response_type": "code", "redirect_uri": CALLBACK, "state": STATE,
             "nonce": NONCE, "login_hint": EMAIL}  # fmt: skip
    page = trail.ask("GET", "{o}/authorization", wanted=200, params=asked)
    hidden = {
        name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    }
    (cookie,) = page.cookies.values()
    trail.plant(cookie, hidden["transaction"], hidden["csrf_token"])
    form = {**hidden, "username": EMAIL, "password": PASSWORD}
    trail.ask("POST", "{o}/authorization/sign_in", wanted=400, data={**form, "password": WRONG_PASSWORD})
    trail.ask("POST", "{o}/authorization/sign_in", wanted=403, data={**form, "csrf_token": STRAY})
    back = trail.ask("POST", "{o}/authorization/sign_in", wanted=303, data=form)
    (code,) = parse_qs(urlsplit(back.headers["location"]).query)["code"]
    trail.plant(code)
    trail.ask("POST", "{o}/authorization/sign_in", wanted=403, data=form)
    trail.ask("GET", "{o}/authorization", wanted=400, params={**asked, "redirect_uri": f"https://evil.example/{STRAY}"})
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    trail.ask("POST", "{o}/token", wanted=400, data={**grant, "code_verifier": STRAY * 2}, auth=trail.client)
    trail.tokens(trail.ask("POST", "{o}/token", wanted=200, data=grant, auth=trail.client))
    trail.ask("POST", "{o}/token", wanted=400, data=grant, auth=trail.client)


def attributes(trail: Trail) -> None:
    """What a person stores of itself."""
    form = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
    answer = trail.ask("POST", "{o}/token", wanted=200, data=form, auth=trail.client)
    own = {"authorization": f"Bearer {trail.tokens(answer)['access_token']} {answer.json()['id_token']}"}
    trail.ask("PUT", "/api/v1/attributes/notes", wanted=200, content=ATTRIBUTE, headers=own)
    trail.ask("PUT", "/api/v1/attributes/notes", wanted=400, content=f"{ATTRIBUTE}\xff".encode("latin-1"), headers=own)
    trail.ask("GET", f"/api/v1/attributes/{ATTRIBUTE}", wanted=404, headers=own)


def scim(trail: Trail, manager: dict[str, str]) -> None:
    """Provisioning."""
    kind = {**manager, "content-type": "application/scim+json"}
    ann = {"schemas": [USER_SCHEMA], "userName": ANN_LOGIN, "password": PASSWORD, "emails": [{"value": ANN}],
           "name": {"givenName": ANN_GIVEN, "familyName": FAMILY}}  # fmt: skip
    trail.ask("POST", "/scim/v2/Users", wanted=201, json=ann, headers=kind)
    trail.ask("POST", "/scim/v2/Users", wanted=409, json=ann, headers=kind)
    trail.ask("POST", "/scim/v2/Users", wanted=400, json={**ann, "active": PASSWORD}, headers=kind)
    trail.ask("POST", "/scim/v2/Users", wanted=400, json={**ann, "emails": [{"value": {"of": ANN}}]}, headers=kind)
    trail.ask("POST", "/scim/v2/Users", wanted=400, content=f'{{"userName": "{ANN_LOGIN}"', headers=kind)
    found, refused = (f'userName eq "{ANN_LOGIN}"', f'emails co "{ANN}"'), (f'emails in "{ANN}"', f'"{ANN}" eq')
    for wanted, query in (*((200, each) for each in found), *((400, each) for each in refused)):
        trail.ask("GET", "/scim/v2/Users", wanted=wanted, params={"filter": query}, headers=manager)
    trail.ask("GET", f"/scim/v2/Users/{quote(ANN)}", wanted=404, headers=manager)


def platform(trail: Trail) -> None:
    """csp, cloudapi, oidc."""
    login = {"username": ANN_LOGIN, "password": PASSWORD}
    trail.tokens(trail.ask("POST", "/csp/gateway/am/api/login", wanted=200, json=login))
    full = trail.tokens(trail.ask("POST", "/csp/gateway/am/api/login?access_token", wanted=200, json=login))
    api_token = full["refresh_token"]
    trail.ask("POST", "/csp/gateway/am/api/login", wanted=401, json={**login, "password": WRONG_PASSWORD})
    swap = "/csp/gateway/am/api/auth/api-tokens/authorize"
    trail.tokens(trail.ask("POST", swap, wanted=200, data={"api_token": api_token}))
    trail.tokens(trail.ask("POST", f"{swap}?refresh_token={api_token}", wanted=200))
    trail.ask("POST", swap, wanted=400, data={"api_token": STRAY})
    grant = {"grant_type": "refresh_token", "refresh_token": api_token}
    trail.tokens(trail.ask("POST", "/oidc/oauth2/token", wanted=200, data=grant))
    trail.ask("POST", "/oidc/oauth2/token", wanted=400, data={**grant, "refresh_token": STRAY})
    trail.ask("POST", "/oidc/oauth2/token", wanted=400, data={"grant_type": "client_credentials"}, auth=trail.client)
    trail.tokens(trail.ask("POST", "/oauth/tenant/default/token", wanted=200, data=grant))
    trail.ask("POST", "/oauth/tenant/System/token", wanted=400, data=grant)
    trail.ask("POST", "/cloudapi/1.0.0/sessions", wanted=401, auth=(f"{ANN}@default", WRONG_PASSWORD))
    trail.ask("POST", "/cloudapi/1.0.0/sessions", wanted=401, auth=(ANN_LOGIN, PASSWORD))
    opened = trail.ask("POST", "/cloudapi/1.0.0/sessions", wanted=200, auth=(f"{ANN}@default", PASSWORD))
    token = opened.headers["x-vmware-vcloud-access-token"]
    trail.plant(token)
    own = {"x-vcloud-authorization": token}
    trail.ask("GET", f"/cloudapi/1.0.0/orgs?filter=email=={quote(ANN)}", wanted=400, headers=own)
    trail.ask("GET", "/csp/gateway/am/api/loggedin/user", wanted=200, headers={"csp-auth-token": token})
    trail.ask("GET", "/oidc/userinfo", wanted=200, headers=own)
    trail.ask("DELETE", "/cloudapi/1.0.0/sessions/current", wanted=204, headers=own)
    trail.ask("GET", "/cloudapi/1.0.0/sessions/current", wanted=401, headers=own)


def native(trail: Trail, manager: dict[str, str]) -> None:
    """The same without REST."""
    user = users_pb.CloudDirectoryUser(
        emails=[users_pb.CloudDirectoryEmail(value=EMAIL, primary=True)], password=PASSWORD, user_name=LOGIN
    )
    with trail.server.channel() as channel:
        stub = CloudDirectoryUsersServiceStub(channel)
        for authorization, tenant in (
            (manager["authorization"], trail.server.credentials["tenantId"]),
            (f"Bearer {STRAY}", EMAIL),
        ):
            request = users_pb.CreateCloudDirectoryUserRequest(tenant_id=tenant, user=user)
            with pytest.raises(grpc.RpcError) as refused:
                stub.CreateCloudDirectoryUser(request, metadata=[("authorization", authorization)], timeout=20)
            trail.texts.append(f"{refused.value.details()} {refused.value.trailing_metadata()}")


def nonsense(trail: Trail, manager: dict[str, str]) -> None:
    """Secrets where nobody expects them: unknown paths, wrong verbs, headers, broken bodies."""
    noisy = {**manager, "x-api-key": STRAY, "cookie": f"session={STRAY}", "traceparent": "00-not-a-trace"}
    trail.ask("GET", f"/{STRAY}?password={quote(PASSWORD)}", wanted=404, headers=noisy)
    trail.ask("DELETE", f"{{m}}/config/tokens?email={quote(EMAIL)}", wanted=405, headers=noisy)
    trail.ask("GET", f"{{m}}/config/tokens?tenantId={STRAY}", wanted=400, headers=noisy)
    trail.ask("PUT", "{m}/config/tokens", wanted=400, content=f'{{"access": "{PASSWORD}"', headers=noisy)
    trail.ask("GET", f"/management/v4/{STRAY}/config/tokens", wanted=404, headers=noisy)
    trail.ask("GET", f"/management/v4/{quote(EMAIL)}/cloud_directory/Users", wanted=404, headers=noisy)


def spellings(text: str) -> set[str]:
    """As it is, and as it may stand in URLs, headers, JSON and base64."""
    encoded = text.encode()
    return {text, quote(text, safe=""), quote_plus(text), base64.b64encode(encoded).decode().rstrip("=")}


def found(planted: set[str], text: str) -> list[str]:
    folded = text.lower()
    return sorted(one for one in planted if any(spelled.lower() in folded for spelled in spellings(one)))


def test_the_log_holds_none_of_it_even_when_it_tells_all(trail: Trail) -> None:
    log = trail.server.log
    assert found(trail.secrets, log) == []
    assert found(trail.personal, log) == []
    assert log.count('"event":"request"') > 60, "the workers wrote their lines"
    assert '"event":"gateway"' in log, "and the gateway its own"


def test_metrics_hold_none_of_it(trail: Trail) -> None:
    for path in ("/metrics", "/metrics/gateway"):
        page = trail.server.admin(path).text
        assert found(trail.secrets | trail.personal, page) == []
        assert len(page) > 1_000


def test_the_audit_ledger_holds_none_of_it(trail: Trail) -> None:
    with sqlite3.connect(trail.server.folder / "data" / "ostiary.sqlite3") as database:
        rows = [str(row) for row in database.execute("SELECT * FROM audit_events")]
    text = "\n".join(rows)
    assert found(trail.secrets | trail.personal, text) == []
    for action in ("appid.user.authenticate", "appid.application.authenticate", "csp.session.create", "failure"):
        assert action in text


def test_no_refusal_repeats_a_secret_or_says_who_it_is_about(trail: Trail) -> None:
    assert len(trail.refusals) > 50
    for answer in trail.refusals:
        what = f"{answer.request.method} {answer.request.url.path}: {answer.text}"
        headers = " ".join(value for name, value in answer.headers.items() if name != "set-cookie")
        shown = f"{answer.text} {headers}"
        if answer.headers["content-type"].startswith("text/html"):  # the form again, with the name that was typed
            assert found({PASSWORD, WRONG_PASSWORD, STRAY}, shown) == [], what
        else:
            assert found(trail.secrets | trail.personal, shown) == [], what
    assert len(trail.texts) == 2
    assert [found(trail.secrets | trail.personal, text) for text in trail.texts] == [[], []]


def test_the_database_holds_no_secret_in_the_clear(trail: Trail) -> None:
    """Digests and sealed copies; what a client asks to get back (state and nonce) and what people store is no secret of
    ours."""
    clear = trail.secrets - {STATE, NONCE, ATTRIBUTE}
    files = (trail.server.folder / "data").glob("ostiary.sqlite3*")
    text = "\n".join(file.read_bytes().decode("latin-1") for file in files)
    assert EMAIL in text, "this is where it is kept"
    assert found(clear, text) == []
