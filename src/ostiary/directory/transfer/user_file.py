"""Reader of the users in an import's file, one after another, whatever the file's length.

A file is JSON with a list `users`, plain or compressed by gzip; other members are ignored, and so is a byte order mark
before it (RFC 8259 §8.1), which editors and PowerShell write. Whatever the file contains, the reader holds at most
MAX_USER_BYTES at once, and the size after decompression is limited.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import ijson

from ostiary.errors import DomainError, invalid

MAX_USER_BYTES = 1 << 20
"""The limit of one user as JSON."""
MAX_TEXT_BYTES = 16 << 30
"""The limit of the whole file as JSON, after decompression."""
_BLOCK = 65_536
_GZIP = b"\x1f\x8b"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BROKEN = (ijson.JSONError, ValueError, ArithmeticError, EOFError, OSError, zlib.error)


class Readable(Protocol):
    """A stream that can be read."""

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes; none at the end."""
        ...


class UserFile:
    """Reads users. `consumed` are the bytes of the file that were read so far."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = _Pieces(pieces)
        self._source: Readable = self._pieces
        self._since = 0
        self._text = 0

    @property
    def consumed(self) -> int:
        """Bytes of the file that were read so far."""
        return self._pieces.consumed

    def users(self) -> Iterator[Any]:
        """The users as JSON values. Raises MALFORMED_FILE, USER_TOO_LARGE, FILE_TOO_LARGE."""
        try:
            self._source = _decompressed(self._pieces)
            for user in ijson.items(self, "users.item", buf_size=_BLOCK):
                self._since = 0
                yield user
        except _BROKEN as error:
            message = 'The file must be JSON in UTF-8 with a list "users", plain or compressed by gzip.'
            raise invalid("MALFORMED_FILE", message) from error

    def read(self, size: int) -> bytes:
        """Returns what the JSON reader asks for."""
        data = self._source.read(size)
        if not self._text:
            data = _without_mark(data)
        self._since += len(data)
        self._text += len(data)
        if self._since > MAX_USER_BYTES + _BLOCK:
            raise invalid("USER_TOO_LARGE", f"A user of a file has at most {MAX_USER_BYTES} bytes.")
        if self._text > MAX_TEXT_BYTES:
            raise invalid("FILE_TOO_LARGE", f"The file has more than {MAX_TEXT_BYTES} bytes when it is decompressed.")
        return data


class _Pieces:
    """Pieces as something that can be read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""
        self.consumed = 0

    def peek(self, size: int) -> bytes:
        """Returns the beginning of what follows, without consuming it."""
        while len(self._left) < size and (piece := next(self._pieces, b"")):
            self._left += piece
        return self._left[:size]

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self.peek(min(size, _BLOCK))
        self._left = self._left[len(data) :]
        self.consumed += len(data)
        return data


def _without_mark(beginning: bytes) -> bytes:
    if beginning.startswith(_UTF_16):
        raise invalid("MALFORMED_FILE", "The file is in UTF-16: save it in UTF-8, as RFC 8259 §8.1 asks of JSON.")
    return beginning.removeprefix(codecs.BOM_UTF8)


def _decompressed(pieces: _Pieces) -> Readable:
    return gzip.GzipFile(fileobj=pieces) if pieces.peek(2) == _GZIP else pieces  # type: ignore[call-overload]


def no_users() -> DomainError:
    """The file was read to its end."""
    return invalid("NO_USERS", 'There is no user in the file: it must be JSON with a list "users".')
