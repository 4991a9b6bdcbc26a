"""Requests: parameters and body of an operation."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

from ostiary.gateway.templates import variables_of
from ostiary.openapi.bounds import allowed_of
from ostiary.openapi.comments import Comments
from ostiary.openapi.schemas import DescriptionError, Schema, Schemas, Shape
from ostiary.transport.rules import Route, Rules
from ostiary_api.options.v1 import rest_pb2 as rest
from ostiary_api.options.v1 import rules_pb2 as options

HTTP_BODY = "google.api.HttpBody"
FORM = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
_MEDIA_TYPES = {
    "form": FORM,
    "page": ("application/x-www-form-urlencoded",),
    "multipart": ("multipart/form-data",),
    "json": ("application/json",),
}


class Requests:
    """Describes requests; the schemas of their messages go to `schemas`."""

    def __init__(self, schemas: Schemas, comments: Comments) -> None:
        self._schemas = schemas
        self._comments = comments

    def parameters(self, method: MethodDescriptor, rules: Rules, route: Route) -> list[Schema]:
        """The Parameter Objects of the path, the query and the headers."""
        bound = variables_of(route.path)
        fields = method.input_type.fields_by_name
        path = [self._in_path(fields[name], rules) for name in bound]
        body = body_field(method, route)
        query = [
            self._in_query(field) for field in method.input_type.fields if field.name not in bound and field is not body
        ]
        return [*path, *query, *_in_headers(method, rules)]

    def _in_path(self, field: FieldDescriptor, rules: Rules) -> Schema:
        described = self._schemas.field(field, Shape.REQUEST)
        comment = described.pop("description", "")
        shape = {"format": "uuid"} if field.name == rules.tenant_field else {}
        schema = {**described, **shape, "minLength": max(1, described.get("minLength", 1))}
        return {"name": field.json_name, "in": "path", "required": True, "description": comment, "schema": schema}

    def _in_query(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            raise DescriptionError(f"{field.full_name} would be in the query; bind it as the body")
        described = self._schemas.field(field, Shape.REQUEST)
        comment = described.pop("description", "")
        required = {"required": True} if allowed_of(field).required else {}
        return {"name": field.json_name, "in": "query", "description": comment, **required, "schema": described}

    def body(self, method: MethodDescriptor, route: Route) -> Schema | None:
        """The Request Body Object; None for requests without a body."""
        field = body_field(method, route)
        if field is None:
            return None
        if field.message_type is None:
            raise DescriptionError(f"{field.full_name} cannot be a body: it is no message")
        described = field.GetOptions().Extensions[rest.body]
        if field.message_type.full_name != HTTP_BODY:
            content = {"application/json": {"schema": self._schemas.value(field, Shape.REQUEST)}}
        else:
            content = dict(self._contents(method, field, variables_of(route.path)))
        return {
            "description": self._comments.of(field.full_name),
            "required": not described.may_be_absent,
            "content": content,
        }

    def _contents(
        self, method: MethodDescriptor, field: FieldDescriptor, in_path: Collection[str]
    ) -> Iterator[tuple[str, Schema]]:
        body = field.GetOptions().Extensions[rest.body]
        kind = body.WhichOneof("described_by")
        if kind is None and not body.media_types:
            raise DescriptionError(f"{field.full_name} is an HttpBody; describe it by (identity.options.v1.body)")
        if kind is None:
            for media_type in body.media_types:
                yield media_type, {"schema": {}}
            return
        message = message_beside(method.containing_service, getattr(body, kind))
        in_form = [name for name in in_path if name in message.fields_by_name]
        schema = self._schema(message, kind, in_form)
        for media_type in body.media_types or _MEDIA_TYPES[kind]:
            yield media_type, {"schema": schema, **_files(message, media_type)}

    def _schema(self, message: Descriptor, kind: str, in_form: Collection[str]) -> Schema:
        match kind:
            case "form" | "page":
                return self._schemas.form(message, in_form)
            case "multipart":
                return self._schemas.multipart(message)
            case _:
                return self._schemas.of(message, Shape.REQUEST)


def body_field(method: MethodDescriptor, route: Route) -> FieldDescriptor | None:
    """The field that the body is. Raises DescriptionError for `*`: a field of its own can have a comment."""
    name = binding_of(method, route).body
    if name == "*":
        raise DescriptionError(f"{method.full_name}: name the field that the body is, not *")
    return method.input_type.fields_by_name[name] if name else None


def binding_of(method: MethodDescriptor, route: Route) -> Any:
    """The google.api.HttpRule of a route."""
    http = method.GetOptions().Extensions[annotations_pb2.http]
    return next(one for one in (http, *http.additional_bindings) if getattr(one, route.verb.lower()) == route.path)


def message_beside(service: ServiceDescriptor, name: str) -> Descriptor:
    """The message `name` of the package of a service, or of another that the name says."""
    full_name = name if "." in name else f"{service.file.package}.{name}"
    try:
        return service.file.pool.FindMessageTypeByName(full_name)
    except KeyError as error:
        raise DescriptionError(
            f"{service.full_name}: something is described by {full_name}, which does not exist"
        ) from error


def _files(message: Descriptor, media_type: str) -> Schema:
    files = [field.json_name for field in message.fields if field.type == FieldDescriptor.TYPE_BYTES]
    if media_type != "multipart/form-data" or not files:
        return {}
    return {"encoding": {name: {"contentType": "application/octet-stream"} for name in files}}


def _in_headers(method: MethodDescriptor, rules: Rules) -> Iterator[Schema]:
    if rules.tenant_context:
        operators = "Operators must send it." if rules.tenant_context == options.TENANT_CONTEXT_REQUIRED else ""
        text = f"The organization to act on, as a GUID or urn:vcloud:org:GUID; the caller's own otherwise. {operators}"
        yield _header(rules.dialect.tenant_header.upper(), text.strip())
    for named in method.GetOptions().Extensions[rest.request_headers]:
        name, colon, text = named.partition(": ")
        if not colon:
            raise DescriptionError(f"{method.full_name}: a request header is written as 'Name: what it does'")
        yield _header(name, text)


def _header(name: str, text: str) -> Schema:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
