"""A tenant as a SAML service provider: its metadata against the schema of the standard."""

from __future__ import annotations

import base64
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from kit.callers import Caller

from ostiary.upstream.saml.settings import SAML
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"


class Metadata:
    """The metadata of one tenant, over the wire."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.tenant_id = caller.installation.tenant_id

    def text(self) -> str:
        method = "identity.appid.management.v4.SamlMetadataService/GetSamlMetadata"
        answer = self.caller.ask(method, {"tenantId": self.tenant_id}, "reader")
        assert answer["contentType"] == "application/xml"
        return base64.b64decode(answer["data"]).decode()

    def provider(self) -> ET.Element:
        from saml2.xml.schema import validate  # reads the schemas, for which not every run shall wait

        text = self.text()
        validate(text)
        entity = ET.fromstring(text)  # noqa: S314 ours
        assert (entity.tag, entity.get("entityID")) == (
            f"{MD}EntityDescriptor", f"urn:ibm:cloud:services:appid:{self.tenant_id}",
        )  # fmt: skip
        (provider,) = entity
        return provider

    def configure(self, **switches: bool) -> None:
        """Changes the SAML settings; what they hold besides is not the metadata's business."""
        made = self.caller.installation
        provider = pb.SamlProvider(is_active=False)
        if switches:
            provider.config.CopyFrom(pb.SamlProviderConfig(**self._smallest(), **switches))
        with made.runtime.store.write() as work:
            SAML.replace(work, self.tenant_id, provider, made.clock.now_ms())

    def _smallest(self) -> dict[str, Any]:
        made = self.caller.installation.runtime
        with made.store.read() as work:
            tenant = made.tenancy.find(work, self.tenant_id)
            assert tenant is not None
            der = made.keys.certificates(work, tenant, "token")[0]
        return {
            "entity_id": "https://idp.example", "sign_in_url": "https://idp.example/sso",
            "certificates": [base64.b64encode(der).decode()],
        }  # fmt: skip


@pytest.fixture
def metadata(caller: Caller) -> Metadata:
    return Metadata(caller)


def test_the_descriptor_is_valid_and_names_the_tenant(metadata: Metadata) -> None:
    provider = metadata.provider()
    assert provider.attrib == {
        "protocolSupportEnumeration": "urn:oasis:names:tc:SAML:2.0:protocol", "WantAssertionsSigned": "true",
        "AuthnRequestsSigned": "false",
    }  # fmt: skip
    name_id, service = provider
    assert name_id.text == "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    base_url = metadata.caller.installation.runtime.settings.base_url
    assert service.attrib == {
        "Binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", "index": "1", "isDefault": "true",
        "Location": f"{base_url}/saml2/v1/{metadata.tenant_id}/login-acs",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("switches", "uses"),
    [
        ({"sign_request": True}, ["signing"]),
        ({"encrypt_response": True}, ["encryption"]),
        ({"sign_request": True, "encrypt_response": True}, ["signing", "encryption"]),
    ],
)
def test_keys_stand_in_it_once_the_settings_ask_for_them(
    metadata: Metadata, switches: dict[str, bool], uses: list[str]
) -> None:
    metadata.configure(**switches)
    provider = metadata.provider()
    assert provider.get("AuthnRequestsSigned") == str("signing" in uses).lower()
    found = provider.findall(f"{MD}KeyDescriptor")
    assert [descriptor.get("use") for descriptor in found] == uses
    keys = set()
    for descriptor in found:
        text = descriptor.findtext(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate") or ""
        certificate = x509.load_der_x509_certificate(base64.b64decode(text))
        certificate.verify_directly_issued_by(certificate)
        keys.add(certificate.public_bytes(Encoding.DER))
    assert len(keys) == len(uses), "each use has a key of its own"
    assert metadata.text() == metadata.text(), "the same at every call"
    metadata.configure()
    assert not metadata.provider().findall(f"{MD}KeyDescriptor")
