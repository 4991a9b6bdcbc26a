"""The OpenAPI document says what the descriptors say, of every REST path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from contract.served import RPCS, without_names
from kit.cases import in_one_test
from openapi_spec_validator import OpenAPIV31SpecValidator

from ostiary.services.openapi.document import document_file
from ostiary_api.options.v1 import rest_pb2
from ostiary_api.options.v1 import rules_pb2 as options

DOCUMENT: dict[str, Any] = json.loads(document_file().read_text(encoding="utf-8"))
OPERATIONS = {
    (verb.upper(), without_names(path)): operation
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
}
REST = [(rpc, route) for rpc in RPCS for route in rpc.rules.routes]
each_route = in_one_test("rpc, route", REST, lambda case: f"{case[1].verb} {case[1].path}")


def test_it_is_valid() -> None:
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_it_has_every_rest_path_and_no_other() -> None:
    assert set(OPERATIONS) == {(route.verb, without_names(route.path)) for _, route in REST}


@each_route
def test_it_says_who_may_call(rpc: Any, route: Any) -> None:
    operation = OPERATIONS[route.verb, without_names(route.path)]
    named = set().union(*(names for way in operation["security"] for names in way.values()))
    roles = {options.Role.Name(role).removeprefix("ROLE_").lower() for role in rpc.rules.roles}
    assert named == (set(rpc.rules.need.scopes) if options.ROLE_END_USER in rpc.rules.roles else roles)
    assert ({} in operation["security"]) == rpc.rules.need.anonymous
    told = any(one.status == 401 for one in rpc.descriptor.GetOptions().Extensions[rest_pb2.answers])
    assert ("401" in operation["responses"]) == bool(roles or rpc.rules.own_credentials or told)


@each_route
def test_it_says_how_success_and_failure_look(rpc: Any, route: Any) -> None:
    operation = OPERATIONS[route.verb, without_names(route.path)]
    successes = [status for status in operation["responses"] if status < "400"]
    assert str(rpc.rules.success_status) in successes
    assert {"400", "429", "500", "503", "504"} <= set(operation["responses"])
    assert operation.get("deprecated", False) == rpc.rules.deprecated


def test_everything_is_described() -> None:
    schemas = {name: schema for name, schema in DOCUMENT["components"]["schemas"].items() if "errors." not in name}
    fields = {
        f"{name}.{field}": value for name, schema in schemas.items() for field, value in schema["properties"].items()
    }
    undescribed = [name for name, value in {**schemas, **fields}.items() if not value.get("description")]
    unsaid = [key for key, operation in OPERATIONS.items() if not operation["summary"]]
    assert not undescribed + unsaid


def test_everything_that_is_referred_to_is_there() -> None:
    for kind, name in set(re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(DOCUMENT))):
        assert name in DOCUMENT["components"][kind], name


def parts(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document with where it stands."""
    if isinstance(schema, dict):
        yield place, schema
        for name, part in schema.items():
            yield from parts(part, f"{place}/{name}")
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from parts(part, f"{place}/{number}")


def test_generators_of_clients_know_what_each_list_holds_and_no_type_is_null_alone() -> None:
    odd = []
    for place, schema in parts({**DOCUMENT["components"], "paths": DOCUMENT["paths"]}, ""):
        types = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
        if ("array" in types and not schema.get("items")) or types == ["null"]:
            odd.append(place)
    assert not odd


def test_a_file_in_a_form_is_bytes_as_they_are() -> None:
    forms = [
        content["multipart/form-data"]
        for operation in OPERATIONS.values()
        if (content := operation.get("requestBody", {}).get("content", {})).get("multipart/form-data")
    ]
    files = []
    for form in forms:
        schema = DOCUMENT["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]
        assert "contentEncoding" not in json.dumps(schema)
        files += [schema["properties"][name] for name in form.get("encoding", {})]
    assert files
    for file in files:
        described = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
        assert {name: value for name, value in file.items() if name != "description"} == described


@pytest.mark.parametrize(
    ("key", "parameter"),
    [
        (("GET", "/management/v4/{}/recent_authentications"), "count"),
        (("GET", "/management/v4/{}/users/export"), "count"),
    ],
)
def test_bounds_that_are_enforced_are_written(key: tuple[str, str], parameter: str) -> None:
    (schema,) = [one["schema"] for one in OPERATIONS[key]["parameters"] if one["name"] == parameter]
    assert (schema["minimum"], schema["maximum"]) == (0, 100)
