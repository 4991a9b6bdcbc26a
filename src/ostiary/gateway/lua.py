"""Tables of the Lua filter, written from the descriptors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grpc import StatusCode

from ostiary.gateway.json_bodies import NOT_READ, Shape
from ostiary.gateway.refusals import CONNECT, MAX_HEADERS, MAX_HEADERS_KIB, RefusalResponse
from ostiary.gateway.routes import DeclaredPath
from ostiary.gateway.templates import Node, Segment
from ostiary.transport.rules import DEPRECATED_SINCE, successor_link


@dataclass(frozen=True, slots=True)
class Tables:
    """The data of the filter: the tree of paths, the refusals of each family, the family of unknown paths, the
    Cache-Control of errors, the names of fields in clients' words, and the query parameters that are whole numbers.
    `beginnings`: the family of what is below a path, those first that are compared first."""

    paths: Node[DeclaredPath]
    answers: Mapping[str, Mapping[str, RefusalResponse]]
    otherwise: str
    no_store: str
    json_names: Mapping[str, str]
    numbers: frozenset[str]
    shapes: Sequence[Shape]
    beginnings: list[list[str]]


OUR_HEADERS = 12
"""Headers that Envoy itself makes of a request and adds to it, such as `:path` and `x-request-id`."""


def script(tables: Tables, *logic: Path) -> str:
    """The whole filter but `MAX_BODY`, which comes before it: tables, then `logic`."""
    families = {
        family: {name: _answer(answer) for name, answer in named.items()} for family, named in tables.answers.items()
    }
    operations = [operation for place in tables.paths.everything() for operation in place.operations.values()]
    return "\n".join(
        [
            f"local DEPRECATED_SINCE = {literal(DEPRECATED_SINCE)}",
            f"local NO_STORE = {literal(tables.no_store)}",
            f"local OTHERWISE = {literal(tables.otherwise)}",
            f"local PATHS = {literal(_node(tables.paths))}",
            f"local ANSWERS = {literal(families)}",
            f"local BODIES = {literal({operation.body: True for operation in operations if operation.body})}",
            f"local JSON_NAMES = {literal(tables.json_names)}",
            f"local NUMBERS = {literal(dict.fromkeys(sorted(tables.numbers), True))}",
            f"local CONNECT = {literal(_answer(CONNECT))}",
            f"local MAX_HEADERS, MAX_HEADER_BYTES = {MAX_HEADERS + OUR_HEADERS}, {MAX_HEADERS_KIB << 10}",
            f"local BEGINNINGS = {literal(tables.beginnings)}",
            f"local SHAPES = {literal([_shape(shape) for shape in tables.shapes])}",
            *(file.read_text(encoding="utf-8") for file in logic),
        ]
    )


NATIVE_TYPES = ("application/grpc", "application/grpc+proto")
"""The content types of native gRPC in the encoding that is spoken here."""
NO_TRAILERS = (
    str(StatusCode.UNIMPLEMENTED.value[0]),
    "gRPC needs HTTP/2 on the whole way and te: trailers; a proxy in between speaks HTTP/1.1 or takes trailers away.",
)
"""The status and the message for a call that has lost what gRPC needs."""


def not_grpc(answers: Mapping[str, RefusalResponse], logic: Path) -> str:
    """The filter of what calls itself gRPC and is none that is spoken here: its answers, then `logic`."""
    told = {"WRONG_METHOD": answers["405"], "WRONG_ENCODING": answers["415"]}
    constants = [f"local {name} = {literal(_answer(answer))}" for name, answer in told.items()]
    constants.append(f"local SPOKEN = {literal(dict.fromkeys(NATIVE_TYPES, True))}")
    constants.append(f"local NO_TRAILERS = {literal(list(NO_TRAILERS))}")
    return "\n".join([*constants, logic.read_text(encoding="utf-8")])


def _shape(shape: Shape) -> dict[str, object]:
    known = {"opens": shape.opens, "fields": shape.fields, "names": shape.names, "each": shape.each}
    return {"wanted": shape.wanted, **{name: value for name, value in known.items() if value is not None}}


def _answer(answer: RefusalResponse) -> list[str]:
    return [str(answer.status), answer.content_type, answer.body]


def literal(value: object) -> str:
    """`value` (text, true, whole numbers, lists, mappings with text keys) as Lua."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"[{literal(key)}] = {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(literal(item) for item in value) + "}"
    if value is True:
        return "true"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"no Lua for {value!r}")
    # Decimal escapes of all that is not plain, so that no text can end its quotes.
    return '"' + "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else _escaped(c) for c in value) + '"'


def _escaped(character: str) -> str:
    return "".join(f"\\{byte:03d}" for byte in character.encode())


def _node(node: Node[DeclaredPath]) -> dict[str, object]:
    table: dict[str, object] = {}
    literals = {segment.literal: _node(child) for segment, child in node.ordered() if segment.literal}
    if literals:
        table["n"] = literals
    verbs: list[object] = [
        [segment.suffix, _node(child)] for segment, child in node.ordered() if segment.suffix and not segment.deep
    ]
    if verbs:
        table["s"] = verbs
    for key, segment in (("v", Segment()), ("d", Segment(deep=True))):
        if segment in node.children:
            table[key] = _node(node.children[segment])
    if node.here is not None:
        table["t"] = _terminal(node.here)
    return table


def _terminal(place: DeclaredPath) -> dict[str, object]:
    allowed = [*place.allowed, *(["OPTIONS"] if place.traits.cors else [])]
    public: dict[str, object] = {"public": True} if place.traits.cacheable else {}
    return {
        **public,
        "allow": ", ".join(allowed),
        "family": place.traits.family,
        "json": {verb: one.shape for verb, one in place.operations.items() if one.shape != NOT_READ},
        "verbs": {verb: _link(place, verb) for verb in place.allowed},
        "bodied": {verb: True for verb, operation in place.operations.items() if operation.bodied},
        "bound": {name: True for operation in place.operations.values() for name in sorted(operation.bound)},
    }


def _link(place: DeclaredPath, verb: str) -> str | bool:
    """The Link of a deprecated operation, empty where nothing replaces it; True for one that is not deprecated."""
    operation = place.operations["GET" if verb == "HEAD" else verb]
    if not operation.deprecated:
        return True
    return successor_link(operation.successor) if operation.successor else ""
