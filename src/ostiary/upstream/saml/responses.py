"""Responses of an identity provider (SAML Core §3.3.3, Profiles §4.1.4): from the bytes that a browser posts to the one
assertion in it, or a refusal that says why not.

Nothing is believed but what a certificate of the provider has signed: the response, or the assertion in it. Where the
assertion is encrypted, its bytes are decrypted, parsed as a document of their own, verified, and read from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import Certificate

from ostiary.upstream.saml.assertions import Assertion, read_assertion
from ostiary.upstream.saml.conditions import Expected
from ostiary.upstream.saml.decryption import DecryptionFailed, decrypted, is_authenticated
from ostiary.upstream.saml.documents import alone, read_document, text_of
from ostiary.upstream.saml.refusals import ResponseRefused, bad_signature, malformed
from ostiary.upstream.saml.signatures import is_signed, verified
from ostiary.upstream.saml.vocabulary import NAMESPACES, STATUS, in_assertion, in_protocol

if TYPE_CHECKING:
    from lxml.etree import _Element

_SUCCESS = f"{STATUS}Success"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a response is opened with: the certificates of the provider, tried one after the other, and the private keys
    of the tenant for what is encrypted. `encrypted`: whether the settings want the assertion encrypted."""

    certificates: Sequence[Certificate]
    keys: Sequence[RSAPrivateKey] = ()
    encrypted: bool = False


def read_response(document: bytes, trust: Trust, expected: Expected) -> Assertion:
    """The assertion of a response, all of it verified and checked. Raises ResponseRefused."""
    response = read_document(document)
    if response.tag != in_protocol("Response") or response.get("Version") != "2.0":
        raise malformed("its root must be a Response, version 2.0.")
    whole = is_signed(response)
    if whole:
        response = verified(response, trust.certificates)
    _check_response(response, expected)
    assertion = _one_assertion(response, trust, whole=whole)
    return read_assertion(assertion, expected, trust.keys)


def answered_request(document: bytes) -> str:
    """The id of the request that a response says it answers, empty where it says none. Nothing is verified yet."""
    return str(read_document(document).get("InResponseTo", ""))


def _check_response(response: _Element, expected: Expected) -> None:
    if response.get("Destination", expected.acs_url) != expected.acs_url:
        raise ResponseRefused(
            "DESTINATION", f"The response is for another address: it must be sent to {expected.acs_url}."
        )
    expected.check_request(response.get("InResponseTo", ""))
    issuer = response.find("saml:Issuer", NAMESPACES)
    if issuer is not None:
        expected.check_issuer(text_of(issuer))
    status = response.find("samlp:Status/samlp:StatusCode", NAMESPACES)
    if status is None:
        raise malformed("it has no status.")
    if status.get("Value") != _SUCCESS:
        raise _unsuccessful(status)


def _unsuccessful(status: _Element) -> ResponseRefused:
    """What the provider says in place of an assertion; only codes of the standard are repeated."""
    codes = [code.get("Value", "") for code in status.iter(in_protocol("StatusCode"))]
    known = [
        code.removeprefix(STATUS) for code in codes if code.startswith(STATUS) and code.removeprefix(STATUS).isalpha()
    ]
    said = ", ".join(name[:40] for name in known[:2]) or "no code of SAML 2.0"
    return ResponseRefused("STATUS", f"The identity provider did not sign the person in. Its status: {said}.")


def _one_assertion(response: _Element, trust: Trust, *, whole: bool) -> _Element:
    """The one assertion of a response, verified; `whole`: the response around it is."""
    plain, sealed = in_assertion("Assertion"), in_assertion("EncryptedAssertion")
    found = list(response.iter(plain, sealed))
    if len(found) != 1 or found[0].getparent() is not response:
        raise ResponseRefused("ASSERTIONS", f"A response must have exactly one assertion; this one has {len(found)}.")
    if found[0].tag == plain:
        if trust.encrypted:
            message = "The settings of this tenant want the assertion encrypted (encryptResponse), and it is not."
            raise ResponseRefused("NOT_ENCRYPTED", message)
        return _verified_assertion(read_document(alone(found[0])), trust, whole=whole)
    if not trust.encrypted:
        message = "Unexpectedly received an encrypted assertion. Please enable response encryption (encryptResponse)."
        raise ResponseRefused("ENCRYPTED", message)
    return _decrypted_assertion(found[0], trust, whole=whole)


def _decrypted_assertion(sealed: _Element, trust: Trust, *, whole: bool) -> _Element:
    """Decrypts an assertion and verifies it. All that can be wrong inside is one error where neither a signature around
    it nor the cipher tells whether the content was changed."""
    content = decrypted(sealed, trust.keys)
    try:
        assertion = read_document(content)
        if assertion.tag != in_assertion("Assertion") or list(assertion.iter(assertion.tag))[1:]:
            raise malformed("what is encrypted must be one assertion.")
        return _verified_assertion(assertion, trust, whole=whole)
    except ResponseRefused as error:
        if whole or is_authenticated(sealed):
            raise
        raise DecryptionFailed from error


def _verified_assertion(assertion: _Element, trust: Trust, *, whole: bool) -> _Element:
    if is_signed(assertion):
        return verified(assertion, trust.certificates)
    if not whole:
        raise bad_signature("neither the response nor its assertion is signed.")
    return assertion
