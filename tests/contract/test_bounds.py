"""Bounds in the protos: each is checked before an operation, or says why the operation does it itself."""

from __future__ import annotations

from contract.served import RPCS
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from kit.cases import in_one_test
from kit.operations.beyond import Case, cases

from ostiary.transport.bounds.reading import bounds_of

CASES = [case for case in cases() if not case.by_operation]


@in_one_test("case", CASES, lambda case: case.id)
def test_the_check_of_requests_takes_a_bound_and_refuses_one_step_beyond(case: Case) -> None:
    request = json_format.ParseDict(case.request, GetMessageClass(case.rpc.descriptor.input_type)())
    assert case.rpc.rules.excess_of is not None
    excess = case.rpc.rules.excess_of(request)
    assert (excess is None) == case.within, excess and excess.error()


def test_sizes_of_pages_have_a_maximum() -> None:
    """What reads a page trusts the bounds of its request; SCIM's takes any number as a wish (RFC 7644 §3.4.2.4)."""
    sizes = {
        field.full_name: bounds_of(field).allowed.HasField("maximum")
        for rpc in RPCS
        if not rpc.package.startswith("identity.scim.")
        for field in rpc.descriptor.input_type.fields
        if field.name in ("count", "page", "page_size", "page_start", "page_limit")
    }
    assert sizes
    assert [name for name, is_bounded in sizes.items() if not is_bounded] == []
