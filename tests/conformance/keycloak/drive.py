"""Keycloak, unchanged, beside a server of ours: as OpenID provider and as SAML identity provider of a tenant, and as a
relying party of both issuers, with logout both ways: `make sdk`, which needs a JVM of version 17 or newer, and Maven.

One Keycloak serves all tests: it takes half a minute to start, and 700 MB.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from kit.saml import rsa_key
from kit.servers.keycloak import DOOR, PASSWORD, PERSON, REALM, SECRET, Tenant, realm
from kit.servers.ports import free_port
from kit.servers.served import NO_AUTHORITIES, Served, served

from ostiary_api.access.v1 import access_pb2, access_pb2_grpc

pytestmark = pytest.mark.timeout(900)  # registries may be slow
VERSION = "26.7.3"
ARTEFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
OLDEST_JAVA = 17
START_S, TOLD_S = 600, 90
CALLBACK = "http://127.0.0.1:8400/callback"
OUR_PASSWORD = "correct horse battery"
FORM = re.compile(r'<form[^>]*\baction="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL | re.IGNORECASE)
INPUT = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"', re.IGNORECASE)
CERTIFICATE = ".//{{*}}KeyDescriptor[@use='{}']//{{*}}X509Certificate"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not shutil.which("mvn") or _java() < OLDEST_JAVA:
        pytest.skip(f"Keycloak needs Maven and Java {OLDEST_JAVA}")
    with served(tmp_path_factory.mktemp("server"), workers=1, outgoing_allow="127.0.0.0/8") as running:
        yield running


def new_person(server: Served, email: str) -> str:
    """The directory id of a person of ours."""
    name = {"givenName": "Bob", "familyName": "Other"}
    user = {
        "emails": [{"value": email, "primary": True}],
        "password": OUR_PASSWORD,
        "status": "CONFIRMED",
        "name": name,
    }
    return str(post(server, "cloud_directory/sign_up", user)["id"])


def _java() -> int:
    """The version of Java; 0 where there is none."""
    if not shutil.which("java"):
        return 0
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    return int(re.findall(r'version "(\d+)', said)[0])


def put(server: Served, path: str, document: dict[str, Any]) -> None:
    url = f"{server.credentials['managementUrl']}/{path}"
    server.http.put(url, json=document, headers=server.manager()).raise_for_status()


def post(server: Served, path: str, document: dict[str, Any]) -> dict[str, Any]:
    url = f"{server.credentials['managementUrl']}/{path}"
    answer = server.http.post(url, json=document, headers=server.manager())
    answer.raise_for_status()
    return dict(answer.json()) if answer.content else {}


@pytest.fixture(scope="module")
def keycloak(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the realm."""
    folder, port = tmp_path_factory.mktemp("keycloak"), free_port()
    url = f"http://127.0.0.1:{port}/realms/{REALM}"
    copy = ["mvn", "--quiet", "--batch-mode", "dependency:copy"]
    copy += [f"-Dartifact={ARTEFACT}", f"-DoutputDirectory={folder}"]
    ended = subprocess.run(copy, capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"Maven does not reach its registry: {ended.stdout[-300:]}")
    with zipfile.ZipFile(next(folder.glob("*.zip"))) as archive:
        archive.extractall(folder)
    home = folder / f"keycloak-{VERSION}"
    (home / "data/import").mkdir(parents=True)
    (home / "data/import/realm.json").write_text(json.dumps(realm(known(server, url))))
    command = ["sh", "bin/kc.sh", "start-dev", "--import-realm", f"--http-port={port}", "--http-host=127.0.0.1"]
    with (folder / "log").open("wb") as log, subprocess.Popen(
        command, cwd=home, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "KC_CACHE": "local"}
    ) as running:  # fmt: skip
        try:
            wait_for(running, url, folder / "log")
            trust(server, url)
            yield url
        finally:
            os.killpg(running.pid, 15)  # the script has a child


def wait_for(running: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and running.poll() is None:
        try:
            if httpx.get(url, timeout=5, verify=NO_AUTHORITIES).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"Keycloak does not answer:\n{log.read_text()[-4000:]}")


