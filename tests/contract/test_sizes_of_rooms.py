"""Rooms one can look over: no module is too long to read, and no folder has too many of them side by side."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES, MOST_MODULES = 400, 15


def modules(folder: str) -> list[Path]:
    """The modules below a folder that people write; a migration is written by a command."""
    return [path for path in (ROOT / folder).rglob("*.py") if "migrations/versions" not in path.as_posix()]


@pytest.mark.parametrize("folder", ["src", "tests", "tools"])
def test_no_module_is_longer_than_anybody_reads(folder: str) -> None:
    found = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(folder)}
    assert found
    assert {path: lines for path, lines in found.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize("folder", ["src", "tests", "tools"])
def test_no_folder_has_more_modules_than_one_can_see_at_once(folder: str) -> None:
    found = Counter(path.parent for path in modules(folder) if path.name not in ("__init__.py", "conftest.py"))
    assert {str(path): number for path, number in found.items() if number > MOST_MODULES} == {}
