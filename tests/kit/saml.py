"""SAML identity provider of other hands: pysaml2 writes the responses, libxmlsec1 signs and encrypts, in process."""

from __future__ import annotations

import base64
import datetime as dt
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

ENTITY_ID = "https://idp.example/metadata"
SIGN_IN_URL = "https://idp.example/sso"
PERSON = "ann@corp.example"
NS = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion", "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}  # fmt: skip
ATTRIBUTES = {"mail": [PERSON], "displayName": ["Ann Other"], "eduPersonAffiliation": ["staff", "member"]}
CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
Change = Callable[[Any], object]


class Key:
    """A private key with a self-signed certificate, in files for pysaml2."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, expired: bool = False) -> None:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
        now = dt.datetime.now(dt.UTC)
        ends = now + dt.timedelta(days=-1 if expired else 90)
        builder = x509.CertificateBuilder(
            issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=x509.random_serial_number(),
            not_valid_before=ends - dt.timedelta(days=120), not_valid_after=ends,
        )  # fmt: skip
        self.private = key
        self.certificate = builder.sign(key, SHA256())
        folder = Path(tempfile.mkdtemp(prefix="saml-"))
        self.key_file, self.certificate_file = folder / "key.pem", folder / "certificate.pem"
        self.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.certificate_file.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    @property
    def text(self) -> str:
        """The certificate as the settings take it."""
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()


@cache
def rsa_key(name: str, *, expired: bool = False) -> Key:
    """A key by a name, made once in a run."""
    assert name
    return Key(rsa.generate_private_key(65_537, 2_048), expired=expired)


@cache
def ec_key() -> Key:
    """A key on the curve P-256."""
    return Key(ec.generate_private_key(ec.SECP256R1()))


class Xmlsec:
    """What pysaml2 asks of a cryptographic backend, done by libxmlsec1 in place of its program."""

    version = "1.3.0"

    def sign_statement(self, statement: Any, node_name: str, key_file: str, node_id: str) -> str:
        """Fills in the signature that pysaml2 has prepared."""
        root = etree.fromstring(_bytes(statement))
        sign_template(root, node_id, key_file)
        return etree.tostring(root).decode()

    def encrypt_assertion(self, statement: Any, enc_key: str, template: Any, key_type: str, node_xpath: str) -> str:
        """Encrypts the assertion in place."""
        from saml2 import SamlBase
        from saml2.sigver import ASSERT_XPATH, pre_encrypt_assertion

        if isinstance(statement, SamlBase):
            statement = pre_encrypt_assertion(statement)
        root = etree.fromstring(_bytes(statement))
        assert key_type == "des-192"
        (assertion,) = cast("list[Any]", root.xpath(node_xpath or ASSERT_XPATH))
        _encryption(enc_key, "Des", 192).encrypt_xml(etree.fromstring(_bytes(template)), assertion)
        return etree.tostring(root).decode()


def _bytes(document: Any) -> bytes:
    """A document, as pysaml2 hands it over: bytes, text or an object."""
    return document if isinstance(document, bytes) else str(document).encode()


def sign_template(root: etree._Element, node_id: str, key_file: str) -> None:
    """Signs by the template that the element with this ID has."""
    xmlsec.tree.add_ids(root, ["ID"])
    (node,) = cast("list[Any]", root.xpath("//*[@ID=$id]/ds:Signature", id=node_id, namespaces=NS))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(key_file, xmlsec.constants.KeyDataFormatPem)
    context.sign(node)


def _encryption(certificate_file: str, kind: str, bits: int) -> Any:
    """Encryption with a new key of this kind, which is encrypted to the certificate."""
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_file(certificate_file, xmlsec.constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    session = xmlsec.constants.KeyDataTypeSession
    context.key = xmlsec.Key.generate(getattr(xmlsec.constants, f"KeyData{kind}"), bits, session)
    return context


class IdentityProvider:
    """An identity provider for one service provider, whose metadata it reads."""

    def __init__(self, metadata: bytes, *, wants_signed: bool = False) -> None:
        self.key = rsa_key("idp")
        entity = etree.fromstring(metadata)
        self.audience = entity.get("entityID", "")
        self.acs_url = str(entity.xpath("string(//*[local-name()='AssertionConsumerService']/@Location)"))
        self.server = _server(metadata, self.key, wants_signed=wants_signed)

    def request(self, location: str) -> tuple[Any, str]:
        """The AuthnRequest in the address to which a browser was sent, checked, and the RelayState."""
        from saml2 import BINDING_HTTP_REDIRECT

        assert location.startswith(f"{SIGN_IN_URL}?"), location
        sent = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        read = self.server.parse_authn_request(
            sent["SAMLRequest"], BINDING_HTTP_REDIRECT, relay_state=sent["RelayState"], sigalg=sent.get("SigAlg"),
            signature=sent.get("Signature"),
        )  # fmt: skip
        return read.message, sent["RelayState"]

    def response(self, in_response_to: str | None, *, name_format: str = "", **options: Any) -> bytes:
        """A response as pysaml2 makes it; `options` are those of its `create_authn_response`."""
        from saml2.saml import NAMEID_FORMAT_EMAILADDRESS, NameID

        name = NameID(format=name_format or NAMEID_FORMAT_EMAILADDRESS, text=options.pop("person", PERSON))
        made = self.server.create_authn_response(
            options.pop("attributes", ATTRIBUTES), in_response_to, self.acs_url, self.audience, name_id=name,
            authn={"class_ref": options.pop("context", CONTEXT)}, **options,
        )  # fmt: skip
        return _bytes(made)

    def changed(
        self, in_response_to: str | None, change: Change | None = None, *, sign: str = "assertion",
        key: Key | None = None, method: str = "RsaSha256", cipher: str = "", certificate: Path | None = None,
        **options: Any,
    ) -> bytes:  # fmt: skip
        """A response that is changed before it is signed; `sign` names what is: response, assertion, both with a blank
        between, or nothing. With a `cipher` such as Aes256Gcm the assertion is encrypted to `certificate` between."""
        root = etree.fromstring(self.response(in_response_to, **options))
        if change is not None:
            change(root)
        key = key or self.key
        if "assertion" in sign:
            for assertion in root.findall("saml:Assertion", NS):
                signed(assertion, method, key)
        if cipher and certificate:
            encrypted(root.find("saml:Assertion", NS), cipher, certificate)
        if "response" in sign:
            signed(root, method, key)
        return etree.tostring(root)


def signed(element: etree._Element, method: str, key: Key) -> None:
    """Gives an element a signature of its own, after its Issuer; `method` is libxmlsec1's name of the algorithm."""
    constants = xmlsec.constants
    node = xmlsec.template.create(
        element, constants.TransformExclC14N, getattr(constants, f"Transform{method}"), ns="ds"
    )  # fmt: skip
    digest = "Sha1" if method.endswith("Sha1") else f"Sha{method[-3:]}" if method[-3:].isdigit() else "Sha256"
    reference = xmlsec.template.add_reference(
        node, getattr(constants, f"Transform{digest}"), uri=f"#{element.get('ID')}"
    )  # fmt: skip
    xmlsec.template.add_transform(reference, constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, constants.TransformExclC14N)
    element.insert(1, node)
    sign_template(element.getroottree().getroot(), element.get("ID", ""), str(key.key_file))


