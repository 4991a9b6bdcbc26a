"""Attributes that a caller wants to see (RFC 7644 §3.9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ostiary.errors import DomainError, invalid
from ostiary.scim.filters.grammar import read_path
from ostiary.scim.schema.attributes import Place, ResourceKind

Shown = Mapping[str, Any]
_ALWAYS = frozenset({"schemas", "id"})
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """The attributes of an answer: only those of `only`, or all but those of `without`; all, where both are None."""

    only: tuple[Place, ...] | None = None
    without: tuple[Place, ...] | None = None

    def shows(self, name: str) -> bool:
        """Whether any of an attribute of the core schema is shown, so that it must be read."""
        if self.only is not None:
            return any(_is(place, name) for place in self.only)
        return not any(_is(place, name) and place.part is None for place in self.without or ())

    def of(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource with the chosen attributes."""
        if self.only is not None:
            return _only(resource, self.only)
        return _without(resource, self.without) if self.without else resource


EVERYTHING = Chosen()


def chosen_attributes(kind: ResourceKind, attributes: str, excluded: str) -> Chosen:
    """Reads the query parameters `attributes` and `excludedAttributes`: names with commas between them.

    Names that nobody knows choose nothing. Raises INVALID_ATTRIBUTES for both at once, and for what is no name.
    """
    if not attributes and not excluded:
        return EVERYTHING
    return chosen_names(kind, attributes.split(","), excluded.split(","))


def chosen_names(kind: ResourceKind, attributes: Iterable[str], excluded: Iterable[str]) -> Chosen:
    """The same of names in lists, as a search by POST has them."""
    only, without = (tuple(filter(None, map(str.strip, names))) for names in (attributes, excluded))
    if only and without:
        raise _wrong("send either attributes or excludedAttributes, not both")
    if len(only) + len(without) > MAX_NAMES:
        raise _wrong(f"they name at most {MAX_NAMES}")
    if only:
        return Chosen(only=_places(kind.name, kind, only))
    return Chosen(without=_places(kind.name, kind, without)) if without else EVERYTHING


@lru_cache(maxsize=256)
def _found(kind_name: str, name: str) -> Any:
    try:
        return read_path(name)
    except DomainError as error:
        raise _wrong(f"{name} is no name of an attribute") from error


def _places(kind_name: str, kind: ResourceKind, names: Iterable[str]) -> tuple[Place, ...]:
    found = []
    for name in names:
        path = _found(kind_name, name)
        if path.condition is not None:
            raise _wrong(f"{name} is no name of an attribute")
        if name.lower() in kind.extensions:
            found.append(Place(None, extension=kind.extensions[name.lower()][0]))
            continue
        place = kind.find(path.name.urn, path.name.name, path.name.part)
        if place is not None:
            found.append(place)
    return tuple(found)


def _is(place: Place, name: str) -> bool:
    return place.attribute is not None and place.attribute.name == name and not place.extension


def _only(resource: dict[str, Any], places: tuple[Place, ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: resource[name] for name in ("schemas", "id") if name in resource}
    for place in places:
        source: Any = resource.get(place.extension) if place.extension else resource
        if source is None:
            continue
        if place.attribute is None:
            kept[place.extension] = source
            continue
        name = place.attribute.name
        if name not in source:
            continue
        target = kept.setdefault(place.extension, {}) if place.extension else kept
        target[name] = source[name] if place.part is None else _merged(target.get(name), source[name], place.part.name)
    return kept


def _merged(kept: Any, value: Any, part: str) -> Any:
    """A complex value with one more of its parts; entries without any part stay, so that each is in its place."""
    if isinstance(value, list):
        before = kept if isinstance(kept, list) else [{} for _ in value]
        return [{**one, part: entry[part]} if part in entry else one for one, entry in zip(before, value, strict=True)]
    return {**(kept or {}), **({part: value[part]} if part in value else {})}


def _without(resource: dict[str, Any], places: tuple[Place, ...]) -> dict[str, Any]:
    kept = dict(resource)
    for place in places:
        if place.attribute is None:
            kept.pop(place.extension, None)
            continue
        name = place.attribute.name
        if name in _ALWAYS and not place.extension:
            continue
        holder = kept
        if place.extension:
            if place.extension not in kept:
                continue
            holder = kept[place.extension] = dict(kept[place.extension])
        if place.part is None:
            holder.pop(name, None)
        elif name in holder:
            holder[name] = _lessened(holder[name], place.part.name)
    return kept


def _lessened(value: Any, part: str) -> Any:
    if isinstance(value, list):
        return [_lessened(each, part) for each in value]
    return {name: member for name, member in value.items() if name != part}


def _wrong(why: str) -> DomainError:
    return invalid("INVALID_ATTRIBUTES", f"The attributes cannot be chosen: {why}.", scim_type="invalidValue")
