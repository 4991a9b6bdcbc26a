"""Facebook, Google, custom identity and SAML as a tenant configures them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from kit.callers import Caller, refusal
from sqlalchemy import select

from ostiary.store.tables import SettingDocument, SettingSecret, table_of

Json = dict[str, Any]
SERVICE = "identity.appid.management.v4.IdentityProvidersService"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
SOCIAL: Json = {"isActive": True, "config": {"idpId": "their id", "secret": "planted-secret"}}
CLASS = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
RSA_2048 = rsa.generate_private_key(65537, 2048)


class Providers:
    """The identity providers of one tenant, over the wire."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def get(self, name: str, role: str = "writer") -> Json:
        return self._ask(f"Get{name}Provider", {}, role)

    def put(self, name: str, document: Json) -> Json:
        return self._ask(f"Put{name}Provider", {"provider": document}, "writer")

    def refused(self, name: str, document: Json) -> str:
        code, reason = refusal(lambda: self.put(name, document))
        assert code is INVALID
        return reason

    def all(self, role: str) -> dict[str, Json]:
        listed = self._ask("ListIdentityProviders", {}, role)
        found = json.loads(base64.b64decode(listed["data"]))
        return {entry.pop("idpName"): entry for entry in found["idps"]}

    def _ask(self, method: str, body: Json, role: str) -> Json:
        return self.caller.ask(f"{SERVICE}/{method}", {"tenantId": self.caller.installation.tenant_id, **body}, role)


@pytest.fixture
def providers(caller: Caller) -> Providers:
    return Providers(caller)


@pytest.mark.parametrize("name", ["Facebook", "Google"])
def test_social_providers_are_off_until_they_have_credentials_of_their_own(providers: Providers, name: str) -> None:
    settings = providers.caller.installation.runtime.settings
    callback = f"{settings.base_url}/oauth/v4/{providers.caller.installation.tenant_id}/{name}/callback"
    assert providers.get(name) == {"isActive": False, "redirectURL": callback}
    assert providers.put(name, SOCIAL) == SOCIAL
    assert providers.get(name) == {**SOCIAL, "redirectURL": callback}
    for document, reason in (
        ({}, "IS_ACTIVE_MISSING"),
        ({"isActive": True}, "CONFIG_MISSING"),
        ({"isActive": True, "config": {"idpId": "x"}}, "FIELD_MISSING"),
        ({"isActive": False, "config": {"secret": "x"}}, "FIELD_MISSING"),
        ({"isActive": True, "config": {"idpId": "", "secret": "x"}}, "INVALID_NAME"),
        ({"isActive": True, "config": {"idpId": "x", "secret": "x" * 1_001}}, "INVALID_NAME"),
        ({"isActive": True, "config": {"idpId": "x\r\ny", "secret": "x"}}, "INVALID_NAME"),
    ):
        assert providers.refused(name, document) == reason, document
    assert providers.get(name) == {**SOCIAL, "redirectURL": callback}
    assert providers.put(name, {"isActive": False}) == {"isActive": False}
    assert providers.get(name) == {"isActive": False, "redirectURL": callback}


def test_what_is_derived_is_not_stored(providers: Providers) -> None:
    providers.put("Google", {**SOCIAL, "redirectURL": "https://evil.example/callback"})
    assert providers.get("Google")["redirectURL"].endswith("/Google/callback")
    assert b"evil" not in stored(providers.caller)


@pytest.mark.own_installation
def test_secrets_are_sealed_and_shown_to_writers_only(providers: Providers) -> None:
    providers.put("Facebook", SOCIAL)
    assert b"planted-secret" not in stored(providers.caller)
    assert providers.get("Facebook", "reader")["config"] == {"idpId": "their id"}
    for role in ("writer", "manager", "operator"):
        assert providers.get("Facebook", role)["config"] == SOCIAL["config"]
    assert providers.all("reader")["facebook"] == {"isActive": True, "config": {"idpId": "their id"}}
    assert providers.all("manager")["facebook"] == SOCIAL
    providers.put("Facebook", {"isActive": False})
    assert secrets_of(providers.caller) == 0, "what is taken out is forgotten"