def known(server: Served, keycloak: str) -> Tenant:
    """What Keycloak is told of the tenant; Keycloak gets a client at each issuer."""
    credentials = server.credentials
    names = {"appid": credentials["oauthServerUrl"], "platform": f"{server.url}/oidc"}
    issuers, back = {}, []
    for name, issuer in names.items():
        client = post(server, "applications", {"name": f"keycloak-{name}", "type": "regularwebapp"})
        metadata = server.http.get(f"{issuer}/.well-known/openid-configuration").json()
        issuers[name] = (metadata, client["clientId"], client["secret"])
        back.append(f"{keycloak}/broker/{name}/endpoint")
        with server.channel() as channel:
            access_pb2_grpc.AccessServiceStub(channel).SetLogoutUris(
                access_pb2.SetLogoutUrisRequest(
                    tenant_id=credentials["tenantId"], client_id=client["clientId"],
                    backchannel_logout_uri=f"{keycloak}/protocol/openid-connect/logout/backchannel-logout",
                ),
                metadata=[(name, value) for name, value in server.manager().items()],
            )  # fmt: skip
    put(server, "config/redirect_uris", {"redirectUris": [CALLBACK, *back]})
    signed_out = [f"{uri}/logout_response" for uri in back]
    sso = {"isActive": False, "inactivityTimeoutSeconds": 600, "logoutRedirectUris": signed_out}
    put(server, "config/cloud_directory/sso", sso)
    saml(server, keycloak, rsa_key("idp").text)  # what the metadata say follows the settings; its key is told later
    url = f"{credentials['managementUrl']}/config/saml_metadata"
    metadata = ET.fromstring(server.http.get(url, headers=server.manager()).text)  # noqa: S314 ours
    certificates = [str(metadata.findtext(CERTIFICATE.format(use))) for use in ("signing", "encryption")]
    acs = metadata.find(".//{*}AssertionConsumerService")
    assert acs is not None
    callback = f"{credentials['oauthServerUrl']}/OpenID/callback"
    return Tenant(callback, metadata.get("entityID", ""), acs.get("Location", ""), *certificates, issuers)


def saml(server: Served, keycloak: str, certificate: str) -> None:
    config = {
        "entityID": keycloak, "signInUrl": f"{keycloak}/protocol/saml", "certificates": [certificate],
        "displayName": "Keycloak by SAML", "signRequest": True, "encryptResponse": True,
        # Keycloak never says how somebody has authenticated.
        "authnContext": {"class": ["urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"], "comparison": "exact"},
    }  # fmt: skip
    put(server, "config/idps/saml", {"isActive": True, "config": config})


def trust(server: Served, keycloak: str) -> None:
    """Makes Keycloak a provider of the tenant, by both protocols, for its members too."""
    descriptor = httpx.get(f"{keycloak}/protocol/saml/descriptor", timeout=20, verify=NO_AUTHORITIES).text
    certificate = ET.fromstring(descriptor).findtext(".//{*}X509Certificate")  # noqa: S314 Keycloak's
    saml(server, keycloak, str(certificate))
    config = {"issuer": keycloak, "clientId": "ostiary", "secret": SECRET, "displayName": "Keycloak"}
    put(server, "config/idps/oidc", {"isActive": True, "config": config})
    rule = {"providers": ["oidc", "saml"], "addMembers": True, "domains": ["op.example"]}
    put(server, "config/idps/members", rule)


class Person:
    """A person with a browser that runs no script, and presses the buttons of forms that a script would send."""

    def __init__(self, server: Served) -> None:
        self.server = server
        hooks = {"response": [lambda _: self.keep_secure_cookies()]}
        self.http = httpx.Client(headers={"accept": "text/html"}, timeout=60, verify=NO_AUTHORITIES, event_hooks=hooks)

    def keep_secure_cookies(self) -> None:
        """Browsers take addresses of this machine for secure ones."""
        for cookie in self.http.cookies.jar:
            cookie.secure = False

    def go(self, url: str, **parameters: str) -> httpx.Response:
        return self.follow(self.http.get(url, params=parameters or None))

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Goes where it is sent, up to a page that asks something, or an application."""
        while True:
            if answer.has_redirect_location:
                location = urljoin(str(answer.url), answer.headers["location"])
                if location.startswith((CALLBACK, DOOR)):
                    return answer
                answer = self.http.get(location)
            elif 'name="SAMLResponse"' in answer.text:
                answer = self.sent(answer)
            else:
                return answer

    def sent(self, page: httpx.Response, **typed: str) -> httpx.Response:
        """The answer to the form of a page."""
        forms = FORM.findall(page.text)
        assert forms, f"{page.status_code} {page.url}: {page.text}"
        action, content = forms[0]
        fields = {}
        for tag in INPUT.findall(content):
            given = {name.lower(): unescape(value) for name, value in ATTRIBUTE.findall(tag)}
            if given.get("type", "").lower() == "hidden":
                fields[given["name"]] = given.get("value", "")
        return self.http.post(urljoin(str(page.url), unescape(action)), data={**fields, **typed})

    def types(self, page: httpx.Response, **typed: str) -> httpx.Response:
        return self.follow(self.sent(page, **typed))

    def sign_in_there(self, page: httpx.Response, keycloak: str) -> httpx.Response:
        assert str(page.url).startswith(keycloak), page.text
        return self.types(page, username=PERSON["username"], password=PASSWORD)

    def sign_in_here(self, page: httpx.Response, email: str) -> httpx.Response:
        assert str(page.url).startswith(self.server.url), page.text
        return self.types(page, username=email, password=OUR_PASSWORD)

    def begin(self, issuer: str, **parameters: str) -> httpx.Response:
        """Begins a sign-in to the tenant's application at one of the issuers."""
        asked = {"client_id": self.server.credentials["clientId"], "response_type": "code", "redirect_uri": CALLBACK}
        metadata = self.server.http.get(f"{issuer}/.well-known/openid-configuration").json()
        return self.go(metadata["authorization_endpoint"], **asked, scope="openid", **parameters)

    def claims(self, issuer: str, answer: httpx.Response) -> dict[str, Any]:
        """What the identity token says of whoever has come back to the application."""
        metadata = self.server.http.get(f"{issuer}/.well-known/openid-configuration").json()
        client = self.server.credentials["clientId"], self.server.credentials["secret"]
        grant = {"grant_type": "authorization_code", "code": code_of(answer), "redirect_uri": CALLBACK}
        tokens = self.server.http.post(metadata["token_endpoint"], data=grant, auth=client).json()
        return self.verified(tokens["id_token"], metadata["jwks_uri"])

    def verified(self, token: str, keys: str) -> dict[str, Any]:
        """The claims of a token that these keys have signed."""
        lenient = JWSRegistry(algorithms=["RS256"], strict_check_header=False)  # `ver` is App ID's own
        return dict(jwt.decode(token, KeySet.import_key_set(self.http.get(keys).json()), registry=lenient).claims)

    def enter(self, keycloak: str, issuer: str) -> httpx.Response:
        """Begins a sign-in to Keycloak's own client, by a server of ours."""
        return self.go(
            f"{keycloak}/protocol/openid-connect/auth", client_id="door", response_type="code", redirect_uri=DOOR,
            scope="openid", kc_idp_hint=issuer,
        )  # fmt: skip

    def tokens_there(self, keycloak: str, answer: httpx.Response) -> dict[str, Any]:
        """The tokens of Keycloak's own client."""
        form = {"grant_type": "authorization_code", "code": code_of(answer), "redirect_uri": DOOR, "client_id": "door"}
        found: dict[str, Any] = self.http.post(f"{keycloak}/protocol/openid-connect/token", data=form).json()
        return found

    def is_signed_in_there(self, keycloak: str, tokens: dict[str, Any]) -> bool:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "door"}
        return self.http.post(f"{keycloak}/protocol/openid-connect/token", data=form).status_code == httpx.codes.OK


