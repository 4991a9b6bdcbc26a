"""An organization with its owner."""

from __future__ import annotations

import pytest
from kit.accounts.people import Made, new_person
from kit.callers import Caller
from kit.scim import create


@pytest.fixture
def owner(caller: Caller) -> Made:
    return new_person(caller.installation, caller.installation.tenant_id, "owner", "org_owner")


@pytest.fixture(scope="module")
def shared_owner(shared_caller: Caller) -> Made:
    """The owner of an organization with some people, which no test changes."""
    made = new_person(shared_caller.installation, shared_caller.installation.tenant_id, "owner", "org_owner")
    create(
        shared_caller, made.call, userName="ann", displayName="The Ann", externalId="hr-1",
        emails=[{"value": "ann@example.com", "type": "work"}, {"value": "second@home.local", "type": "Home"}],
        phoneNumbers=[{"value": "+49 30 123", "type": "mobile"}],
    )  # fmt: skip
    create(shared_caller, made.call, userName="bob", active=False)
    return made
