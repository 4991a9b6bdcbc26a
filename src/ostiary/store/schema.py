"""The schema of the store."""

from __future__ import annotations

from sqlmodel import SQLModel

from ostiary.store import tables  # noqa: F401 - registers every table
from ostiary.store.engine import Store


def upgrade(url: str) -> None:
    """Brings the database at `url` to the schema of this release."""
    store = Store(url)
    with store.writing.begin() as connection:
        SQLModel.metadata.create_all(connection)
    store.close()
