"""Errors of each dialect, written by the same renderers that the server uses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from ostiary.access.policy import unknown_tenant
from ostiary.errors import DomainError, Kind
from ostiary.gateway.refusals import REFUSALS
from ostiary.gateway.routes import family_name
from ostiary.gateway.templates import segments_of
from ostiary.openapi.schemas import Schema
from ostiary.transport.dialects import DIALECTS
from ostiary.transport.dialects.body import ErrorBody
from ostiary_api.options.v1 import rules_pb2 as options

_RETRY = (Kind.LIMITED, Kind.UNAVAILABLE)
_JSON_TYPES = {str: "string", int: "integer", list: "array", type(None): "null"}
_TEXT_OR_NULL = ["string", "null"]


def _samples() -> dict[Kind, DomainError]:
    said = {refusal.kind: refusal for refusal in REFUSALS if refusal.name.isdigit()}
    return {
        kind: DomainError(kind, said[kind].reason, said[kind].message)
        if kind in said
        else DomainError(kind, kind.name, f"{HTTPStatus(kind.value).phrase}.")
        for kind in Kind
        if kind is not Kind.CANCELLED  # which nobody is there to read
    }


SAMPLES = _samples()
"""An error of each kind."""


class Errors:
    """The answers from 400 on, kept in `responses` and `schemas` as they are asked for."""

    def __init__(self) -> None:
        self.responses: dict[str, Schema] = {}
        self.schemas: dict[str, Schema] = {}

    def of(
        self, family: options.ErrorFamily.ValueType, path: str, kinds: Iterable[Kind], *, browser: bool
    ) -> dict[str, Schema]:
        """References by status to the answers to errors of `kinds` on `path`; `browser`: as pages, where asked for."""
        dialect = family_name(family, segments_of(path))
        statuses = {DIALECTS[family].render(SAMPLES[kind], path).status for kind in kinds}
        found = {}
        for status in sorted(statuses):
            name = f"{dialect}.{status}" + (".page" if browser else "")
            if name not in self.responses:
                self.responses[name] = self._response(
                    dialect, status, self._bodies(family, path, status), browser=browser
                )
            found[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return found

    def _bodies(
        self, family: options.ErrorFamily.ValueType, path: str, status: int
    ) -> list[tuple[DomainError, ErrorBody]]:
        samples = [*SAMPLES.values(), unknown_tenant()]
        rendered = [(error, DIALECTS[family].render(error, path)) for error in samples]
        dialect = family_name(family, segments_of(path))
        documents = [json.loads(body.text) for _, body in rendered if body.content_type.endswith("json")]
        if documents:
            self.schemas.setdefault(f"errors.{dialect}", _schema_of(documents))
        return [(error, body) for error, body in rendered if body.status == status]

    def _response(
        self, dialect: str, status: int, bodies: list[tuple[DomainError, ErrorBody]], *, browser: bool
    ) -> Schema:
        content: dict[str, Schema] = {}
        for error, body in bodies:
            media = content.setdefault(body.content_type.partition(";")[0], {"examples": {}})
            is_json = body.content_type.endswith("json")
            media["schema"] = {"$ref": f"#/components/schemas/errors.{dialect}"} if is_json else {"type": "string"}
            media["examples"][error.reason] = {"value": json.loads(body.text) if is_json else body.text}
        if browser:
            content["text/html"] = {"schema": {"type": "string"}}
        names = {name for _, body in bodies for name, _ in body.headers}
        names |= {"retry-after" for error, _ in bodies if error.kind in _RETRY}
        parts = {"headers": headers(names)} if names else {}
        return {"description": HTTPStatus(status).phrase, **parts, "content": content}


_HEADERS = {
    "retry-after": "Seconds to wait before the next try.",
    "www-authenticate": "How to authenticate (RFC 9110 §11.6.1).",
    "location": "Where it is, or where the browser goes on.",
    "content-location": "The address of what was made (RFC 9110 §8.7).",
    "etag": "The version of the answer, for If-None-Match.",
    "content-disposition": "A name for the file (RFC 6266).",
    "set-cookie": "Binds the sign-in to the browser.",
    "deprecation": "Since when the operation is deprecated (RFC 9745).",
    "link": 'The operation that replaces it, as rel="successor-version" (RFC 8288).',
    "x-vmware-vcloud-access-token": "The access token of the session.",
    "x-vcloud-authorization": "The access token once more, where older clients look for it.",
    "x-vmware-vcloud-token-type": "How the access token is used: Bearer.",
}


def headers(names: Iterable[str]) -> dict[str, Schema]:
    """The Headers Object of these response headers."""
    return {
        name.title(): {"description": _HEADERS[name.lower()], "schema": {"type": "string"}}
        for name in sorted(names, key=str.lower)
    }


def _schema_of(documents: list[dict[str, Any]]) -> Schema:
    """Returns a schema in which members of all these documents are required, and members of some are allowed."""
    values: dict[str, list[Any]] = {}
    for document in documents:
        for name, value in document.items():
            values.setdefault(name, []).append(value)
    required = [name for name in values if all(name in document for document in documents)]
    properties = {name: _type_of(found) for name, found in values.items()}
    return {"type": "object", "properties": properties, "required": required}


def _type_of(values: list[Any]) -> Schema:
    """Returns the type of all `values` of a field. A field that is always null is described as a text or null:
    generators of clients know no type that has one value."""
    types = sorted({_JSON_TYPES[type(value)] for value in values})
    if types == ["array"]:
        return {"type": "array", "items": _type_of([item for value in values for item in value])}
    if types == ["null"]:
        return {"type": _TEXT_OR_NULL}
    return {"type": types[0] if len(types) == 1 else types}
