"""Bodies of token endpoints: urlencoded, multipart or JSON, since real clients send all of them.

Only the fields that an operation knows are looked at. Each of those may be sent once (RFC 6749 §3.2); others are
ignored however often they come, such as `resource`, which may be repeated (RFC 8707 §2).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from functools import cache
from urllib.parse import parse_qsl, unquote_plus

import multipart
from google.api import httpbody_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from ostiary.errors import DomainError, invalid
from ostiary.http.json_text import read_json

MAX_FIELDS = 64
MAX_VALUE = 65_536


class Form:
    """The fields of a form that an operation knows; each at most once (RFC 6749 §3.2)."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """The field, or an empty string: RFC 6749 treats a parameter without a value as left out."""
        return self._fields.get(name, "")

    def required(self, name: str) -> str:
        """The field; raises INVALID when it is missing or empty."""
        value = self.get(name)
        if not value:
            raise invalid("MISSING_FIELD", f"The field {name} is missing.")
        return value

    def without(self, *names: str) -> Form:
        """The form as it is when these fields were not sent."""
        return Form({name: value for name, value in self._fields.items() if name not in names})

    def __contains__(self, name: str) -> bool:
        return name in self._fields


def read_fields(body: httpbody_pb2.HttpBody, *names: str) -> Form:
    """Reads these fields of a body, urlencoded, multipart or JSON; others are not looked at. Raises INVALID."""
    return read_form(body.content_type, body.data, names)


def read_form_of(
    body: httpbody_pb2.HttpBody, message: type[Message], *more: str, longest: int = MAX_VALUE
) -> Form:  # fmt: skip
    """Reads the fields that `message` describes, and `more`, of at most `longest` characters each. Raises INVALID."""
    return read_form(body.content_type, body.data, _names(message.DESCRIPTOR, more), longest)


@cache
def _names(described: Descriptor, more: tuple[str, ...]) -> frozenset[str]:
    """Remembered: asking the descriptor takes longer than reading a short form."""
    return frozenset((*(field.json_name for field in described.fields), *more))


def read_form(content_type: str, body: bytes, names: Collection[str], longest: int = MAX_VALUE) -> Form:
    """Reads a body by its content type; none counts as urlencoded. Raises INVALID for what is malformed.

    `names`: the only fields that are looked at, so that nothing of the others can be wrong.
    """
    kind, _, _ = content_type.partition(";")
    try:
        match kind.strip().lower():
            case "" | "application/x-www-form-urlencoded":
                pairs = _urlencoded(body)
            case "multipart/form-data":
                pairs = _multipart(content_type, body)
            case "application/json":
                pairs = _json(body, names)
            case _:
                raise invalid("UNSUPPORTED_CONTENT_TYPE", "Send the fields urlencoded, as multipart form or as JSON.")
        return Form(_once((pair for pair in pairs if pair[0] in names), longest))
    except (ValueError, multipart.MultipartError) as error:
        raise invalid("MALFORMED_BODY", "The body does not fit its content type, or is not UTF-8.") from error


def _once(pairs: Iterator[tuple[str, str]], longest: int) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise _repeated(name)
        if len(value) > longest or len(fields) >= MAX_FIELDS:
            raise invalid("FORM_TOO_LARGE", "Too many fields, or one that is too long.")
        fields[name] = value
    return fields


def check_once(query: str, names: Collection[str]) -> None:
    """Raises REPEATED_FIELD where the query of a URL has one of these names twice (RFC 6749 §3.1)."""
    given = [name for pair in query.split("&") if (name := unquote_plus(pair.partition("=")[0])) in names]
    for position, name in enumerate(given):
        if name in given[:position]:
            raise _repeated(name)


def _repeated(name: str) -> DomainError:
    return invalid("REPEATED_FIELD", f"The field {name} is repeated; it may be sent once.")


def _urlencoded(body: bytes) -> Iterator[tuple[str, str]]:
    pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    return iter(pairs)


def _json(body: bytes, names: Collection[str]) -> Iterator[tuple[str, str]]:
    try:
        document = read_json(body or b"{}")
    except DomainError as error:
        raise invalid("MALFORMED_BODY", error.message) from error
    if not isinstance(document, dict):
        raise invalid("MALFORMED_BODY", "A JSON body must be an object.")
    asked = {name: value for name, value in document.items() if name in names and value is not None}
    if not all(isinstance(value, str) for value in asked.values()):
        raise invalid("MALFORMED_BODY", "The fields of a JSON body must be strings.")
    return iter(asked.items())


def read_file(content_type: str, body: bytes, name: str) -> bytes:
    """The content of the file `name` in a multipart form. Raises MALFORMED_BODY, FILE_MISSING."""
    try:
        for part in _parts(content_type, body):
            if part.name == name:
                return bytes(part.raw)
    except (UnicodeDecodeError, ValueError, multipart.MultipartError) as error:
        raise invalid("MALFORMED_BODY", "The body must be a multipart form (RFC 7578).") from error
    raise invalid("FILE_MISSING", f"The form must have a part {name} with the file.")


def _multipart(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    for part in _parts(content_type, body):
        yield part.name or "", part.value


def _parts(content_type: str, body: bytes) -> Iterator[multipart.MultipartPart]:
    _, options = multipart.parse_options_header(content_type)
    return iter(
        multipart.MultipartParser(
            io.BytesIO(body),
            options.get("boundary", ""),
            part_limit=MAX_FIELDS,
            charset="utf-8",
            strict=True,
            spool_limit=len(body) + 1,  # it is in memory already: no temporary files
        )
    )
