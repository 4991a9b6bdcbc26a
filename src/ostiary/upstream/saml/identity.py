"""Identity of a person as a SAML assertion gives it: the id, the claims of a profile, and all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostiary.upstream.identity import UpstreamIdentity
from ostiary.upstream.saml.assertions import Assertion
from ostiary.upstream.saml.refusals import ResponseRefused
from ostiary.upstream.saml.settings import NAME
from ostiary.upstream.saml.vocabulary import EMAIL_ADDRESS, TRANSIENT

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_ATTRIBUTES: Mapping[str, Sequence[str]] = {
    "name": ("name", "displayName", "urn:oid:2.16.840.1.113730.3.1.241", "cn", "urn:oid:2.5.4.3", f"{_CLAIMS}name"),
    "email": ("email", "mail", "urn:oid:0.9.2342.19200300.100.1.3", f"{_CLAIMS}emailaddress"),
    "locale": ("locale", "preferredLanguage", "urn:oid:2.16.840.1.113730.3.1.39"),
    "picture": ("picture",),
}
"""The names of attributes that are a claim of a profile, the first wins: App ID's own, those of inetOrgPerson (short,
and as OIDs), and those of Microsoft's servers."""


def identity_of(assertion: Assertion) -> UpstreamIdentity:
    """The person of an assertion. The id is the name that the identity provider gives; one that is transient, which is
    another at each sign-in, leads nowhere, so the mail address takes its place. Raises SAML_TRANSIENT."""
    email = _email(assertion)
    person = email if assertion.name_id_format == TRANSIENT else assertion.name_id
    if not person:
        message = "The NameID is transient and there is no mail address: let the identity provider send a lasting name."
        raise ResponseRefused("TRANSIENT", message)
    known = {name: _first(assertion, names) for name, names in _ATTRIBUTES.items()}
    claims: dict[str, Any] = {name: text for name, text in {**known, "email": email}.items() if text}
    claims["name_id"], claims["name_id_format"] = assertion.name_id, assertion.name_id_format
    claims["attributes"] = {
        name: values[0] if len(values) == 1 else list(values) for name, values in assertion.attributes.items()
    }
    return UpstreamIdentity(NAME, person, claims, email, assertion.authenticated_at)


def _email(assertion: Assertion) -> str:
    """The mail address: an attribute, else the name, where the format that came says that it is one."""
    named = assertion.name_id if assertion.name_id_format == EMAIL_ADDRESS else ""
    return _first(assertion, _ATTRIBUTES["email"]) or named


def _first(assertion: Assertion, names: Sequence[str]) -> str:
    return next((assertion.attributes[name][0] for name in names if name in assertion.attributes), "")
