"""Multipart forms (RFC 7578), read as a stream: a file of any length is passed on piece by piece, short fields are
kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import multipart

from ostiary.errors import DomainError, Kind, invalid
from ostiary.http.forms import MAX_FIELDS

MAX_FIELD = 65_536
"""Bytes of a field that is no file."""


class FormStream:
    """Reads a form whose file `name` is handed on in pieces of `size` bytes, the last one shorter."""

    def __init__(self, content_type: str, name: str, size: int, most: int) -> None:
        """`most`: bytes of the whole file. Raises MALFORMED_BODY for another content type."""
        kind, parameters = multipart.parse_options_header(content_type)
        boundary = parameters.get("boundary", "")
        if kind != "multipart/form-data" or not boundary:
            raise malformed_form()
        self._parser = multipart.PushMultipartParser(boundary, max_segment_count=MAX_FIELDS, strict=True)
        self._name = name
        self._size = size
        self._most = most
        self._fields: dict[str, bytearray] = {}
        self._current = ""
        self._buffer = bytearray()
        self._passed = 0

    def read(self, chunks: Iterable[bytes], take: Callable[[bytes], None]) -> dict[str, str]:
        """Reads to the end; the other fields. Raises MALFORMED_BODY, FILE_TOO_LARGE (413), REPEATED_FIELD."""
        try:
            with self._parser as parser:
                for chunk in chunks:
                    for event in parser.parse(chunk) if chunk else ():
                        self._see(event, take)
                    if parser.closed:
                        break
            if self._buffer:
                take(bytes(self._buffer))
            return {name: value.decode() for name, value in self._fields.items() if name != self._name}
        except (multipart.MultipartError, UnicodeDecodeError) as error:
            raise malformed_form() from error

    def _see(self, event: multipart.MultipartSegment | bytes | bytearray | None, take: Callable[[bytes], None]) -> None:
        if event is None:
            return
        if isinstance(event, multipart.MultipartSegment):
            self._current = event.name or ""
            if self._current in self._fields:
                raise invalid("REPEATED_FIELD", "A field is repeated; each may be sent once.")
            self._fields[self._current] = bytearray()
        elif self._current == self._name:
            self._pass_on(event, take)
        else:
            field = self._fields[self._current]
            field += event
            if len(field) > MAX_FIELD:
                raise invalid("FORM_TOO_LARGE", f"A field other than the file has at most {MAX_FIELD} bytes.")

    def _pass_on(self, data: bytes | bytearray, take: Callable[[bytes], None]) -> None:
        self._passed += len(data)
        if self._passed > self._most:
            message = f"The file has more than {self._most} bytes; compress it by gzip, or divide it."
            raise DomainError(Kind.TOO_LARGE, "FILE_TOO_LARGE", message)
        self._buffer += data
        while len(self._buffer) >= self._size:
            take(bytes(self._buffer[: self._size]))
            del self._buffer[: self._size]


def malformed_form() -> DomainError:
    """Returns the error for a body that is no multipart form."""
    return invalid("MALFORMED_BODY", "The body must be a multipart form (RFC 7578) that comes to its end.")
