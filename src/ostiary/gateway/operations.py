"""REST operations that the descriptors declare: verb, path, and what the gateway must know about each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions, FileDescriptorSet, MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool

import ostiary_api
from ostiary.config import ConfigurationError
from ostiary.gateway.json_bodies import NOT_READ, Shape, Shapes
from ostiary.gateway.templates import segments_of, variables_of
from ostiary.transport.rules import HTTP_BODY
from ostiary_api.options.v1 import rest_pb2 as rest
from ostiary_api.options.v1 import rules_pb2 as options

IN, OUT = "in", "out"
"""The direction of a file that is too long to be held as a whole."""
_WHOLE = frozenset({
    FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
})  # fmt: skip
VERBS = ("get", "put", "post", "delete", "patch")


class GatewayError(ConfigurationError):
    """The descriptors say something that the gateway cannot do; the server does not start."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb on one path.

    `family` is the dialect of errors; `cors` whether any origin may call it; `cacheable` whether its answer is public;
    `repeatable` whether the gateway may send it a second time after the first may have been executed; `bound` the
    names by which a query could name a field that the path binds; `body` the field that the whole body is, if one is;
    `bodied` whether it is a message without which the request is refused; `shape` the number of what its JSON must be,
    NOT_READ where the transcoder reads none; `file` whether it carries a file of any length: IN, OUT or empty;
    `deprecated` whether it says so, `successor` the path that replaces it, if there is one.
    """

    rpc: str
    verb: str
    path: str
    family: options.ErrorFamily.ValueType
    cors: bool
    cacheable: bool
    repeatable: bool
    bound: frozenset[str]
    body: str = ""
    shape: int = NOT_READ
    bodied: bool = False
    file: str = ""
    deprecated: bool = False
    successor: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Interface:
    """All that the gateway must know of the protos. `cross_origin` are the RPCs that browsers of any origin may call
    by gRPC-Web, as paths; `services` those that have REST paths; `descriptors` the set itself, for the transcoder;
    `json_names` what clients call the fields whose JSON name is another than the proto's; `numbers` every spelling of
    the query parameters that are whole numbers; `shapes` what bodies of JSON must be, by number.
    """

    operations: tuple[Operation, ...]
    services: tuple[str, ...]
    cross_origin: tuple[str, ...]
    descriptors: bytes
    json_names: dict[str, str]
    numbers: frozenset[str]
    shapes: tuple[Shape, ...]

    @property
    def uploads(self) -> list[str]:
        """The RPCs that take files, as paths."""
        return sorted({operation.rpc for operation in self.operations if operation.file == IN})


def descriptor_file() -> Path:
    """The descriptor set that the code generator left beside the messages."""
    return next(file for root in ostiary_api.__path__ if (file := Path(root) / "descriptors.binpb").is_file())


@cache
def declared_interface() -> Interface:
    """The interface that this program serves."""
    return read_interface(descriptor_file().read_bytes())


def read_interface(descriptors: bytes) -> Interface:
    """Reads a serialized FileDescriptorSet that includes what it imports. Raises GatewayError with all faults."""
    files = FileDescriptorSet.FromString(descriptors)
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    services = [pool.FindServiceByName(f"{file.package}.{s.name}") for file in files.file for s in file.service]
    methods = [method for service in services for method in service.methods]
    shapes = Shapes()
    operations = tuple(operation for method in methods for operation in _operations(method, shapes))
    faults = list(_disagreements(operations))
    if faults:
        raise GatewayError("\n".join(faults))
    with_rest = {operation.rpc.split("/")[1] for operation in operations}
    return Interface(
        operations=operations,
        services=tuple(service.full_name for service in services if service.full_name in with_rest),
        cross_origin=tuple(_rpc(method) for method in methods if _rules(method).cors),
        descriptors=descriptors,
        json_names=_json_names(pool.FindFileByName(file.name) for file in files.file),
        numbers=_numbers(methods),
        shapes=tuple(shapes.known),
    )


def _rpc(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _rules(method: MethodDescriptor) -> options.MethodRules:
    # The pool is our own, so its options know the extension only after a round trip through the generated class.
    return MethodOptions.FromString(method.GetOptions().SerializeToString()).Extensions[options.rules]


def _family(service: ServiceDescriptor, rules: options.MethodRules) -> options.ErrorFamily.ValueType:
    given = service.GetOptions().SerializeToString()
    shared = type(service.GetOptions()).FromString(given).Extensions[options.service_rules]
    return rules.error_family or shared.error_family


def _operations(method: MethodDescriptor, shapes: Shapes) -> Iterator[Operation]:
    given = MethodOptions.FromString(method.GetOptions().SerializeToString())
    rules = given.Extensions[options.rules]
    http = given.Extensions[annotations_pb2.http]
    reads = given.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    for binding in (http, *http.additional_bindings):
        verb = binding.WhichOneof("pattern")
        if verb is None:
            continue
        if verb not in VERBS:
            raise GatewayError(f"{_rpc(method)}: a custom HTTP verb has no place in the gateway")
        path = getattr(binding, verb)
        yield Operation(
            rpc=_rpc(method),
            verb=verb.upper(),
            path=path,
            family=_family(method.containing_service, rules),
            cors=rules.cors,
            cacheable=verb == "get" and rules.cache == options.CACHE_POLICY_PUBLIC,
            repeatable=verb == "get" and reads and not rules.get_has_side_effects,
            bound=frozenset(name for field in variables_of(path) for name in _query_names(method.input_type, field)),
            body=binding.body.removeprefix("*"),
            shape=shapes.of_body(method, binding.body),
            bodied=_is_required(method.input_type.fields_by_name.get(binding.body)),
            file=_file(method),
            deprecated=rules.deprecated or bool(rules.successor),
            successor=rules.successor,
        )


def _is_required(body: FieldDescriptor | None) -> bool:
    """A body of the server's own reading (HttpBody) is judged by what reads it."""
    if body is None or body.message_type is None or body.message_type.full_name == HTTP_BODY:
        return False
    given = FieldOptions.FromString(body.GetOptions().SerializeToString())
    return not given.Extensions[rest.body].may_be_absent


