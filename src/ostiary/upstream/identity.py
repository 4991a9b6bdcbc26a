"""Identity that another provider has verified, and what becomes of it here.

A provider's word decides nothing but who it is at that provider: an identity is known by the provider and the id there.
An address only leads to a profile that was prepared for it, and only where the provider is sure of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from ostiary.directory.profiles.linking import Arrival
from ostiary.directory.profiles.profiles import IdentityView
from ostiary.errors import DomainError, denied, invalid
from ostiary.http.json_text import write_json
from ostiary.names import is_text

MAX_SUBJECT: Final = 255
"""Characters of an id (OpenID Connect Core §2)."""
MAX_CLAIMS: Final = 65_536
"""Characters of all that a provider says of a person, as JSON."""
MAX_FACT: Final = 2_048
_FACTS = ("name", "email", "locale", "picture", "gender", "preferred_username")
"""The claims that a profile has columns for."""

_log = structlog.get_logger("ostiary.upstream")


@dataclass(frozen=True, slots=True)
class UpstreamIdentity:
    """A person as another provider knows it: the id there, and `claims`, a JSON object in the provider's own words.

    `proved_email` is the address whose mail the provider is sure that the person reads; empty if none. `proved_at` is
    when the person was asked there (UTC milliseconds); 0 if the provider does not say.
    """

    provider: str
    id: str
    claims: Mapping[str, Any]
    proved_email: str = ""
    proved_at: int = 0

    def arrival(self, anonymous_id: str = "") -> Arrival:
        """What the profile is made of, or updated with. Raises PROVIDER_FAILED for what cannot be stored."""
        said = write_json(dict(self.claims), escaped=False)
        if not 1 <= len(self.id) <= MAX_SUBJECT or not self.id.isprintable():
            raise provider_failed(self.provider, f"The id of the person must have 1 to {MAX_SUBJECT} characters.")
        if len(said) > MAX_CLAIMS or not is_text(said):
            raise provider_failed(self.provider, f"The claims must be at most {MAX_CLAIMS} characters of text.")
        facts = {name: text for name in _FACTS if (text := self._fact(name))}
        return Arrival(IdentityView(self.provider, self.id, said), facts, self.proved_email, anonymous_id)

    def _fact(self, name: str) -> str:
        value = self.claims.get(name)
        return value if isinstance(value, str) and len(value) <= MAX_FACT else ""


def check_error(provider: str, answer: Mapping[str, str]) -> None:
    """Raises where the provider has returned an error in place of a person (RFC 6749 §4.1.2.1): PROVIDER_DENIED where
    the person has not agreed, else PROVIDER_FAILED."""
    error = answer.get("error", "")
    if error == "access_denied":
        raise denied("PROVIDER_DENIED", "The sign-in at the other provider was cancelled.")
    if error:
        raise provider_failed(provider, f"{error}: {answer.get('error_description', '')}")


def provider_failed(provider: str, why: str) -> DomainError:
    """Returns the error for a provider that has proved nobody. The reason is for the log: what another server says goes
    on no page."""
    _log.warning("sign-in with another provider failed", provider=provider, why=why[:500])
    return invalid("PROVIDER_FAILED", "The other provider could not sign you in.", oauth_error="access_denied")


def provider_unreachable(provider: str, why: str) -> DomainError:
    """Returns the error for a provider that cannot be asked at this moment."""
    _log.warning("another provider cannot be reached", provider=provider, why=why[:500])
    message = "The other provider does not answer at this moment."
    return invalid("PROVIDER_UNREACHABLE", message, oauth_error="temporarily_unavailable")
