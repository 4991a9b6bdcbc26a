"""Environment of alembic: runs migrations on the connection that `ostiary.store.schema` opened and locked."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

from ostiary.store import tables  # noqa: F401 - registers every table
from ostiary.store.tables.columns import Digest


def _render(kind: str, thing: Any, _autogenerate: Any) -> str | Literal[False]:
    """SQLModel's text type is SQLAlchemy's String; a migration must not need SQLModel to be read."""
    if kind == "type" and isinstance(thing, Digest):
        return repr(thing.impl_instance).replace("LargeBinary", "sa.LargeBinary")
    if kind == "type" and isinstance(thing, AutoString):
        return f"sa.String(length={thing.length})" if thing.length else "sa.String()"
    return False


def run() -> None:
    """Runs what was asked for: an upgrade, or a comparison with the models."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=SQLModel.metadata, render_item=_render, compare_type=True,
        # SQLite alters a table by copying it; the first migration only creates.
        render_as_batch=context.config.attributes.get("batch", True),
    )  # fmt: skip
    with context.begin_transaction():
        context.run_migrations()


run()