def _file(method: MethodDescriptor) -> str:
    if method.client_streaming:
        return IN
    return OUT if method.server_streaming and method.output_type.full_name == HTTP_BODY else ""


def _query_names(message: Descriptor, path: str) -> Iterable[str]:
    """Returns every spelling of a field path in a query: each part by its proto name or its JSON name."""
    spellings: list[set[str]] = []
    inside: Any = message
    for part in path.split("."):
        field: FieldDescriptor = inside.fields_by_name[part]
        spellings.append({field.name, field.json_name, field.camelcase_name})
        inside = field.message_type
    return (".".join(parts) for parts in itertools.product(*spellings))


def _json_names(files: Iterable[FileDescriptor]) -> dict[str, str]:
    """JSON name by proto name, for names that every message writes alike."""
    found: dict[str, set[str]] = {}
    for file in files:
        waiting = list(file.message_types_by_name.values())
        while waiting:
            message = waiting.pop()
            waiting += message.nested_types
            for field in message.fields:
                found.setdefault(field.name, set()).add(field.json_name)
    return {name: json.pop() for name, json in found.items() if len(json) == 1 and json != {name}}


def _numbers(methods: Iterable[MethodDescriptor]) -> frozenset[str]:
    """Returns the names of the query parameters that are whole numbers, in any request."""
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for method in methods:
        for field in method.input_type.fields:
            is_number = field.cpp_type in _WHOLE and not field.is_repeated
            names[is_number].update({field.name, field.json_name, field.camelcase_name})
    return frozenset(names[True] - names[False])


def _disagreements(operations: Iterable[Operation]) -> Iterator[str]:
    """Returns conflicts between verbs of a path: errors of unknown verbs and pre-flights are decided for the path as a
    whole."""
    first: dict[tuple[object, ...], Operation] = {}
    seen: set[tuple[object, ...]] = set()
    for operation in operations:
        place = segments_of(operation.path)
        if (place, operation.verb) in seen:
            yield f"{operation.rpc}: {operation.verb} {operation.path} is declared twice"
        seen.add((place, operation.verb))
        other = first.setdefault(place, operation)
        if (other.family, other.cors) != (operation.family, operation.cors):
            yield f"{operation.rpc} and {other.rpc} share {operation.path} but not error_family and cors"
        if operation.family == options.ERROR_FAMILY_UNSPECIFIED:
            yield f"{operation.rpc}: has a REST path but no error family"