def stored(caller: Caller) -> bytes:
    """All that the store holds of settings."""
    with caller.installation.runtime.store.read() as work:
        documents = work.rows(select(table_of(SettingDocument).c.document))
        secrets = work.rows(select(table_of(SettingSecret).c.sealed_value))
    return b"".join(row[0] for row in documents) + "".join(row[0] for row in secrets).encode()


def secrets_of(caller: Caller) -> int:
    with caller.installation.runtime.store.read() as work:
        return len(work.rows(select(table_of(SettingSecret).c.id)))


def pem(key: Any, kind: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    return key.public_key().public_bytes(Encoding.PEM, kind).decode()


def test_the_key_of_custom_identity_is_a_public_rsa_key_of_good_size(providers: Providers) -> None:
    assert providers.get("Custom", "reader") == {"isActive": False}
    spki, pkcs1 = pem(RSA_2048), pem(RSA_2048, PublicFormat.PKCS1)
    bare = "".join(spki.splitlines()[1:-1])
    for key in (
        spki, pkcs1, spki.replace("\n", ""), pkcs1.replace("\n", ""), pkcs1.replace("\n", "\r\n"), bare,
        f"# of our realm\n{spki}# until 2030\n",
    ):  # fmt: skip
        document = {"isActive": True, "config": {"publicKey": key}}
        assert providers.put("Custom", document) == document
        assert providers.get("Custom", "reader") == document
    private = RSA_2048.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for key in (
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 that it is weak is the point
        pem(ec.generate_private_key(ec.SECP256R1())), private, "x",
        spki.replace("A", "!", 1), spki + spki, spki[:-40], "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
        spki + "x" * 5_000,
    ):  # fmt: skip
        for active in (True, False):
            document = {"isActive": active, "config": {"publicKey": key}}
            assert providers.refused("Custom", document) == "INVALID_PUBLIC_KEY", key
    for document in (
        {"isActive": True},
        {"isActive": True, "config": {}},
        {"isActive": True, "config": {"publicKey": ""}},
    ):
        assert providers.refused("Custom", document) == "PUBLIC_KEY_MISSING"
    assert providers.refused("Custom", {}) == "IS_ACTIVE_MISSING"
    assert providers.put("Custom", {"isActive": False}) == {"isActive": False}


def certificate(days: float, now: dt.datetime) -> tuple[str, float]:
    """A self-signed certificate in PEM that is valid for so many days from now, and the end of its validity."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    end = (now + dt.timedelta(days=days)).replace(microsecond=0)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(end - dt.timedelta(days=400)).not_valid_after(end)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(), end.timestamp()


def saml(*certificates: str, **config: Any) -> Json:
    """The smallest SAML document, with changes."""
    return {
        "isActive": True,
        "config": {
            "entityID": "https://idp.example/metadata", "signInUrl": "https://idp.example/sso",
            "certificates": list(certificates), **config,
        },
    }  # fmt: skip


DEFAULTS: Json = {
    "displayName": "SAML", "authnContext": {"class": [f"{CLASS}PasswordProtectedTransport"], "comparison": "exact"},
    "signRequest": False, "encryptResponse": False,
}  # fmt: skip


def test_saml_fills_in_defaults_and_keeps_what_was_given(providers: Providers) -> None:
    assert providers.get("Saml", "reader") == {"isActive": False}
    text, end = certificate(400, _now(providers))
    expected = saml(text, **DEFAULTS)
    validation = {"certificates": [{"certificate_index": 0, "expiration_timestamp": end}]}
    assert providers.put("Saml", saml(text)) == {**expected, "validation_data": validation}
    assert providers.get("Saml", "reader") == expected, "derived, never stored"
    full = saml(
        text, "".join(text.split("\n")[1:-2]), displayName="Work", signRequest=True, encryptResponse=True,
        authnContext={"class": [f"{CLASS}X509", f"{CLASS}Password"], "comparison": "better"},
        includeScoping=True, idpInitEnabled=True, idpRedirectUrl="https://app.example/in",
    )  # fmt: skip
    for document in (full, saml(text, **{**DEFAULTS, "idpRedirectUrl": ""})):
        answer = providers.put("Saml", document)
        assert len(answer.pop("validation_data")["certificates"]) == len(document["config"]["certificates"])
        assert answer == providers.get("Saml", "reader") == document
    assert providers.put("Saml", {"isActive": False}) == {"isActive": False, "validation_data": {"certificates": []}}


def test_saml_says_when_certificates_expire_and_takes_them_all_the_same(providers: Providers) -> None:
    now = _now(providers)
    for days, warning in (
        (31.5, None), (30.5, "Your certificate will expire in 30 days."),
        (18.5, "Your certificate will expire in 18 days."), (0.5, "Your certificate will expire in 0 days."),
        (-1, "Your certificate has expired."),
    ):  # fmt: skip
        text, end = certificate(days, now)
        (found,) = providers.put("Saml", saml(text))["validation_data"]["certificates"]
        assert (found["expiration_timestamp"], found.get("warning")) == (end, warning)
    soon, late = certificate(1.5, now)[0], certificate(90, now)[0]
    both = providers.put("Saml", saml(soon, late))["validation_data"]["certificates"]
    assert [(one["certificate_index"], "warning" in one) for one in both] == [(0, True), (1, False)]


def test_a_certificate_may_have_text_around_it_and_lines_of_any_length(providers: Providers) -> None:
    text, _ = certificate(400, _now(providers))
    inner = "".join(text.split("-----")[2].split())
    wrapped = "\n".join(inner[place : place + 76] for place in range(0, len(inner), 76))
    around = f"Bag Attributes\n    friendlyName: idp\n{text}\n"
    for written in (around, text.replace("\n", "\r\n"), f"\n {text} \n", inner, wrapped):
        assert providers.put("Saml", saml(written))["config"]["certificates"] == [written]


def test_saml_refuses_what_could_not_work(providers: Providers) -> None:
    text, _ = certificate(400, _now(providers))
    good = saml(text)
    for document, reason in (
        ({}, "IS_ACTIVE_MISSING"),
        ({"isActive": True}, "CONFIG_MISSING"),
        *((_without(good, name), "FIELD_MISSING") for name in ("entityID", "signInUrl")),
        (saml(), "INVALID_CERTIFICATE"),
        (saml(text, text, text), "INVALID_CERTIFICATE"),
        (saml(text, "certificate-example-pem-format"), "INVALID_CERTIFICATE"),
        (saml(text + "A" * 30_000), "INVALID_CERTIFICATE"),
        (saml(text, signInUrl="javascript:alert(1)"), "INVALID_URL"),
        (saml(text, idpRedirectUrl="data:text/html,x"), "INVALID_URL"),
        (saml(text, entityID=" "), "INVALID_NAME"),
        (saml(text, entityID="x" * 1_025), "INVALID_NAME"),
        (saml(text, displayName="x" * 101), "INVALID_NAME"),
        (saml(text, authnContext={"class": ["urn:x"]}), "INVALID_AUTHN_CONTEXT"),
        (saml(text, authnContext={"class": [f"{CLASS}nothing"]}), "INVALID_AUTHN_CONTEXT"),
        (saml(text, authnContext={"comparison": "worse"}), "INVALID_AUTHN_CONTEXT"),
    ):
        assert providers.refused("Saml", document) == reason, document
    assert providers.get("Saml", "reader") == {"isActive": False}


def test_the_list_holds_every_provider_as_its_own_read_shows_it(providers: Providers) -> None:
    providers.put("Google", SOCIAL)
    listed = providers.all("writer")
    assert set(listed) == {"facebook", "google", "cloud_directory", "saml", "custom"}
    assert listed["google"] == SOCIAL
    assert listed["cloud_directory"] == providers.get("CloudDirectory")
    assert listed["custom"] == {"isActive": False}


def _without(document: Json, name: str) -> Json:
    return {**document, "config": {key: value for key, value in document["config"].items() if key != name}}


def _now(providers: Providers) -> dt.datetime:
    return dt.datetime.fromtimestamp(providers.caller.installation.clock.now_ms() / 1000, dt.UTC)
