"""Statements call a tenant by one parameter: `of_tenant`, since SQLAlchemy keeps the name of a column for the values of
an UPDATE."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
PARAMETER = re.compile(r'bindparam\(\s*"(\w*tenant\w*)"|\bc\.tenant_id\)? == bindparam\(\s*"(\w+)"')


def parameters(text: str) -> set[str]:
    """The names of the parameters that are compared with a tenant's id."""
    return {named or compared for named, compared in PARAMETER.findall(text)}


def test_every_statement_calls_the_tenant_alike() -> None:
    found = {path.name: parameters(path.read_text(encoding="utf-8")) for path in SOURCES.rglob("*.py")}
    assert sum("of_tenant" in names for names in found.values()) > 20, "the files are those of the server"
    assert {name: names for name, names in found.items() if names - {"of_tenant"}} == {}


@pytest.mark.parametrize(
    "text",
    ['_USERS.c.tenant_id == bindparam("tenant_id")', 'unindexed(_USERS.c.tenant_id) == bindparam("owner")',
     'bindparam(\n  "tenant", expanding=True)'],
)  # fmt: skip
def test_another_name_is_found(text: str) -> None:
    assert parameters(text) - {"of_tenant"}
