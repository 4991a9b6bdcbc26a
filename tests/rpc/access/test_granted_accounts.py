"""Service accounts that a device was granted, at every RPC of the platform: they are callers like all others."""

from __future__ import annotations

import uuid

import grpc
from kit.accounts.people import new_person
from kit.accounts.robots import Robots
from kit.callers import Caller
from kit.operations.interface import OPERATIONS


def test_an_account_that_owns_is_answered_everywhere(shared_caller: Caller) -> None:
    made, name = shared_caller.installation, f"robots-{uuid.uuid4().hex[:8]}"
    tenant = made.new_tenant(name)
    place = Robots(shared_caller, tenant, name, new_person(made, tenant, "ann", "org_owner"))
    _, tokens = place.active(scope="urn:vcloud:role:org_owner")
    failed = {}
    headers = {"authorization": f"Bearer {tokens.access_token}"}
    platform = [each for each in OPERATIONS if ".appid." not in each.rules.method]
    for operation in sorted(platform, key=lambda each: "Session" in each.rules.method):  # one of these ends its token
        code, said = operation.native_answer(shared_caller.channel, tenant, headers)
        if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
            failed[operation.rules.method] = said
    assert failed == {}
    assert place.is_dead(tokens.access_token)
