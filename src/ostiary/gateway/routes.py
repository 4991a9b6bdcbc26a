"""Route table: the fewest prefixes that give every declared path its error family, CORS, caching and retries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ostiary.gateway.operations import Operation
from ostiary.gateway.templates import Node, Segment, segments_of, shown
from ostiary_api.options.v1 import rules_pb2 as options

CLOUD_DIRECTORY = Segment(literal="cloud_directory")


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties of a path in the gateway. `repeatable` and `cacheable` are those of GET: None where the path has
    no GET. `file`: the direction of a file of any length, empty if there is none."""

    family: str
    cors: bool = False
    file: str = ""
    repeatable: bool | None = None
    cacheable: bool | None = None

    @property
    def closed(self) -> Traits:
        """The same, but closed to other origins and kept by no cache: what may hold below a declared path."""
        return replace(self, cors=False, file="", cacheable=None if self.cacheable is None else False)

    def merged(self, other: Traits) -> Traits | None:
        """Traits that suit both, or None when there are none."""
        if (self.family, self.cors, self.file) != (other.family, other.cors, other.file):
            return None
        if self.repeatable is None:
            return other
        return self if other.repeatable is None or self == other else None

    def suits(self, other: Traits) -> bool:
        """Whether a path with traits `other` is well served where these hold."""
        return self.merged(other) == self


@dataclass(frozen=True, slots=True)
class Route:
    """An entry of the table; the first that matches is used. `subtree`: the place and all below it."""

    segments: tuple[Segment, ...]
    traits: Traits
    subtree: bool = True

    @property
    def literal(self) -> str:
        """Returns the path if it contains no variable, else empty; Envoy compares a prefix faster than a pattern."""
        plain = all(segment.literal for segment in self.segments)
        return "/" + "/".join(segment.literal for segment in self.segments) if plain else ""

    @property
    def name(self) -> str:
        """The route in a log: `/management/v4/{}/cloud_directory/**`."""
        return shown(self.segments).rstrip("/") + ("/**" if self.subtree else "")

    @property
    def pattern(self) -> str:
        """A regular expression (RE2) of whole paths."""
        path = "".join(f"/{segment.pattern}" for segment in self.segments)
        return path + ("(/.*)?" if self.subtree else "/?")


@dataclass(slots=True)
class DeclaredPath:
    """A declared path: the operations on it, by verb, and what they have in common."""

    segments: tuple[Segment, ...]
    operations: dict[str, Operation]

    @property
    def traits(self) -> Traits:
        """The traits of this path."""
        some = next(iter(self.operations.values()))
        get = self.operations.get("GET")
        return Traits(
            family_name(some.family, self.segments),
            some.cors,
            next((operation.file for operation in self.operations.values() if operation.file), ""),
            get.repeatable if get else None,
            get.cacheable if get else None,
        )

    @property
    def allowed(self) -> tuple[str, ...]:
        """The verbs of this path in the order of Allow. A GET without side effects answers HEAD too."""
        get = self.operations.get("GET")
        verbs = {*self.operations, *(("HEAD",) if get and get.repeatable else ())}
        return tuple(verb for verb in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") if verb in verbs)


def family_name(family: options.ErrorFamily.ValueType, segments: tuple[Segment, ...] = ()) -> str:
    """`appid`, `oauth`, …; App ID's user management adds the SCIM fields to its errors: `appid_users`."""
    name = options.ErrorFamily.Name(family).removeprefix("ERROR_FAMILY_").lower()
    # /management/v4/{tenant}/cloud_directory/…, not /management/v4/{tenant}/config/cloud_directory/…
    return "appid_users" if name == "appid" and segments[3:4] == (CLOUD_DIRECTORY,) else name


def tree_of(operations: Iterable[Operation]) -> Node[DeclaredPath]:
    """The tree of all declared paths."""
    root: Node[DeclaredPath] = Node()
    for operation in operations:
        segments = segments_of(operation.path)
        node = root.descend(segments)
        if node.here is None:
            node.here = DeclaredPath(segments, {})
        node.here.operations[operation.verb] = operation
    return root


def route_table(root: Node[DeclaredPath], otherwise: Traits) -> list[Route]:
    """The table for a tree; `otherwise` is what a path has that no route names, and ends the table."""
    return [*_below(root, (), otherwise, forced=False), Route((), otherwise)]


def _below(node: Node[DeclaredPath], at: tuple[Segment, ...], inherited: Traits, *, forced: bool) -> Iterator[Route]:
    """Routes for the subtree at `at`, where `inherited` holds unless they say otherwise. `forced`: say it anyway,
    because a sibling that takes anything would match first."""
    places = list(node.everything())
    common = _merged(place.traits for place in places)
    if common is not None and common == common.closed:
        if forced or not inherited.suits(common):
            yield Route(at, common)
        return
    held = _prevailing(places, inherited) if at else inherited
    if node.here is not None and not held.suits(node.here.traits):
        yield Route(at, node.here.traits, subtree=False)
    below: list[list[Route]] = []
    covered = False
    for segment, child in reversed(list(node.ordered())):
        routes = list(_below(child, (*at, segment), held, forced=covered))
        below.append(routes)
        covered |= bool(routes) and not segment.literal
    for routes in reversed(below):
        yield from routes
    if forced or held != inherited:
        yield Route(at, held)


def _merged(traits: Iterable[Traits]) -> Traits | None:
    merged: Traits | None = None
    for one in traits:
        merged = one if merged is None else merged.merged(one)
        if merged is None:
            return None
    return merged


def _prevailing(places: Iterable[DeclaredPath], inherited: Traits) -> Traits:
    """The traits that suit most of `places`: what is the rule needs no route, what is the exception does."""
    groups: list[tuple[Traits, int]] = [(inherited, 0)]
    for place in places:
        for index, (traits, count) in enumerate(groups):
            if (merged := traits.merged(place.traits.closed)) is not None:
                groups[index] = (merged, count + 1)
                break
        else:
            groups.append((place.traits.closed, 1))
    return max(groups, key=lambda group: group[1])[0]
