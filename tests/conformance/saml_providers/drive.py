"""Two SAML identity providers of other hands, samlp and samlify, sign people in at a server of ours: `make sdk`, which
needs Node. Not a part of `make test`, which has pysaml2: they take longer to install than many tests take to run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kit.saml import PERSON, SIGN_IN_URL, rsa_key
from kit.servers.served import Served, served

HERE = Path(__file__).parent
CALLBACK = "https://app.example.com/callback"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
CERTIFICATE = ".//{*}KeyDescriptor[@use='encryption']//{*}X509Certificate"
SIGNED = ["assertion", "response assertion"]
CASES = [
    *(("samlp", mode) for mode in (*SIGNED, "assertion encrypted", "response assertion encrypted")),
    *(("samlify", mode) for mode in (*SIGNED, "assertion encrypted")),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server"), workers=1) as running:
        uris = {"redirectUris": [CALLBACK]}
        running.http.put(
            f"{management(running)}/redirect_uris", json=uris, headers=running.manager()
        ).raise_for_status()
        yield running


def management(server: Served) -> str:
    return f"/management/v4/{server.credentials['tenantId']}/config"


def configure(server: Served, **switches: bool) -> None:
    config = {"entityID": "https://idp.example", "signInUrl": SIGN_IN_URL, "certificates": [rsa_key("idp").text]}
    document = {"isActive": True, "config": {**config, **switches}}
    server.http.put(f"{management(server)}/idps/saml", json=document, headers=server.manager()).raise_for_status()


@pytest.fixture(scope="module")
def provider(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of both."""
    if shutil.which("npm") is None:
        pytest.skip("Node is not here")
    folder = tmp_path_factory.mktemp("providers")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    configure(server, signRequest=True, encryptResponse=True)
    metadata = server.http.get(f"{management(server)}/saml_metadata", headers=server.manager()).text
    with subprocess.Popen(
        ["node", "provider.cjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(json.dumps(facts(metadata)) + "\n")
        running.stdin.flush()
        yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        running.stdin.close()


def facts(metadata: str) -> dict[str, str]:
    entity, key = ET.fromstring(metadata), rsa_key("idp")  # noqa: S314 ours
    (service,) = entity.iterfind(".//{*}AssertionConsumerService")
    pem = f"-----BEGIN CERTIFICATE-----\n{entity.findtext(CERTIFICATE)}\n-----END CERTIFICATE-----\n"
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return {
        "entityID": "https://idp.example", "signInUrl": SIGN_IN_URL, "metadata": metadata,
        "key": key.key_file.read_text(), "certificate": key.certificate_file.read_text(), "encryptionCertificate": pem,
        "encryptionKey": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "acs": service.get("Location", ""), "audience": entity.get("entityID", ""),
    }  # fmt: skip


def returned(server: Served, provider: str, library: str, mode: str) -> httpx.Response:
    """The answer to a browser that was sent there and has come back."""
    configure(server, signRequest=True, encryptResponse="encrypted" in mode)
    oauth = server.credentials["oauthServerUrl"]
    asked = {
        "client_id": server.credentials["clientId"],
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "idp": "saml",
    }
    with httpx.Client(timeout=20, headers={"accept": "text/html"}) as browser:
        away = browser.get(f"{oauth}/authorization", params={**asked, "idp": "saml"})
        query = urlsplit(away.headers["location"]).query
        made: dict[str, Any] = httpx.get(f"{provider}/{library}/{mode}?{query}", timeout=20).json()
        acs = oauth.replace("/oauth/v4/", "/saml2/v1/") + "/login-acs"
        page = httpx.post(acs, data=made, timeout=20)
        fields = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
        return browser.post(f"{oauth}/authorization/saml", data=fields)


@pytest.mark.parametrize(("library", "mode"), CASES)
def test_what_they_sign_and_encrypt_is_read(server: Served, provider: str, library: str, mode: str) -> None:
    answer = returned(server, provider, library, mode)
    assert answer.status_code == 303, answer.text
    code = httpx.URL(answer.headers["location"]).params["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    oauth, client = (
        server.credentials["oauthServerUrl"],
        (server.credentials["clientId"], server.credentials["secret"]),
    )
    tokens = httpx.post(f"{oauth}/token", data=form, auth=client, timeout=20).json()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    person = httpx.get(f"{oauth}/userinfo", headers=headers, timeout=20).json()
    assert (person["email"], person["identities"][0]["id"]) == (PERSON, PERSON)
    assert person["name"] == "Ann Other"


def test_an_assertion_of_samlifys_own_template_is_refused_by_name(server: Served, provider: str) -> None:
    answer = returned(server, provider, "samlify", "assertion bare")
    assert (answer.status_code, "AuthnStatement" in answer.text) == (403, True)
