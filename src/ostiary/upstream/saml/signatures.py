"""XML signatures: what a certificate of the identity provider has signed, and nothing else.

The library verifies; what is read afterwards is parsed from the very bytes that it has verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate

from ostiary.upstream.saml.documents import alone, local_name, read_document
from ostiary.upstream.saml.refusals import ResponseRefused, bad_signature, malformed
from ostiary.upstream.saml.vocabulary import NAMESPACES, in_signature

if TYPE_CHECKING:
    from lxml.etree import _Element

SIGNATURE_METHODS = (
    "RSA_SHA256", "RSA_SHA384", "RSA_SHA512", "ECDSA_SHA256", "ECDSA_SHA384", "ECDSA_SHA512", "SHA256_RSA_MGF1",
    "SHA384_RSA_MGF1", "SHA512_RSA_MGF1",
)  # fmt: skip
"""The algorithms that are accepted, as the library names them: RSA (PKCS #1 v1.5 and PSS) and ECDSA."""
DIGESTS = ("SHA256", "SHA384", "SHA512")
TRANSFORMS = frozenset(
    {
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    }
)
"""SAML Core §5.4.4, and inclusive canonicalization, which some identity providers use."""


def is_signed(element: _Element) -> bool:
    """Whether the element has a signature of its own."""
    return element.find("ds:Signature", NAMESPACES) is not None


def verified(element: _Element, certificates: Sequence[Certificate]) -> _Element:
    """The element as one of the certificates has signed it: read from the bytes that were verified. A certificate
    counts as its key: it may have expired. Raises SAML_SIGNATURE, SAML_SHA1."""
    document = alone(element)
    _check_shape(element)
    reasons = []
    for certificate in certificates:
        try:
            signed = read_document(_signed_bytes(document, certificate))
        except ResponseRefused:
            raise
        except _refusals() as error:
            reasons.append(type(error).__name__)
            continue
        if signed.tag != element.tag or signed.get("ID") != element.get("ID"):
            raise bad_signature("it covers another element.")
        return signed
    raise bad_signature(f"it is not by a certificate in the settings, or what it covers was changed ({reasons[-1]}).")


def _signed_bytes(document: bytes, certificate: Certificate) -> bytes:
    from signxml.verifier import XMLVerifier

    result: Any = XMLVerifier().verify(
        document, x509_cert=certificate, id_attribute="ID", expect_config=_expected(certificate)
    )
    return bytes(result.signed_data)


def _expected(certificate: Certificate) -> Any:
    """What the signature must be. The certificate is pinned, so its dates are not asked for."""
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.verifier import SignatureConfiguration

    return SignatureConfiguration(
        location="./", expect_references=1, ignore_ambiguous_key_info=True,
        signature_methods=frozenset(SignatureMethod[name] for name in SIGNATURE_METHODS),
        digest_algorithms=frozenset(DigestAlgorithm[name] for name in DIGESTS),
        verification_time=certificate.not_valid_before_utc,
    )  # fmt: skip


@cache
def _refusals() -> tuple[type[Exception], ...]:
    """What the library raises for a signature that is not good."""
    from lxml.etree import LxmlError
    from signxml.exceptions import SignXMLException

    return (SignXMLException, LxmlError, ValueError, TypeError, UnsupportedAlgorithm)


def _check_shape(element: _Element) -> None:
    """Refuses a signature over anything but its own element, and what could change the element on the way."""
    signatures = element.findall("ds:Signature", NAMESPACES)
    references = signatures[0].findall("ds:SignedInfo/ds:Reference", NAMESPACES) if len(signatures) == 1 else []
    if len(references) != 1:
        raise bad_signature(f"{local_name(element)} must have one signature with one reference.")
    if not element.get("ID") or references[0].get("URI") != f"#{element.get('ID')}":
        raise bad_signature(f"it must cover the {local_name(element)} that contains it.")
    transforms = references[0].findall("ds:Transforms/ds:Transform", NAMESPACES)
    if not TRANSFORMS.issuperset(transform.get("Algorithm", "") for transform in transforms):
        raise bad_signature("it uses a transform that SAML does not have.")
    _check_algorithms(signatures[0], references[0])


def _check_algorithms(signature: _Element, reference: _Element) -> None:
    used = [
        *(method.get("Algorithm", "") for method in signature.iter(in_signature("SignatureMethod"))),
        *(method.get("Algorithm", "") for method in reference.iter(in_signature("DigestMethod"))),
    ]
    if len(used) != 2:
        raise malformed("a signature must name one signature method and one digest method.")
    if any(name.lower().endswith("sha1") for name in used):
        message = "The identity provider signs with SHA-1, which is not accepted: let it sign with RSA-SHA256."
        raise ResponseRefused("SHA1", message)
