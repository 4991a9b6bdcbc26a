"""Rows for store tests, with what a test does not care about filled in."""

from __future__ import annotations

from ostiary.store.tables import Tenant

TENANT = "11111111-1111-4111-8111-111111111111"
"""The tenant of the fixture `store`."""


def tenant(id: str, name: str) -> Tenant:
    """A tenant of this name."""
    return Tenant(id=id, name=name, name_key=name, display_name_key=name, created_at=1, modified_at=1)
