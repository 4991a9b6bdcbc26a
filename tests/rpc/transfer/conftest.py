"""A tenant, and the two tenants of a move."""

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


@pytest.fixture
def people(shared_caller: Caller) -> People:
    """A tenant in which nobody signs in before the mail address is confirmed, as in a new one."""
    return People(shared_caller, "manager")
