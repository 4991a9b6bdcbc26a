"""Assertions (SAML Core §2): what a verified one says of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ostiary.upstream.saml.conditions import Expected, check_conditions, check_confirmation
from ostiary.upstream.saml.decryption import decrypted
from ostiary.upstream.saml.documents import read_document, text_of
from ostiary.upstream.saml.refusals import ResponseRefused, malformed
from ostiary.upstream.saml.times import SKEW_MS, moment, moment_or
from ostiary.upstream.saml.vocabulary import NAMESPACES, in_assertion

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_NAME_ID = 256
"""Characters, as SAML Core §8.3.7 bounds names that are kept."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an assertion says, all of it verified. `name_id_format` is the one that came, whatever was asked for;
    `attributes` are the values by the Name of each attribute, in their order. Times are UTC milliseconds;
    `good_until` is when the assertion would be refused for its age."""

    id: str
    issuer: str
    name_id: str
    name_id_format: str
    attributes: Mapping[str, Sequence[str]]
    context_class: str
    authenticated_at: int
    good_until: int


def read_assertion(assertion: _Element, expected: Expected, keys: Sequence[RSAPrivateKey]) -> Assertion:
    """Checks a verified assertion against what is expected, and reads it. `keys` open an encrypted name. Raises
    ResponseRefused."""
    if assertion.get("Version") != "2.0" or not assertion.get("ID"):
        raise malformed("its assertion must be of version 2.0 and have an ID.")
    if moment(assertion, "IssueInstant") > expected.now_ms + SKEW_MS:
        raise ResponseRefused("TIME", "The assertion was issued in the future: compare the clocks of both servers.")
    expected.check_issuer(text_of(_required(assertion, "saml:Issuer")))
    subject = _required(assertion, "saml:Subject")
    confirmed_until = check_confirmation(subject, expected)
    valid_until = check_conditions(_required(assertion, "saml:Conditions"), expected)
    name, format = _name_of(subject, keys)
    context, at = _authentication(assertion, expected)
    return Assertion(
        assertion.get("ID", ""), expected.issuer, name, format, _attributes(assertion), context, at,
        min(confirmed_until, valid_until) + SKEW_MS,
    )  # fmt: skip


def _required(parent: _Element, path: str) -> _Element:
    found = parent.findall(path, NAMESPACES)
    if len(found) != 1:
        raise malformed(f"its assertion must have one {path.partition(':')[2]}.")
    return found[0]


def _name_of(subject: _Element, keys: Sequence[RSAPrivateKey]) -> tuple[str, str]:
    """The name of the subject and the format of it."""
    sealed = subject.find("saml:EncryptedID", NAMESPACES)
    name = _required(subject, "saml:NameID") if sealed is None else read_document(decrypted(sealed, keys))
    text = text_of(name)
    if name.tag != in_assertion("NameID") or not 1 <= len(text) <= MAX_NAME_ID or not text.isprintable():
        raise malformed(f"the NameID must have 1 to {MAX_NAME_ID} printable characters.")
    return text, name.get("Format", "")


def _authentication(assertion: _Element, expected: Expected) -> tuple[str, int]:
    """The context class in which the person authenticated, and when. SimpleSAMLphp and others answer with success
    whatever class was asked for, so it is compared here."""
    statements = assertion.findall("saml:AuthnStatement", NAMESPACES)
    if not statements:
        message = "The assertion has no AuthnStatement: it does not say that the person has authenticated, nor how."
        raise ResponseRefused("NO_AUTHN_STATEMENT", message)
    statement = statements[0]
    if moment_or(statement, "SessionNotOnOrAfter", expected.now_ms + 1) <= expected.now_ms - SKEW_MS:
        raise ResponseRefused("TIME", "The session at the identity provider is over.")
    said = statement.findtext("saml:AuthnContext/saml:AuthnContextClassRef", "", NAMESPACES).strip()
    expected.check_context(said)
    return said, min(moment(statement, "AuthnInstant"), expected.now_ms)


def _attributes(assertion: _Element) -> dict[str, list[str]]:
    """All values by name; one that is there twice has the values of both."""
    found: dict[str, list[str]] = {}
    for attribute in assertion.iterfind("saml:AttributeStatement/saml:Attribute", NAMESPACES):
        values = attribute.iterfind("saml:AttributeValue", NAMESPACES)
        texts = ("".join(map(str, value.itertext())).strip() for value in values)
        found.setdefault(attribute.get("Name", ""), []).extend(text for text in texts if text)
    return {name: values for name, values in found.items() if name and values}
