"""Small files from the operator: read completely, or refused in one line that names the file.

Every error names the file.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 20
"""A key, a certificate chain, a list of settings; what is larger is another file than was meant."""


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of at most 1 MiB; raises ValueError with the reason.

    A pipe or a device is refused before it is opened, since that may wait for ever.
    """
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            raise ValueError(f"{path} is {'a folder' if stat.S_ISDIR(kind) else 'no regular file'}")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES} bytes")
    return content


def read_text(path: Path) -> str:
    """The same as text in UTF-8."""
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 (byte {error.start})") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The same as TOML."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has an OSError from inside name this file: the system names it when a file cannot be opened, but not when it
    cannot be written."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a whole file in UTF-8; an OSError names it."""
    with naming(path):
        path.write_text(text, encoding="utf-8")
