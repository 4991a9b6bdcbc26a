"""The page on App ID's settings names every field of every document that the vendor documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contract.served import DATA, documented, without_names

PAGE = (Path(__file__).parents[2] / "docs/compatibility/appid-settings.md").read_text(encoding="utf-8")
SHAPES: dict[str, Any] = json.loads((DATA / "appid_shapes.json").read_text())
OPERATIONS: dict[str, Any] = json.loads((DATA / "appid_operations.json").read_text())
CONFIG = "/config/"


def fields(schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """The fields of a document, by their paths; of a list of documents as `list[].field`."""
    schema = SHAPES[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    items = schema.get("items", {})
    if parts := schema.get("properties"):
        for name, part in parts.items():
            yield from fields(part, f"{where}.{name}" if where else name)
    elif "$ref" in items or "properties" in items:
        yield from fields(items, f"{where}[]")
    else:
        yield where


def test_the_page_says_of_every_setting_what_it_does_here() -> None:
    sections = PAGE.split("\n## ")
    asked = 0
    for operation in documented("appid_management"):
        path, takes = operation["path"], OPERATIONS[operation["number"]].get("takes")
        if operation["verb"] != "PUT" or CONFIG not in path or takes is None:
            continue
        document = path.partition(CONFIG)[2]
        about = "".join(section for section in sections if f"`{document}`" in without_names(section))
        missing = [name for name in fields(SHAPES[takes]) if f"`{name}`" not in about]
        assert missing == [], document
        asked += 1
    assert asked > 15
