"""Excess of a request: where it is beyond which bound, and the refusal that says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.errors import DomainError, invalid
from ostiary.transport.bounds.reading import Bounds
from ostiary_api.options.v1 import rest_pb2 as rest

MISSING, INVALID = "FIELD_MISSING", "INVALID_FIELD"
SCIM_TYPE = "invalidValue"
"""RFC 7644 table 9: a required value was missing, or the value was not compatible."""


@dataclass(slots=True)
class Excess:
    """One value that is beyond its bounds. `path` leads to it, outermost first; `sentence` is what the server says
    about it where the dialect has no words of its own, with `{field}` for the path."""

    bounds: Bounds
    refusal: rest.Refusal
    reason: str
    sentence: str
    path: list[str] = field(default_factory=list)

    def under(self, name: str) -> Excess:
        """Returns this excess as the message sees it that holds the field `name`."""
        self.path.insert(0, name)
        return self

    def error(self) -> DomainError:
        """Returns the refusal. What was sent is told in kind only: it may be a secret."""
        given = self.refusal
        message = self._filled(given.message or self.sentence)
        if given.reason:
            facts = {"scim_type": given.scim_type} if given.scim_type else {}
            return invalid(given.reason, message, **facts)
        return invalid(self.reason, message, scim_type=SCIM_TYPE)

    def _filled(self, message: str) -> str:
        allowed = self.bounds.allowed
        words = {
            "{field}": ".".join(self.path), "{parent}": ".".join(self.path[:-1]),
            "{minimum}": self.bounds.least, "{maximum}": self.bounds.most,
            "{min_length}": self.bounds.shortest, "{max_length}": self.bounds.longest,
            "{min_items}": self.bounds.fewest_items, "{max_items}": self.bounds.most_items,
            "{values}": ", ".join(allowed.values),
        }  # fmt: skip
        for place, word in words.items():
            message = message.replace(place, str(word))
        return message


def missing(bounds: Bounds) -> Excess:
    """Returns the excess of a field that was not sent, or was sent empty."""
    return Excess(bounds, _missed(bounds), MISSING, "{field} is required.")


def too_few(bounds: Bounds, sent: int) -> Excess:
    """Returns the excess of a list with too few items."""
    return Excess(bounds, _missed(bounds), INVALID, f"{{field}} takes {{min_items}} entries or more, not {sent}.")


def too_many(bounds: Bounds, sent: int) -> Excess:
    """Returns the excess of a list or map with too many items."""
    allowed = bounds.allowed
    refusal = allowed.too_many if allowed.HasField("too_many") else allowed.refusal
    return Excess(bounds, refusal, INVALID, f"{{field}} takes at most {{max_items}} entries, not {sent}.")


def beyond(bounds: Bounds, sentence: str) -> Excess:
    """Returns the excess of a value; `sentence` says what would be right."""
    return Excess(bounds, bounds.allowed.refusal, INVALID, sentence)


def _missed(bounds: Bounds) -> rest.Refusal:
    allowed = bounds.allowed
    alike = allowed.refusal.when_missing and not allowed.HasField("missing")
    return allowed.refusal if alike else allowed.missing