def encrypted(element: etree._Element | None, cipher: str, certificate: Path, name: str = "EncryptedAssertion") -> None:
    """Puts an EncryptedAssertion, or what else `name` says, in the place of the element."""
    assert element is not None
    constants = xmlsec.constants
    content, parent, wrapper = etree.tostring(element), element.getparent(), etree.Element(f"{{{NS['saml']}}}{name}")
    assert parent is not None
    parent.replace(element, wrapper)
    template = xmlsec.template.encrypted_data_create(
        wrapper, getattr(constants, f"Transform{cipher}"), type=constants.TypeEncElement, ns="xenc"
    )  # fmt: skip
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    xmlsec.template.encrypted_data_ensure_cipher_value(
        xmlsec.template.add_encrypted_key(info, constants.TransformRsaOaep)
    )  # fmt: skip
    wrapper.append(template)
    bits = 192 if "Des" in cipher else int(cipher.removeprefix("Aes")[:3])
    _encryption(str(certificate), "Des" if "Des" in cipher else "Aes", bits).encrypt_binary(template, content)


def of(path: str, **attributes: str | None) -> Change:
    """A change of attributes."""

    def change(root: Any) -> None:
        for element in root.findall(path, NS):
            for name, value in attributes.items():
                if value is None:
                    element.attrib.pop(name, None)
                else:
                    element.set(name, value)

    return change


def _server(metadata: bytes, key: Key, *, wants_signed: bool) -> Any:
    """pysaml2's identity provider."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a cipher of cryptography that will move, and is not used here
        from saml2 import BINDING_HTTP_REDIRECT
        from saml2.config import IdPConfig
        from saml2.server import Server

    endpoint = (SIGN_IN_URL, BINDING_HTTP_REDIRECT)
    service = {"endpoints": {"single_sign_on_service": [endpoint]}, "want_authn_requests_signed": wants_signed}
    config = IdPConfig().load(
        {
            "entityid": ENTITY_ID, "key_file": str(key.key_file), "cert_file": str(key.certificate_file),
            "service": {"idp": service}, "metadata": {"inline": [metadata.decode()]},
            "xmlsec_binary": "/dev/null",  # replaced below
        }
    )  # fmt: skip
    server = Server(config=config)
    server.sec.crypto = Xmlsec()
    return server
