"""A store with its schema and one tenant, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kit.servers.databases import Original, make_schema
from kit.stored.rows import TENANT, tenant

from ostiary.store.engine import Store


@pytest.fixture(scope="session")
def schemas() -> Iterator[dict[str, Original]]:
    """What `store` is copied from, by kind of database."""
    made: dict[str, Original] = {}
    yield made
    for one in made.values():
        one.close()


@pytest.fixture
def store(
    kind: str, schemas: dict[str, Original], request: pytest.FixtureRequest, tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Store]:  # fmt: skip
    """One tenant in it, of id TENANT, in generation 1."""
    if kind not in schemas:
        sqlite = f"sqlite:///{tmp_path_factory.mktemp('schema')}/ostiary.sqlite3"
        url = sqlite if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
        make_schema(url)
        with closing(Store(url)) as original, original.write() as work:
            work.add(tenant(TENANT, "acme"))
        schemas[kind] = Original(url)
    with closing(Store(schemas[kind].anew(tmp_path), readers=20, writers=20)) as opened:
        yield opened
