"""The schema of the store."""

from __future__ import annotations

import os
from pathlib import Path

from sqlmodel import SQLModel

from ostiary.store import tables  # noqa: F401 - registers every table
from ostiary.store.engine import Store


def upgrade(url: str) -> None:
    """Brings the database at `url` to the schema of this release."""
    store = Store(url)
    if store.is_sqlite:
        _make_file(Path(str(store.url.database)))
    with store.writing.begin() as connection:
        SQLModel.metadata.create_all(connection)
    store.close()


def _make_file(path: Path) -> None:
    """An empty database that nobody else reads; SQLite gives its journal the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
