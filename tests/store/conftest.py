"""A store with its schema and one tenant, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.databases import make_schema
from kit.rows import TENANT, tenant

from ostiary.store.engine import Store


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """One tenant in it, of id TENANT, in generation 1."""
    make_schema(database)
    opened = Store(database, readers=20, writers=20)
    with opened.write() as work:
        work.add(tenant(TENANT, "acme"))
    yield opened
    opened.close()