def code_of(answer: httpx.Response) -> str:
    assert answer.has_redirect_location, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


@pytest.fixture
def person(server: Served) -> Iterator[Person]:
    made = Person(server)
    with made.http:
        yield made


@pytest.fixture(params=("appid", "platform"))
def issuer(request: pytest.FixtureRequest, server: Served) -> str:
    return server.credentials["oauthServerUrl"] if request.param == "appid" else f"{server.url}/oidc"


@pytest.mark.parametrize("provider", ["oidc", "saml"])
def test_people_of_keycloak_sign_in_at_both_issuers(
    person: Person, keycloak: str, issuer: str, provider: str
) -> None:  # fmt: skip
    page = person.begin(issuer)
    claims = person.claims(issuer, person.sign_in_there(person.types(page, go=provider), keycloak))
    assert claims["amr"] == [provider]
    if not issuer.endswith("/oidc"):
        assert (claims["identities"][0]["provider"], claims["email"]) == (provider, PERSON["email"])
    again = person.types(person.begin(issuer), go=provider)
    if provider == "saml":  # a request by SAML has ForceAuthn: whoever is signed in there is asked again
        again = person.sign_in_there(again, keycloak)
    assert person.claims(issuer, again)["sub"] == claims["sub"]


@pytest.mark.parametrize("name", ["appid", "platform"])
def test_keycloak_signs_people_of_ours_in_and_both_sign_out(
    server: Served, person: Person, keycloak: str, name: str
) -> None:  # fmt: skip
    """Logout at Keycloak ends the session of our server, and a logout here is told to Keycloak."""
    email = f"{name}@example.com"
    user_id = new_person(server, email)
    tokens = person.tokens_there(keycloak, person.sign_in_here(person.enter(keycloak, name), email))
    said = person.verified(tokens["id_token"], f"{keycloak}/protocol/openid-connect/certs")
    assert (said["email"], said["given_name"], said["family_name"]) == (email, "Bob", "Other")
    out = person.go(
        f"{keycloak}/protocol/openid-connect/logout", id_token_hint=tokens["id_token"], post_logout_redirect_uri=DOOR,
        state="away",
    )  # fmt: skip
    assert out.headers.get("location") == f"{DOOR}?state=away", out.text
    assert not person.is_signed_in_there(keycloak, tokens)
    tokens = person.tokens_there(keycloak, person.sign_in_here(person.enter(keycloak, name), email))
    assert person.is_signed_in_there(keycloak, tokens)
    post(server, f"cloud_directory/Users/{user_id}/sso/logout", {})
    deadline = time.monotonic() + TOLD_S
    while person.is_signed_in_there(keycloak, tokens):
        assert time.monotonic() < deadline, "Keycloak has not been told of the sign-out"
        time.sleep(0.5)
