"""Metadata of a tenant as a SAML 2.0 service provider (SAML Metadata §2.3.2, §2.4.4)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from ostiary.keys.keyring import SAML_ENCRYPT, SAML_SIGN
from ostiary.upstream.saml.decryption import CIPHERS, KEY_TRANSPORTS
from ostiary.upstream.saml.vocabulary import EMAIL_ADDRESS, HTTP_POST, METADATA, PROTOCOL, SIGNATURE

USES = {SAML_SIGN: "signing", SAML_ENCRYPT: "encryption"}


def entity_id(tenant_id: str) -> str:
    """The name of a tenant towards identity providers: the vendor's, so that registrations there stay good."""
    return f"urn:ibm:cloud:services:appid:{tenant_id}"


def acs_url(public_url: str, tenant_id: str) -> str:
    """Returns the URL to which identity providers post their responses (the assertion consumer service)."""
    return f"{public_url}/saml2/v1/{tenant_id}/login-acs"


def service_provider(public_url: str, tenant_id: str, certificates: Mapping[str, Sequence[bytes]]) -> bytes:
    """The EntityDescriptor as XML. `certificates` (DER) by the use of their keys, SAML_SIGN and SAML_ENCRYPT: that of
    the key in use, and of the one that follows it."""
    ET.register_namespace("md", METADATA)
    ET.register_namespace("ds", SIGNATURE)
    entity = ET.Element(f"{{{METADATA}}}EntityDescriptor", entityID=entity_id(tenant_id))
    provider = ET.SubElement(
        entity, f"{{{METADATA}}}SPSSODescriptor", protocolSupportEnumeration=PROTOCOL, WantAssertionsSigned="true",
        AuthnRequestsSigned=str(SAML_SIGN in certificates).lower(),
    )  # fmt: skip
    for use, certificate in ((use, each) for use, several in certificates.items() for each in several):
        descriptor = ET.SubElement(provider, f"{{{METADATA}}}KeyDescriptor", use=USES[use])
        data = ET.SubElement(ET.SubElement(descriptor, f"{{{SIGNATURE}}}KeyInfo"), f"{{{SIGNATURE}}}X509Data")
        ET.SubElement(data, f"{{{SIGNATURE}}}X509Certificate").text = base64.b64encode(certificate).decode()
        for algorithm in (*CIPHERS, *KEY_TRANSPORTS) if use == SAML_ENCRYPT else ():
            ET.SubElement(descriptor, f"{{{METADATA}}}EncryptionMethod", Algorithm=algorithm)
    ET.SubElement(provider, f"{{{METADATA}}}NameIDFormat").text = EMAIL_ADDRESS
    ET.SubElement(
        provider, f"{{{METADATA}}}AssertionConsumerService", Binding=HTTP_POST, index="1", isDefault="true",
        Location=acs_url(public_url, tenant_id),
    )  # fmt: skip
    document: bytes = ET.tostring(entity, encoding="utf-8", xml_declaration=True)
    return document
