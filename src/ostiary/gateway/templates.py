"""Path templates of google.api.http, and the tree that they form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a path: a literal, or anything (`literal` is empty) that ends with `suffix`, the custom verb.

    `deep` takes all that remains of the path.
    """

    literal: str = ""
    suffix: str = ""
    deep: bool = False

    @property
    def pattern(self) -> str:
        """The segment as a regular expression (RE2)."""
        return re.escape(self.literal) if self.literal else (".+" if self.deep else "[^/]+") + re.escape(self.suffix)


def segments_of(template: str) -> tuple[Segment, ...]:
    """The segments of a template: `/v1/{user_id}:lock` is `v1` and anything that ends with `:lock`."""
    plain = _VARIABLE.sub(lambda found: found.group(2) or "*", template)
    path = plain.removeprefix("/")
    return tuple(_segment(text) for text in path.split("/")) if path else ()


def variables_of(template: str) -> tuple[str, ...]:
    """The request fields that a template binds, as the proto names them: `tenant_id`, `user.id`."""
    return tuple(found.group(1) for found in _VARIABLE.finditer(template))


def shown(segments: tuple[Segment, ...]) -> str:
    """Returns a path for a log: variables are `{}`, so that it contains no ids."""
    return "/" + "/".join(segment.literal or "{}" + segment.suffix for segment in segments)


def _rank(segment: Segment) -> tuple[bool, bool, bool, str, str]:
    return (not segment.literal, segment.deep, not segment.suffix, segment.literal, segment.suffix)


def _segment(text: str) -> Segment:
    if not text.startswith("*"):
        return Segment(literal=text)
    stars = "**" if text.startswith("**") else "*"
    return Segment(suffix=text.removeprefix(stars), deep=stars == "**")


@dataclass(slots=True)
class Node(Generic[T]):
    """A node in the tree of paths. `here` is what belongs to exactly this path."""

    here: T | None = None
    children: dict[Segment, Node[T]] = field(default_factory=dict)

    def descend(self, segments: tuple[Segment, ...]) -> Node[T]:
        """The node at the end of `segments`, made where it is missing."""
        node = self
        for segment in segments:
            node = node.children.setdefault(segment, Node())
        return node

    def ordered(self) -> Iterator[tuple[Segment, Node[T]]]:
        """Returns the children in the order in which a path must be compared: literals, custom verbs, anything, all the
        rest."""
        yield from sorted(self.children.items(), key=lambda item: _rank(item[0]))

    def everything(self) -> Iterator[T]:
        """Yields what belongs to this node and those below."""
        if self.here is not None:
            yield self.here
        for child in self.children.values():
            yield from child.everything()
