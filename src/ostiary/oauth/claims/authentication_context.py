"""Authentication context: how a person was authenticated, as `acr` of identity tokens names it (OpenID Connect Core
§2). It says what was done, whatever `acr_values` asked for."""

from __future__ import annotations

from ostiary.directory.profiles.anonymous import ANONYMOUS

NOBODY = "0"
"""No authentication: an anonymous user."""
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
"""One factor."""
SECOND_FACTOR = "https://refeds.org/profile/mfa"
"""A password and something else."""
_SECOND_FACTORS = frozenset({"mfa", "otp", "sms"})
"""RFC 8176 §2."""


def acr_of(amr: str) -> str:
    """The context class of a sign-in by these methods, separated by blanks."""
    methods = amr.split()
    if ANONYMOUS in methods:
        return NOBODY
    return PASSWORD if _SECOND_FACTORS.isdisjoint(methods) else SECOND_FACTOR
