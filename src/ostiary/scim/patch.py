"""PATCH of one resource (RFC 7644 §3.5.2), in the forms that clients send: Entra's and Okta's, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ostiary.errors import DomainError, invalid
from ostiary.names import folded
from ostiary.scim.filters.grammar import read_path
from ostiary.scim.filters.matching import fulfils, implied
from ostiary.scim.filters.nodes import PatchPath
from ostiary.scim.schema.attributes import Attribute, Place, ResourceKind
from ostiary.scim.schema.values import check_required, taken, wrong

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS = 1_000
ADD, REPLACE, REMOVE = "add", "replace", "remove"
_VERBS = (ADD, REPLACE, REMOVE)


@dataclass(frozen=True, slots=True)
class Operation:
    """One change: `path` is None where the value names the attributes itself."""

    verb: str
    path: PatchPath | None
    value: Any


def read_operations(sent: Any) -> list[Operation]:
    """The operations of a PATCH; raises INVALID_PATCH, INVALID_PATH."""
    members = {name.lower(): value for name, value in sent.items()} if isinstance(sent, dict) else {}
    schemas, operations = members.get("schemas"), members.get("operations")
    if not isinstance(schemas, list) or PATCH_SCHEMA not in schemas:
        raise _malformed(f"schemas must name {PATCH_SCHEMA}.")
    if not isinstance(operations, list) or not operations:
        raise _malformed("Operations must be a list of at least one operation.")
    if len(operations) > MAX_OPERATIONS:
        raise invalid("TOO_MANY_OPERATIONS", f"A PATCH has at most {MAX_OPERATIONS} operations.", scim_type="tooMany")
    return [_operation(each) for each in operations]


def _operation(sent: Any) -> Operation:
    members = {name.lower(): value for name, value in sent.items()} if isinstance(sent, dict) else {}
    verb, path = members.get("op"), members.get("path")
    if not isinstance(verb, str) or verb.lower() not in _VERBS:
        raise _malformed("op must be add, replace or remove.")
    if path is not None and not isinstance(path, str):
        raise invalid("INVALID_PATH", "path must be a text.", scim_type="invalidPath")
    verb = verb.lower()
    if verb != REMOVE and "value" not in members:
        raise wrong(f"An operation {verb} has a value.")
    if verb == REMOVE and not path:
        raise invalid("NO_TARGET", "An operation remove has a path.", scim_type="noTarget")
    if not path and not isinstance(members["value"], dict):
        raise wrong("Without a path, value is an object of attributes.")
    return Operation(verb, read_path(path) if path else None, members.get("value"))


def apply(kind: ResourceKind, resource: Mapping[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """The resource after all operations, in their order; `resource` stays as it is.

    It has the form of `values.read_resource`. Raises INVALID_PATH, INVALID_RESOURCE, READ_ONLY, NO_TARGET.
    """
    changed = deepcopy(dict(resource))
    for operation in operations:
        if operation.path is not None:
            _apply(kind, changed, operation.verb, operation.path, operation.value)
            continue
        for name, value in operation.value.items():
            _apply_member(kind, changed, operation.verb, name, value)
    check_required(kind, changed)
    return changed


def _apply_member(kind: ResourceKind, changed: dict[str, Any], verb: str, name: str, value: Any) -> None:
    """One member of a value without a path, whose name may itself be a path. What nobody knows is ignored, and so is
    what only the server sets, unless it is another id."""
    path = _path_of(kind, name)
    place = kind.find(path.name.urn, path.name.name, path.name.part) if path else None
    if path is None or place is None:
        return
    if place.attribute is not None and place.attribute.is_read_only:
        if place.attribute.name == "id" and value != changed.get("id", value):
            raise read_only("id")
        return
    if place.attribute is not None and place.attribute.name == "schemas":
        return
    _apply(kind, changed, verb, path, value)


def _path_of(kind: ResourceKind, name: str) -> PatchPath | None:
    try:
        return read_path(name)
    except DomainError:
        return None


def _apply(kind: ResourceKind, changed: dict[str, Any], verb: str, path: PatchPath, value: Any) -> None:
    place = kind.find(path.name.urn, path.name.name, path.name.part)
    if place is None:
        raise invalid("INVALID_PATH", f"A {kind.name} has no attribute {path.name}.", scim_type="invalidPath")
    if place.attribute is None:
        _apply_extension(kind, changed, verb, place, value)
        return
    if place.attribute.is_read_only:
        raise read_only(place.attribute.name)
    holder = changed.setdefault(place.extension, {}) if place.extension else changed
    _CHANGES[_form(place, path)](holder, verb, place, path, value)
    if place.extension and not holder:
        del changed[place.extension]


def _apply_extension(kind: ResourceKind, changed: dict[str, Any], verb: str, place: Place, value: Any) -> None:
    """An extension as a whole: what is in the value changes, and nothing else, but for a remove."""
    if verb == REMOVE or value is None:
        changed.pop(place.extension, None)
        return
    if not isinstance(value, dict):
        raise wrong(f"{place.extension} must be an object.")
    for name, member in value.items():
        _apply_member(kind, changed, verb, f"{place.extension}:{name}", member)


def _form(place: Place, path: PatchPath) -> str:
    if place.attribute is None or not place.attribute.multi_valued:
        if path.condition is not None:
            raise invalid("INVALID_PATH", f"{path.name} is no list to choose from.", scim_type="invalidPath")
        return "part" if place.part else "single"
    if path.condition is not None:
        return "chosen"
    return "part of each" if place.part else "list"


def _single(holder: dict[str, Any], verb: str, place: Place, path: PatchPath, value: Any) -> None:
    attribute = _attribute(place)
    new = None if verb == REMOVE else taken(attribute, value, lenient=True)
    if new is None and verb == ADD:
        return
    if isinstance(new, dict) and isinstance(holder.get(attribute.name), dict):
        new = _merged(attribute, holder[attribute.name], value, new)
    _set(holder, attribute, new)


def _merged(attribute: Attribute, old: dict[str, Any], sent: Any, new: dict[str, Any]) -> dict[str, Any] | None:
    """The parts of a complex value: those that are not sent stay, and one that is sent as null goes."""
    sent = sent[0] if isinstance(sent, list) and sent else sent
    names = [attribute.parts[name.lower()].name for name in sent if name.lower() in attribute.parts] if isinstance(
        sent, dict
    ) else []  # fmt: skip
    return {**{name: value for name, value in old.items() if name not in names}, **new} or None


def _part(holder: dict[str, Any], verb: str, place: Place, path: PatchPath, value: Any) -> None:
    attribute = _attribute(place)
    whole = dict(holder.get(attribute.name) or {})
    _set_part(whole, verb, _part_of(place), value)
    _set(holder, attribute, whole or None)


def _set_part(entry: dict[str, Any], verb: str, part: Attribute, value: Any) -> None:
    if part.is_read_only:
        raise read_only(part.name)
    new = None if verb == REMOVE else taken(part, value, lenient=True)
    if new is not None:
        entry[part.name] = new
    elif verb != ADD:
        entry.pop(part.name, None)


def _list(holder: dict[str, Any], verb: str, place: Place, path: PatchPath, value: Any) -> None:
    attribute = _attribute(place)
    old: list[Any] = holder.get(attribute.name) or []
    if verb == REMOVE:
        gone = taken(attribute, value, lenient=True) if value is not None else None
        _set(holder, attribute, [each for each in old if not _among(each, gone)] if gone else None)
        return
    new = taken(attribute, value, lenient=True)
    if verb == REPLACE:
        _set(holder, attribute, new)
    elif new:
        _set(holder, attribute, _added(old, new))


def _added(old: list[Any], new: list[Any]) -> list[Any]:
    """The list with new entries. One whose value is there already changes that one; of two primary ones the new one
    is it."""
    entries = list(old)
    for one in new:
        place = next((at for at, each in enumerate(entries) if _same(each, one)), None)
        if isinstance(one, dict) and one.get("primary") is True:
            entries = [{**each, "primary": False} if isinstance(each, dict) else each for each in entries]
        if place is None:
            entries.append(one)
        elif isinstance(one, dict):
            entries[place] = {**entries[place], **one}
    return entries


def _same(one: Any, other: Any) -> bool:
    """Whether two entries are the same value: what else is said of it does not matter."""
    if isinstance(one, dict) and isinstance(other, dict) and "value" in one and "value" in other:
        return folded(str(one["value"])) == folded(str(other["value"]))
    return bool(one == other)


def _among(entry: Any, gone: list[Any]) -> bool:
    return any(_same(entry, each) for each in gone)


def _part_of_each(holder: dict[str, Any], verb: str, place: Place, path: PatchPath, value: Any) -> None:
    attribute = _attribute(place)
    entries = [dict(each) for each in holder.get(attribute.name) or ([{}] if verb != REMOVE else [])]
    for entry in entries:
        _set_part(entry, verb, _part_of(place), value)
    _set(holder, attribute, [each for each in entries if each] or None)


def _chosen(holder: dict[str, Any], verb: str, place: Place, path: PatchPath, value: Any) -> None:
    """The entries that the condition chooses. Where there is none, add and replace make the one that it describes."""
    attribute, condition = _attribute(place), path.condition
    assert condition is not None  # noqa: S101 - `_form` has asked
    part = attribute.parts.get(path.part.lower()) if path.part else None
    if path.part and part is None:
        raise invalid("INVALID_PATH", f"{attribute.name} has no part {path.part}.", scim_type="invalidPath")
    entries = [dict(each) for each in holder.get(attribute.name) or []]
    chosen = [each for each in entries if fulfils(each, condition, attribute.parts)]
    if verb == REMOVE and part is None:
        _set(holder, attribute, [each for each in entries if each not in chosen] or None)
        return
    if not chosen and verb != REMOVE:
        chosen = [_described(path, attribute)]
        entries += chosen
    for entry in chosen:
        _change_entry(entry, verb, attribute, part, value)
        _one_primary(entries, entry)
    _set(holder, attribute, [each for each in entries if each] or None)


def _described(path: PatchPath, attribute: Attribute) -> dict[str, Any]:
    found = implied(path.condition, attribute.parts) if path.condition is not None else None
    if found is None:
        message = f"No entry of {attribute.name} fulfils the condition of the path."
        raise invalid("NO_TARGET", message, scim_type="noTarget")
    return found


def _change_entry(entry: dict[str, Any], verb: str, attribute: Attribute, part: Attribute | None, value: Any) -> None:
    if part is not None:
        _set_part(entry, verb, part, value)
        return
    new = taken(attribute, value, lenient=True)
    if not new or len(new) > 1:
        raise wrong(f"The value for chosen entries of {attribute.name} is one object.")
    if verb == REPLACE:
        entry.clear()
    entry.update(new[0])


def _one_primary(entries: list[dict[str, Any]], changed: dict[str, Any]) -> None:
    if changed.get("primary") is True:
        for each in entries:
            if each is not changed and each.get("primary") is True:
                each["primary"] = False


def _attribute(place: Place) -> Attribute:
    assert place.attribute is not None  # noqa: S101 - `_apply` has asked
    return place.attribute


def _part_of(place: Place) -> Attribute:
    assert place.part is not None  # noqa: S101 - `_form` has asked
    return place.part


def _set(holder: dict[str, Any], attribute: Attribute, value: Any) -> None:
    if value:
        holder[attribute.name] = value
    elif value is False:
        holder[attribute.name] = False
    elif attribute.required:
        message = f"{attribute.name} is required and cannot be removed."
        raise invalid("REQUIRED_ATTRIBUTE", message, scim_type="mutability")
    else:
        holder.pop(attribute.name, None)


_CHANGES: Mapping[str, Callable[[dict[str, Any], str, Place, PatchPath, Any], None]] = {
    "single": _single,
    "part": _part,
    "list": _list,
    "part of each": _part_of_each,
    "chosen": _chosen,
}


def read_only(name: str) -> DomainError:
    """Returns the error for a change of what only the server sets."""
    return invalid("READ_ONLY", f"{name} cannot be changed: only the server sets it.", scim_type="mutability")


def _malformed(message: str) -> DomainError:
    return invalid("INVALID_PATCH", message, scim_type="invalidSyntax")
