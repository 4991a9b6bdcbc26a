"""Names of the SAML 2.0 vocabulary, of XML Signature and of XML Encryption, as far as a service provider needs them."""

from __future__ import annotations

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
ENCRYPTION = "http://www.w3.org/2001/04/xmlenc#"
ENCRYPTION_11 = "http://www.w3.org/2009/xmlenc11#"
NAMESPACES = {"saml": ASSERTION, "samlp": PROTOCOL, "ds": SIGNATURE, "xenc": ENCRYPTION, "xenc11": ENCRYPTION_11}
"""Prefixes of the paths in this package."""

HTTP_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
EMAIL_ADDRESS = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"


def in_assertion(name: str) -> str:
    """The name of an element in the namespace of assertions."""
    return f"{{{ASSERTION}}}{name}"


def in_protocol(name: str) -> str:
    """The name of an element in the namespace of the protocol."""
    return f"{{{PROTOCOL}}}{name}"


def in_signature(name: str) -> str:
    """The name of an element in the namespace of XML Signature."""
    return f"{{{SIGNATURE}}}{name}"
