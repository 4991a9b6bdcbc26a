"""Times in tables are whole numbers, milliseconds in UTC: SQLModel has given `datetime` another meaning before."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Date, DateTime, Interval, Time
from sqlmodel import SQLModel

from ostiary.store import tables

MODULES = sorted(Path(tables.__file__).parent.glob("*.py"))
TIMES = frozenset({"datetime", "date", "time", "timedelta", "AwareDatetime", "NaiveDatetime"})


def annotated_times(source: str) -> Iterator[str]:
    """Fields of a class whose annotation names a time of Python's, however it is spelled."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign):
            names = {each.id for each in ast.walk(node.annotation) if isinstance(each, ast.Name)}
            names |= {each.attr for each in ast.walk(node.annotation) if isinstance(each, ast.Attribute)}
            if names & TIMES:
                yield ast.unparse(node.target)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_field_of_a_table_is_annotated_with_a_time_of_pythons(module: Path) -> None:
    assert list(annotated_times(module.read_text())) == []


@pytest.mark.parametrize(
    "annotation", ["datetime", "datetime | None", "datetime.datetime", "Optional[dt.date]", "Annotated[datetime, 1]"]
)
def test_such_an_annotation_is_found(annotation: str) -> None:
    assert list(annotated_times(f"class A(SQLModel, table=True):\n    at: {annotation} = moment()")) == ["at"]


def test_no_column_is_of_a_type_for_times() -> None:
    columns = [column for table in SQLModel.metadata.sorted_tables for column in table.columns]
    assert columns
    assert [str(column) for column in columns if isinstance(column.type, DateTime | Date | Time | Interval)] == []
