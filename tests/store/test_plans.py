"""How SQLite finds the rows of hot statements: without statistics it takes the first index that fits, and one that
narrows to the tenant and no further reads all of its users for one of them."""

from __future__ import annotations

import gc
import re

import pytest
from kit.databases import make_schema
from sqlalchemy import create_engine

import ostiary.app  # noqa: F401 - brings in every module that has prepared statements
from ostiary.store.prepared import Prepared

TOO_WIDE = re.compile(r"SCAN (?!\w+ VIRTUAL)|\(tenant_id=\?\)")


def test_no_prepared_statement_reads_a_whole_tenant(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/plans.sqlite3"
    make_schema(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        seen = [plan_of(connection, each) for each in gc.get_objects() if isinstance(each, Prepared)]
    engine.dispose()
    assert len(seen) > 20
    assert [(sql, plan) for sql, plan in seen if TOO_WIDE.search(plan)] == []


def plan_of(connection: object, statement: Prepared) -> tuple[str, str]:
    """The text of a statement and what SQLite says it will do."""
    plan = statement._plan(connection)  # type: ignore[arg-type] # noqa: SLF001 - the text that is really sent
    driver = connection.connection.dbapi_connection  # type: ignore[attr-defined]
    rows = driver.execute(f"EXPLAIN QUERY PLAN {plan._sql}", ("x",) * len(plan._order or ())).fetchall()  # noqa: SLF001
    return plan._sql, " | ".join(row[3] for row in rows)  # noqa: SLF001
