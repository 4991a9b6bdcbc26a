"""The two tenants of a move."""

from __future__ import annotations

import pytest
from kit.accounts.directory import People
from kit.callers import Caller


@pytest.fixture
def source(shared_caller: Caller) -> People:
    return People(shared_caller, "manager")


@pytest.fixture
def target(shared_caller: Caller) -> People:
    return People(shared_caller, "manager")
