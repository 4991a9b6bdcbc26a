"""Answers of an operation by HTTP status."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from google.protobuf.descriptor import MethodDescriptor

from ostiary.errors import Kind
from ostiary.gateway.templates import variables_of
from ostiary.openapi.errors import Errors, headers
from ostiary.openapi.requests import HTTP_BODY, body_field, message_beside
from ostiary.openapi.schemas import DescriptionError, Schema, Schemas, Shape
from ostiary.transport.rules import Route, Rules
from ostiary_api.options.v1 import rest_pb2 as rest
from ostiary_api.options.v1 import rules_pb2 as options

_ALWAYS = (Kind.INVALID, Kind.LIMITED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED)
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_WRITES = (options.TRANSACTION_WRITE, options.TRANSACTION_OWN)


class Answers:
    """Describes answers; the parts that they share are added to `schemas` and `errors`."""

    def __init__(self, schemas: Schemas, errors: Errors) -> None:
        self._schemas = schemas
        self._errors = errors

    def of(self, method: MethodDescriptor, rules: Rules, route: Route) -> dict[str, Schema]:
        """The Responses Object of an operation."""
        said = list(method.GetOptions().Extensions[rest.answers])
        kinds = [*_kinds(method, rules, route), *(Kind(one.status) for one in said if _is_error(one))]
        found = self._errors.of(rules.family, route.path, kinds, browser=rules.options.browser)
        found |= {str(status): answer for status, answer in self._told(method, rules, said)}
        return dict(sorted(found.items()))

    def _told(self, method: MethodDescriptor, rules: Rules, said: list[rest.Answer]) -> Iterator[tuple[int, Schema]]:
        told = {one.status or rules.success_status: one for one in said if not _is_error(one)}
        if method.output_type.full_name != HTTP_BODY:
            told.setdefault(rules.success_status, rest.Answer())
        if not told:
            raise DescriptionError(f"{method.full_name} answers an HttpBody; say what by (identity.options.v1.answers)")
        for status, one in told.items():
            content = {} if status in _BODILESS else self._content(method, one)
            names = [
                *one.headers, *(["deprecation"] if rules.deprecated else ()), *(["link"] if rules.successor else ())
            ]  # fmt: skip
            parts = {"headers": headers(names) if names else {}, "content": content}
            yield status, {"description": HTTPStatus(status).phrase, **{k: part for k, part in parts.items() if part}}

    def _content(self, method: MethodDescriptor, one: rest.Answer) -> dict[str, Schema]:
        if one.json:
            schema = self._schemas.of(message_beside(method.containing_service, one.json), Shape.BODY)
            return {media_type: {"schema": schema} for media_type in one.media_types or ("application/json",)}
        if one.media_types or method.output_type.full_name == HTTP_BODY:
            return {media_type: {"schema": {}} for media_type in one.media_types}
        schema = self._schemas.of(method.output_type, Shape.RESPONSE)
        return {"application/json": {"schema": _listed(schema) if method.server_streaming else schema}}


def _listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _is_error(answer: rest.Answer) -> bool:
    return answer.status >= HTTPStatus.BAD_REQUEST and not answer.json and not answer.media_types


def _kinds(method: MethodDescriptor, rules: Rules, route: Route) -> Iterator[Kind]:
    """The kinds of errors that follow from the rules of an RPC."""
    yield from _ALWAYS
    if rules.roles or rules.own_credentials:
        yield Kind.UNAUTHENTICATED
    if rules.roles:
        yield Kind.DENIED
    if variables_of(route.path) or (rules.roles and not rules.need.hides_with_denial):
        yield Kind.NOT_FOUND
    if rules.transaction in _WRITES:
        yield Kind.CONFLICT
    if body_field(method, route) is not None:
        yield Kind.TOO_LARGE
    if rules.family in (options.ERROR_FAMILY_CLOUDAPI, options.ERROR_FAMILY_VCLOUD):
        yield Kind.NOT_ACCEPTABLE
