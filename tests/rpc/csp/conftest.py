"""An organization for each test, in one installation."""

from __future__ import annotations

import pytest
from kit.accounts.organization import Organization
from kit.callers import Caller


@pytest.fixture
def org(shared_caller: Caller) -> Organization:
    return Organization(shared_caller)
