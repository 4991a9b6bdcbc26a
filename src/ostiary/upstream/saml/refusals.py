"""Refusals of a SAML response: each says what was wrong, and what the administrator of which side can do."""

from __future__ import annotations

from ostiary.errors import DomainError, Kind


class ResponseRefused(DomainError):
    """A response that signs nobody in. `reason` begins with SAML_."""

    def __init__(self, reason: str, message: str, kind: Kind = Kind.DENIED) -> None:
        super().__init__(kind, f"SAML_{reason}", message, oauth_error="access_denied")


def malformed(what: str) -> ResponseRefused:
    """A document that is not what SAML calls a response."""
    return ResponseRefused("MALFORMED", f"The answer of the identity provider is not a SAML 2.0 response: {what}")


def bad_signature(why: str) -> ResponseRefused:
    """A signature that is not good, or is not there."""
    return ResponseRefused("SIGNATURE", f"The SAML message signature could not be validated: {why}")
