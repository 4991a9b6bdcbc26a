"""Documented shapes (`tests/contract/data/appid_shapes.json`): whether a document has one, and how it may be broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from contract.served import DATA
from jsonschema import Draft202012Validator, FormatChecker

Json = Any
Claim = tuple[str, Json]
"""What is wrong with (or new in) a document, and the document."""

SHAPES: dict[str, Json] = json.loads((DATA / "appid_shapes.json").read_text())
FORMATS = FormatChecker(("uuid", "email"))
WRONG_TYPE = {"boolean": "perhaps", "integer": "many", "string": {"an": "object"}, "array": 7, "object": "text"}
WRONG_FORMAT = {"uri": "nowhere", "email": "nobody", "uuid": "nothing"}


@FORMATS.checks("uri")
def _is_uri(text: object) -> bool:
    return not isinstance(text, str) or bool(urlsplit(text).scheme and urlsplit(text).netloc)


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"shapes": SHAPES, "$ref": f"#/shapes/{name}"}, format_checker=FORMATS)


def faults(name: str, document: Json) -> list[str]:
    """Where a document does not have the shape `name`."""
    return [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]


def resolved(shape: Json) -> Json:
    """A shape without the reference at its top."""
    while "$ref" in shape:
        shape = SHAPES[shape["$ref"].rpartition("/")[2]]
    return shape


def broken(shape: Json, document: Json, where: str = "") -> Iterator[Claim]:
    """Copies of a right document, each beyond one documented limit."""
    shape = resolved(shape)
    for claim, bad in _beyond(shape, document):
        yield f"{where or 'body'} {claim}", bad
    for name, part in shape.get("properties", {}).items():
        if name in document:
            if name in shape.get("required", ()):
                yield f"{where}{'.' * bool(where)}{name} missing", _without(document, name)
            inner = broken(part, document[name], f"{where}{'.' * bool(where)}{name}")
            yield from ((claim, {**document, name: bad}) for claim, bad in inner)
    if shape.get("type") == "array" and document:
        yield from ((claim, [bad, *document[1:]]) for claim, bad in broken(shape["items"], document[0], f"{where}[]"))


def _beyond(shape: Json, value: Json) -> Iterator[Claim]:
    kinds = shape.get("type", [])
    if isinstance(kinds, str):
        yield f"no {kinds}", WRONG_TYPE[kinds]
    if "enum" in shape:
        yield "none of its values", "none of these"
    if "minimum" in shape:
        yield f"below {shape['minimum']}", shape["minimum"] - 1
    if "maximum" in shape:
        yield f"above {shape['maximum']}", shape["maximum"] + 1
    if "maxLength" in shape:
        yield f"longer than {shape['maxLength']}", "x" * (shape["maxLength"] + 1)
    if "pattern" in shape:
        yield "against its pattern", "~ not this"
    if "format" in shape and shape["format"] in WRONG_FORMAT:
        yield f"no {shape['format']}", WRONG_FORMAT[shape["format"]]
    if "minItems" in shape:
        yield f"fewer than {shape['minItems']}", value[: shape["minItems"] - 1]
    if "maxItems" in shape:
        more = [f"{one}{n}" if isinstance(one, str) else one for one in value[:1] for n in range(shape["maxItems"] + 1)]
        yield f"more than {shape['maxItems']}", more


def at_their_limits(shape: Json, document: Json, where: str = "") -> Iterator[Claim]:
    """Copies of a right document, each with one value that is just still right."""
    shape = resolved(shape)
    edges = [*shape.get("enum", ()), *(shape[name] for name in ("minimum", "maximum") if name in shape)]
    if "maxLength" in shape:
        edges.append("x" * shape["maxLength"])
    yield from ((f"{where} {edge!s:.40}", edge) for edge in edges if edge != document)
    for name, part in shape.get("properties", {}).items():
        if name in document:
            inner = at_their_limits(part, document[name], f"{where}{'.' * bool(where)}{name}")
            yield from ((claim, {**document, name: edge}) for claim, edge in inner)
    if shape.get("type") == "array" and document:
        inner = at_their_limits(shape["items"], document[0], f"{where}[]")
        yield from ((claim, [edge, *document[1:]]) for claim, edge in inner)


def with_each_value(document: Json, value: Json) -> Iterator[Json]:
    """Copies of a document, each with another of its texts, numbers, truths or lists replaced."""
    if isinstance(document, dict):
        for name, part in document.items():
            yield from ({**document, name: changed} for changed in with_each_value(part, value))
    elif isinstance(document, list):
        yield value
        for index, part in enumerate(document):
            yield from (
                [*document[:index], changed, *document[index + 1 :]] for changed in with_each_value(part, value)
            )
    else:
        yield value


def with_strangers(shape: Json, document: Json, strangers: dict[str, Json]) -> Json:
    """The document with members that its shape does not name, in each of its objects."""
    shape = resolved(shape)
    if isinstance(document, list):
        return [with_strangers(shape["items"], item, strangers) for item in document]
    if not isinstance(document, dict) or "properties" not in shape:
        return copy.deepcopy(document)
    known = shape["properties"]
    inner = {
        name: with_strangers(known[name], part, strangers) if name in known else part for name, part in document.items()
    }
    return {**{name: value for name, value in strangers.items() if name not in known}, **inner}


def defaults(shape: Json, document: Json, where: str = "") -> Iterator[tuple[str, Json, Json]]:
    """Each documented default with what the document has in its place."""
    shape = resolved(shape)
    for name, part in shape.get("properties", {}).items():
        if isinstance(document, dict) and name in document:
            part = resolved(part)
            if "default" in part:
                yield f"{where}{name}", part["default"], document[name]
            yield from defaults(part, document[name], f"{where}{name}.")


def lacks(document: Json, wanted: Json, where: str = "$") -> list[str]:
    """What of `wanted` is not in the document, at whatever depth; further members may be."""
    if isinstance(wanted, dict) and isinstance(document, dict):
        return [fault for name in wanted for fault in lacks(document.get(name), wanted[name], f"{where}.{name}")]
    return [] if document == wanted else [f"{where}: {document!r}, not {wanted!r}"]


def _without(document: Json, name: str) -> Json:
    return {key: value for key, value in document.items() if key != name}
