"""The limits that the OpenAPI document names are the server's: one step beyond each is refused.

Not a part of `make test`, whose tests say what they send: `make fuzz`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from kit.operations.documented import BY_DIALECT, DOCUMENT, NEEDS_MORE, OPERATIONS, Known, World, good_cases, prepared
from kit.servers.served import served
from schemathesis.core import NOT_SET
from schemathesis.generation.case import Case

EXAMPLES, ENOUGH = 24, 3
LARGEST = 2**31 - 1
BODIES = [
    label
    for label in BY_DIALECT
    if label not in NEEDS_MORE
    and "application/json" in str(OPERATIONS[label].definition.raw.get("requestBody"))
    and "303" not in OPERATIONS[label].definition.raw["responses"]  # which tells clients what was wrong, too
]
_MANAGEMENT = "/management/v4/{tenantId}"
NOT_LOOKED_AT = (
    (f"PUT {_MANAGEMENT}/cloud_directory/Users/{{userId}}", "password"),  # is not changed there
    (f"PUT {_MANAGEMENT}/config/cloud_directory/password_regex", "regex: maxLength"),  # beside one in base64
    (f"PUT {_MANAGEMENT}/config/cloud_directory/email_dispatcher", "custom: authorization"),  # those of another type
    (f"POST {_MANAGEMENT}/cloud_directory/import", "users: items"),  # each is taken or refused by itself, with 200
    (f"POST {_MANAGEMENT}/users/import", "users: items"),
    ("POST /scim/v2/Bulk", "Operations: items: data"),  # the same
    ("POST /scim/v2/Groups", "members: items"),  # an entry without values is left out
    ("PUT /scim/v2/Groups/{id}", "members: items"),
    (f"POST {_MANAGEMENT}/cloud_directory/forgot_password", "user: minLength"),  # beside an email
)
"""Fields that an operation ignores in some requests, or refuses by themselves, as its description says."""
Schema = dict[str, Any]


class Found(Exception):
    """There are enough."""


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, Known]]]:
    with served(tmp_path_factory.mktemp("limits"), workers=1) as server:
        yield prepared(server, BODIES)


def resolved(schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    if not name:
        return schema
    found = DOCUMENT["components"]["schemas"][name]
    return {**found, "required": [*found.get("required", ()), *schema.get("required", ())]}


def beyond(schema: Schema, value: Any) -> Iterator[tuple[str, Any]]:
    """Values like `value` but for one limit each, with the limit."""
    schema = resolved(schema)
    match value:
        case dict():
            yield from beyond_object(schema, value)
        case list():
            yield from beyond_list(schema, value)
        case str():
            yield from beyond_text(schema)
        case int() | float() if not isinstance(value, bool):
            if schema.get("minimum", -LARGEST) > -LARGEST:
                yield "minimum", schema["minimum"] - 1
            if schema.get("maximum", LARGEST) < LARGEST:
                yield "maximum", schema["maximum"] + 1


def beyond_object(schema: Schema, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in schema.get("required", ()):
        yield f"{name} is required", {key: part for key, part in value.items() if key != name}
    for name, part in value.items():
        for limit, wrong in beyond(schema.get("properties", {}).get(name, {}), part):
            yield f"{name}: {limit}", {**value, name: wrong}


def beyond_list(schema: Schema, value: list[Any]) -> Iterator[tuple[str, Any]]:
    if schema.get("minItems"):
        yield "minItems", []
    if value and isinstance(value[0], str):
        yield "type", value[0]
    if value and "maxItems" in schema:
        yield "maxItems", [numbered(value[0], number) for number in range(schema["maxItems"] + 1)]
    if value:
        yield from (
            (f"items: {limit}", [wrong, *value[1:]]) for limit, wrong in beyond(schema.get("items", {}), value[0])
        )


def numbered(item: Any, number: int) -> Any:
    """Another one each time, where a list holds each once."""
    return f"{item}{number}" if isinstance(item, str) else item


def beyond_text(schema: Schema) -> Iterator[tuple[str, Any]]:
    if schema.get("minLength"):
        yield "minLength", ""
    if "maxLength" in schema:
        yield "maxLength", "a" * (schema["maxLength"] + 1)
    if "enum" in schema:
        yield "enum", "neither"
    if "pattern" in schema and not re.search(schema["pattern"], ""):
        yield "pattern, when empty", ""
    if "pattern" in schema:
        yield "pattern", next(text for text in ("a\nb", "!", "a:b") if not re.search(schema["pattern"], text))


def _no_body(label: str) -> Iterator[tuple[str, Any]]:
    if OPERATIONS[label].definition.raw["requestBody"]["required"]:
        yield "a body is required", NOT_SET


@pytest.mark.parametrize("label", BODIES)
def test_one_step_beyond_is_refused(tenant: tuple[World, dict[str, Known]], label: str) -> None:
    world, everything = tenant
    about, accepted, said = everything[label], list[Case](), set[str]()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=good_cases(label, about, "application/json"))
    def collect(case: Case) -> None:
        if len(accepted) >= ENOUGH:
            raise Found  # which is how one leaves: making more requests takes longer than sending them
        if succeeds(case):
            accepted.append(case)

    def succeeds(case: Case) -> bool:
        case.headers.clear()
        answer = case.call(world.server.url, world.session, about.headers, allow_redirects=False, timeout=60)
        said.add(answer.content.decode(errors="replace")[:500])
        return bool(answer.status_code < 300)

    with contextlib.suppress(Found):
        collect()
    assert accepted, f"what the document asks for does not suffice: {said}"
    case = max(accepted, key=lambda one: len(str(one.body)))
    schema = OPERATIONS[label].definition.raw["requestBody"]["content"]["application/json"]["schema"]
    taken = []
    wrong = [*beyond(schema, case.body), *(_no_body(label))]
    for limit, body in wrong:
        case.body = body
        looked_at = not any(label == other and limit.startswith(place) for other, place in NOT_LOOKED_AT)
        if succeeds(case) and looked_at:
            taken.append(limit)
    assert not taken
