"""What the OpenAPI document asks of App ID's clients is what the catalogue of its management API documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from contract.served import DATA, documented, without_names

from ostiary.services.openapi.document import document_file

Schema = dict[str, Any]
DOCUMENT: Schema = json.loads(document_file().read_text(encoding="utf-8"))
SHAPES: Schema = json.loads((DATA / "appid_shapes.json").read_text())
REQUESTS: Schema = json.loads((DATA / "appid_operations.json").read_text())
OPERATIONS = {
    (verb.upper(), without_names(path)): operation
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
}
OURS = {facts["number"]: OPERATIONS[facts["verb"], facts["path"]] for facts in documented("appid_management")}

MORE_IS_TAKEN = {
    "A12": {".refresh.enabled: required", ".anonymousAccess.enabled: required"},  # the vendor's tutorial leaves it out
    "A60": {".user: required"},  # email is taken in its place
    "A68": {".users[].identities[].provider: enum"},  # each user is taken or refused by itself, with 200
    "A96": {".users[].passwordHash: required", ".users[].passwordHashAlg: required"},  # not everybody has a password
}
"""Where we ask for less than is documented, and why."""


def resolved(schema: Schema) -> Schema:
    """The schema behind a reference, with what stands beside it."""
    *_, kind, name = schema.get("$ref", "//").split("/")
    if not name:
        return schema
    found = SHAPES[name] if kind == "shapes" else DOCUMENT["components"]["schemas"][name]
    return {**found, "required": [*found.get("required", ()), *schema.get("required", ())]}


def missing(asked: Schema, ours: Schema, where: str) -> Iterator[str]:
    """What `asked` requires or enumerates and `ours` does not."""
    asked, ours = resolved(asked), resolved(ours)
    if "enum" in asked and "enum" not in ours:
        yield f"{where}: enum"
    yield from (f"{where}.{name}: required" for name in set(asked.get("required", ())) - set(ours.get("required", ())))
    for name, part in asked.get("properties", {}).items():
        if name in ours.get("properties", {}):
            yield from missing(part, ours["properties"][name], f"{where}.{name}")
    if "items" in asked and "items" in ours:
        yield from missing(asked["items"], ours["items"], f"{where}[]")


@pytest.mark.parametrize("number", [number for number, one in REQUESTS.items() if "params" in one])
def test_parameters_of_the_query_are_there_by_their_documented_names(number: str) -> None:
    listed = {one["name"]: one.get("required", False) for one in OURS[number]["parameters"] if one["in"] == "query"}
    for name, facts in REQUESTS[number]["params"].items():
        assert listed.get(name) == facts.get("required", False)


@pytest.mark.parametrize("number", [number for number, one in REQUESTS.items() if "takes" in one])
def test_bodies_require_and_enumerate_what_is_documented(number: str) -> None:
    content = OURS[number]["requestBody"]["content"]
    asked = SHAPES[REQUESTS[number]["takes"]]
    gaps = {gap for kind in content.values() for gap in missing(asked, kind["schema"], "")}
    assert gaps == MORE_IS_TAKEN.get(number, set())


def test_a_dispatcher_that_is_never_tried_is_not_offered() -> None:
    schema = resolved(OURS["A38"]["requestBody"]["content"]["application/json"]["schema"])
    settings = resolved(schema["properties"]["emailSettings"])
    assert settings["properties"]["provider"]["enum"] == ["sendgrid", "custom"]
