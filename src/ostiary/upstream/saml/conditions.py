"""Conditions of an assertion: for whom, where, when, and in answer to what it is good (SAML Core §2.4, §2.5, Profiles
§4.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ostiary.upstream.saml.documents import text_of
from ostiary.upstream.saml.refusals import ResponseRefused, malformed
from ostiary.upstream.saml.times import SKEW_MS, moment, moment_or
from ostiary.upstream.saml.vocabulary import BEARER, CLASSES, NAMESPACES, in_assertion

if TYPE_CHECKING:
    from lxml.etree import _Element

_UNDERSTOOD = {in_assertion(name) for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
"""The conditions that are understood: each assertion is used once here, and none is made from it."""
_UNSPECIFIED = f"{CLASSES}unspecified"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a response must fit: the entity id of its provider, the entity id and the address of the tenant, the present
    time (UTC milliseconds), the id of the request that it answers (empty: nobody has asked), and how the person must
    have authenticated."""

    issuer: str
    audience: str
    acs_url: str
    now_ms: int
    request_id: str
    classes: Sequence[str]
    comparison: str

    def check_issuer(self, issuer: str) -> None:
        """Raises SAML_ISSUER."""
        if issuer != self.issuer:
            message = f"The response is by {issuer[:200]}; the settings of this tenant name {self.issuer} (entityID)."
            raise ResponseRefused("ISSUER", message)

    def check_request(self, answered: str) -> None:
        """Raises SAML_REQUEST."""
        if answered and answered != self.request_id:
            message = "The response does not answer the request of this sign-in. Sign in again from the application."
            raise ResponseRefused("REQUEST", message)

    def check_context(self, said: str) -> None:
        """Compares `exact` by name. Which class is stronger, the identity provider alone knows: of the other
        comparisons only an answer that says nothing is refused. Raises SAML_CONTEXT."""
        does = said in self.classes or (self.comparison != "exact" and said not in ("", _UNSPECIFIED))
        if not does:
            asked = ", ".join(name.removeprefix(CLASSES) for name in self.classes)
            message = (
                f"The person authenticated by {said.removeprefix(CLASSES)[:200] or 'a method that is not named'}; the "
                f"settings of this tenant ask for {asked} (authnContext, {self.comparison})."
            )
            raise ResponseRefused("CONTEXT", message)


def check_conditions(conditions: _Element, expected: Expected) -> int:
    """The end of validity (UTC milliseconds, without leeway). Raises SAML_TIME, SAML_AUDIENCE, SAML_CONDITION."""
    until = _check_times(conditions, expected, "The assertion")
    if any(condition.tag not in _UNDERSTOOD for condition in conditions):
        raise ResponseRefused("CONDITION", "The assertion has a condition that is not understood here.")
    restrictions = conditions.findall("saml:AudienceRestriction", NAMESPACES)
    for restriction in restrictions:
        audiences = [text_of(audience) for audience in restriction.iterfind("saml:Audience", NAMESPACES)]
        if expected.audience not in audiences:
            raise _wrong_audience(expected, audiences)
    if not restrictions:
        raise _wrong_audience(expected, [])
    return until


def check_confirmation(subject: _Element, expected: Expected) -> int:
    """Finds the confirmation by which whoever brings the assertion is its subject; the end of it (UTC milliseconds,
    without leeway). Raises what was wrong with the last one."""
    refusal = malformed("its subject has no bearer confirmation.")
    for confirmation in subject.iterfind("saml:SubjectConfirmation", NAMESPACES):
        data = confirmation.find("saml:SubjectConfirmationData", NAMESPACES)
        if confirmation.get("Method") != BEARER or data is None:
            continue
        try:
            return _confirmed(data, expected)
        except ResponseRefused as refused:
            refusal = refused
    raise refusal


def _confirmed(data: _Element, expected: Expected) -> int:
    if data.get("Recipient") != expected.acs_url:
        message = f"The assertion is for another recipient: it must be made for {expected.acs_url}."
        raise ResponseRefused("RECIPIENT", message)
    moment(data, "NotOnOrAfter")  # required here
    if expected.request_id and not data.get("InResponseTo"):
        raise ResponseRefused("REQUEST", "The assertion must name the request that it answers (InResponseTo).")
    expected.check_request(data.get("InResponseTo", ""))
    return _check_times(data, expected, "The confirmation of the subject")


def _check_times(element: _Element, expected: Expected, what: str) -> int:
    until = moment_or(element, "NotOnOrAfter", _FOREVER)
    clocks = "compare the clocks of both servers, which may differ by five minutes."
    if until <= expected.now_ms - SKEW_MS:
        raise ResponseRefused("TIME", f"{what} has expired: {clocks}")
    if moment_or(element, "NotBefore", expected.now_ms) > expected.now_ms + SKEW_MS:
        raise ResponseRefused("TIME", f"{what} is not good yet: {clocks}")
    return until


_FOREVER = 253_402_300_799_000
"""The end of the year 9999."""


def _wrong_audience(expected: Expected, audiences: Sequence[str]) -> ResponseRefused:
    named = ", ".join(audiences)[:300] or "nobody"
    return ResponseRefused("AUDIENCE", f"The assertion is for {named}; its audience must be {expected.audience}.")
