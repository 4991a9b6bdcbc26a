"""What becomes of a SAML response: read, or refused by name. pysaml2 writes each of them; libxmlsec1 signs it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from kit.saml import ATTRIBUTES, CONTEXT, ENTITY_ID, NS, PERSON, IdentityProvider, ec_key, encrypted, of, rsa_key
from lxml import etree
from signxml.signer import XMLSigner

from ostiary.keys.keyring import SAML_ENCRYPT, SAML_SIGN
from ostiary.upstream.saml.conditions import Expected
from ostiary.upstream.saml.metadata import service_provider
from ostiary.upstream.saml.refusals import ResponseRefused
from ostiary.upstream.saml.responses import Trust, read_response

REQUEST = "_request"
SHA256 = {
    "sign_alg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "digest_alg": "http://www.w3.org/2001/04/xmlenc#sha256",
}
TENANT = rsa_key("tenant")
MAIL, NAME = "urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:2.16.840.1.113730.3.1.241"


@cache
def provider() -> IdentityProvider:
    certificates = [TENANT.certificate.public_bytes(Encoding.DER)]
    keys = {SAML_SIGN: certificates, SAML_ENCRYPT: certificates}
    return IdentityProvider(service_provider("https://id.example", "acme", keys))


def expected(**changes: Any) -> Expected:
    idp, now = provider(), int(time.time() * 1000)
    return replace(Expected(ENTITY_ID, idp.audience, idp.acs_url, now, REQUEST, (CONTEXT,), "exact"), **changes)


def trust(**changes: Any) -> Trust:
    return replace(Trust([provider().key.certificate], [TENANT.private]), **changes)


ENCRYPTED = {"encrypted": True}
BY_PYSAML2: dict[str, dict[str, Any]] = {
    "assertion": {"sign_assertion": True},
    "response": {"sign_response": True},
    "both": {"sign_assertion": True, "sign_response": True},
    "assertion, encrypted": {"sign_assertion": True, "encrypt_assertion": True},
    "both, encrypted": {"sign_assertion": True, "sign_response": True, "encrypt_assertion": True},
}


@pytest.mark.parametrize("signs", BY_PYSAML2)
def test_whatever_pysaml2_signs_and_encrypts_is_read(signs: str) -> None:
    options = BY_PYSAML2[signs]
    found = read_response(
        provider().response(REQUEST, **options, **SHA256), trust(encrypted="encrypt_assertion" in options), expected()
    )
    assert (found.name_id, found.context_class) == (PERSON, CONTEXT)
    assert dict(found.attributes) == {
        MAIL: [PERSON], NAME: ATTRIBUTES["displayName"], "urn:oid:1.3.6.1.4.1.5923.1.1.1.1": ["staff", "member"],
    }  # fmt: skip
    assert 0 < found.good_until - time.time() * 1000 <= 3_900_000
    assert abs(found.authenticated_at - time.time() * 1000) < 60_000


CIPHERS = ("Aes128Cbc", "Aes256Cbc", "Aes128Gcm", "Aes256Gcm", "Des3Cbc")


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("sign", ["assertion", "response"])
def test_the_ciphers_that_are_in_use_are_opened(cipher: str, sign: str) -> None:
    document = provider().changed(REQUEST, sign=sign, cipher=cipher, certificate=TENANT.certificate_file)
    assert read_response(document, trust(**ENCRYPTED), expected()).name_id == PERSON


def without(path: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        for element in root.findall(path, NS):
            element.getparent().remove(element)  # type: ignore[union-attr]

    return change


def text(path: str, value: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        for element in root.findall(path, NS):
            element.text = value

    return change


def at(seconds: float, path: str, name: str) -> Callable[[etree._Element], None]:
    """A time counted from when the response is made: tests are collected long before they run."""

    def change(root: etree._Element) -> None:
        of(path, **{name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))})(root)

    return change


def sealed_name(root: etree._Element) -> None:
    encrypted(root.find(".//saml:NameID", NS), "Aes256Gcm", TENANT.certificate_file, "EncryptedID")


def commented(root: etree._Element) -> None:
    name = root.find(".//saml:NameID", NS)
    assert name is not None
    name.text = "ann@corp"
    comment = etree.SubElement(name, "x")
    name.replace(comment, etree.Comment("."))
    name[0].tail = ".example"


ASSERTION, CONFIRMATION = "saml:Assertion", ".//saml:SubjectConfirmation"
DATA = f"{CONFIRMATION}Data"
TAKEN: dict[str, dict[str, Any]] = {
    "RSA-SHA384": {"method": "RsaSha384"},
    "RSA-SHA512": {"method": "RsaSha512"},
    "ECDSA-SHA256": {"method": "EcdsaSha256", "key": ec_key(), "trusts": [ec_key()]},
    "by the second certificate": {"key": rsa_key("new"), "trusts": [rsa_key("idp"), rsa_key("new")]},
    "by the first of two, of different kinds": {"trusts": [rsa_key("idp"), ec_key()]},
    "by a certificate that has expired": {
        "key": rsa_key("old", expired=True), "trusts": [rsa_key("old", expired=True)],
    },
    "a clock 200 s ahead": {"change": at(200, ".//*[@NotBefore]", "NotBefore")},
    "a clock 200 s behind": {"change": at(-200, ".//*[@NotOnOrAfter]", "NotOnOrAfter")},
    "no attributes": {"change": without(".//saml:AttributeStatement")},
    "no issuer of the response": {"change": without("saml:Issuer")},
    "an encrypted name": {"change": sealed_name},
    "a comment in the name": {"change": commented},
    "another class, of which none is known to be weaker": {
        "context": "urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "expects": {"comparison": "minimum"},
    },
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN)
def test_these_are_read(what: str) -> None:
    options = dict(TAKEN[what])
    trusts = [key.certificate for key in options.pop("trusts", [provider().key])]
    expects = options.pop("expects", {})
    document = provider().changed(REQUEST, **options)
    assert read_response(document, trust(certificates=trusts), expected(**expects)).name_id == PERSON


def test_rsa_pss_is_read() -> None:
    """By the library's own signer: libxmlsec1's bindings have no name for it."""
    root = etree.fromstring(provider().changed(REQUEST, sign=""))
    assertion = root.find(ASSERTION, NS)
    assert assertion is not None
    signer = XMLSigner(signature_algorithm="sha256-rsa-MGF1", c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    key, certificate = provider().key.private, provider().key.certificate
    signed = signer.sign(assertion, key=key, cert=[certificate], reference_uri=assertion.get("ID"), id_attribute="ID")
    root.replace(assertion, signed)
    assert read_response(etree.tostring(root), trust(), expected()).name_id == PERSON


def two(root: etree._Element) -> None:
    other = copy.deepcopy(root.find(ASSERTION, NS))
    assert other is not None
    other.set("ID", "another")
    root.append(other)


def twice_the_same_id(root: etree._Element) -> None:
    other = copy.deepcopy(root.find(ASSERTION, NS))
    assert other is not None
    root.append(other)


def strange_condition(root: etree._Element) -> None:
    conditions = root.find(".//saml:Conditions", NS)
    assert conditions is not None
    etree.SubElement(conditions, f"{{{NS['saml']}}}Condition")


def element_in_name(root: etree._Element) -> None:
    name = root.find(".//saml:NameID", NS)
    assert name is not None
    etree.SubElement(name, f"{{{NS['saml']}}}b").tail = ".example"


OTHER = "https://other.example/"
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "not signed": ("SIGNATURE", {"sign": ""}),
    "SHA-1": ("SHA1", {"method": "RsaSha1"}),
    "by another key": ("SIGNATURE", {"key": rsa_key("other")}),
    "another audience": ("AUDIENCE", {"change": text(".//saml:Audience", OTHER)}),
    "no audience": ("AUDIENCE", {"change": without(".//saml:AudienceRestriction")}),
    "another destination": ("DESTINATION", {"change": of(".", Destination=OTHER)}),
    "another recipient": ("RECIPIENT", {"change": of(DATA, Recipient=OTHER)}),
    "no recipient": ("RECIPIENT", {"change": of(DATA, Recipient=None)}),
    "another issuer": ("ISSUER", {"change": text(".//saml:Issuer", OTHER)}),
    "another issuer of the assertion": ("ISSUER", {"change": text("saml:Assertion/saml:Issuer", OTHER)}),
    "another request": ("REQUEST", {"change": of(".", InResponseTo="_other")}),
    "another request in the assertion": ("REQUEST", {"change": of(DATA, InResponseTo="_other")}),
    "no request in the assertion": ("REQUEST", {"change": of(DATA, InResponseTo=None)}),
    "expired": ("TIME", {"change": at(-301, ".//saml:Conditions", "NotOnOrAfter")}),
    "not yet": ("TIME", {"change": at(330, ".//saml:Conditions", "NotBefore")}),
    "confirmation expired": ("TIME", {"change": at(-301, DATA, "NotOnOrAfter")}),
    "confirmation not yet": ("TIME", {"change": at(330, DATA, "NotBefore")}),
    "confirmation without an end": ("MALFORMED", {"change": of(DATA, NotOnOrAfter=None)}),
    "issued in the future": ("TIME", {"change": at(330, ASSERTION, "IssueInstant")}),
    "session over": ("TIME", {"change": at(-301, ".//saml:AuthnStatement", "SessionNotOnOrAfter")}),
    "no time": ("MALFORMED", {"change": of(".//saml:Conditions", NotOnOrAfter="tomorrow")}),
    "holder of key": (
        "MALFORMED", {"change": of(CONFIRMATION, Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")},
    ),
    "two assertions": ("ASSERTIONS", {"change": two}),
    "no assertion": ("ASSERTIONS", {"change": without(ASSERTION), "sign": "response"}),
    "an ID twice": ("MALFORMED", {"change": twice_the_same_id, "sign": ""}),
    "no AuthnStatement": ("NO_AUTHN_STATEMENT", {"change": without(".//saml:AuthnStatement")}),
    "another context": ("CONTEXT", {"context": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"}),
    "an unknown condition": ("CONDITION", {"change": strange_condition}),
    "an element in the name": ("MALFORMED", {"change": element_in_name}),
    "an empty name": ("MALFORMED", {"person": " "}),
    "no success": (
        "STATUS", {"change": of(".//samlp:StatusCode", Value="urn:oasis:names:tc:SAML:2.0:status:Responder")},
    ),
    "another version": ("MALFORMED", {"change": of(".", Version="1.1")}),
    "encrypted, unasked": ("ENCRYPTED", {"cipher": "Aes256Gcm", "certificate": TENANT.certificate_file}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_these_are_refused_by_name(what: str) -> None:
    reason, options = REFUSED[what]
    document = provider().changed(REQUEST, **options)
    assert refusal(document) == f"SAML_{reason}"


def refusal(document: bytes, **trusts: Any) -> str:
    with pytest.raises(ResponseRefused) as refused:
        read_response(document, trust(**trusts), expected())
    return refused.value.reason


def test_what_nobody_asked_for_names_no_request() -> None:
    unasked = expected(request_id="")
    assert read_response(provider().changed(None), trust(), unasked).name_id == PERSON
    with pytest.raises(ResponseRefused) as refused:
        read_response(provider().changed(REQUEST), trust(), unasked)
    assert refused.value.reason == "SAML_REQUEST"


def changed_after(document: bytes, change: Callable[[etree._Element], object]) -> bytes:
    root = etree.fromstring(document)
    change(root)
    return etree.tostring(root)


def test_a_comment_put_in_afterwards_cuts_nothing_off() -> None:
    document = provider().changed(REQUEST).replace(b"ann@corp.example<", b"ann@corp<!-- -->.example<", 1)
    assert read_response(document, trust(), expected()).name_id == PERSON


@pytest.mark.parametrize("sign", ["assertion", "response"])
def test_a_change_after_the_signature_is_noticed(sign: str) -> None:
    document = provider().changed(REQUEST, sign=sign).replace(b"Ann Other", b"Eve Other")
    assert refusal(document) == "SAML_SIGNATURE"


def test_a_signature_over_another_element_is_none() -> None:
    """The signed assertion is still there, where nothing reads it."""

    def change(root: etree._Element) -> None:
        genuine = root.find(ASSERTION, NS)
        assert genuine is not None
        forged = copy.deepcopy(genuine)
        forged.set("ID", "forged")
        text(".//saml:NameID", "eve@corp.example")(forged)
        root.replace(genuine, forged)

    assert refusal(changed_after(provider().changed(REQUEST), change)) == "SAML_SIGNATURE"

    def hidden(root: etree._Element) -> None:
        genuine = copy.deepcopy(root.find(ASSERTION, NS))
        change(root)
        extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
        extensions.append(genuine)  # type: ignore[arg-type]
        root.insert(1, extensions)

    assert refusal(changed_after(provider().changed(REQUEST), hidden)) == "SAML_ASSERTIONS"


def test_encryption_is_what_the_settings_say_and_to_the_tenants_key() -> None:
    assert refusal(provider().changed(REQUEST), **ENCRYPTED) == "SAML_NOT_ENCRYPTED"
    other = provider().changed(REQUEST, cipher="Aes256Gcm", certificate=rsa_key("other").certificate_file)
    assert refusal(other, **ENCRYPTED) == "SAML_DECRYPTION"


@pytest.mark.parametrize("cipher", ["Aes128Cbc", "Aes256Gcm"])
def test_what_is_wrong_inside_is_told_only_where_the_cipher_has_a_tag(cipher: str) -> None:
    options = {"cipher": cipher, "certificate": TENANT.certificate_file, "key": rsa_key("other")}
    told = "SAML_SIGNATURE" if cipher.endswith("Gcm") else "SAML_DECRYPTION"
    assert refusal(provider().changed(REQUEST, **options), **ENCRYPTED) == told  # type: ignore[arg-type]


NOT_XML = {
    "a document type": b"<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>",
    "a document type in another encoding": "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE r><r/>".encode("utf-16"),
    "UTF-7": b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE r+AD4-<r/>",
    "an entity": b"<r>&a;</r>",
    "no XML": b"SAML",
    "another root": b"<r/>",
}


@pytest.mark.parametrize("what", NOT_XML)
def test_what_is_no_response_is_said_to_be_none(what: str) -> None:
    assert refusal(NOT_XML[what]) == "SAML_MALFORMED"


def test_a_document_has_limits() -> None:
    assert refusal(b"<r>" + b"<a/>" * 50_000 + b"</r>") == "SAML_TOO_LARGE"
    assert refusal(b"<r>" + b" " * 300_000 + b"</r>") == "SAML_TOO_LARGE"
    assert refusal(b"<r>" * 5_000 + b"</r>" * 5_000) == "SAML_MALFORMED"
