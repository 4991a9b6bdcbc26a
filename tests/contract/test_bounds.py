"""Bounds in the protos: each is checked before an operation, or says why the operation does it itself."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from kit.operations.beyond import Case, cases

CASES = [case for case in cases() if not case.by_operation]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_check_of_requests_takes_a_bound_and_refuses_one_step_beyond(case: Case) -> None:
    request = json_format.ParseDict(case.request, GetMessageClass(case.rpc.descriptor.input_type)())
    assert case.rpc.rules.excess_of is not None
    excess = case.rpc.rules.excess_of(request)
    assert (excess is None) == case.within, excess and excess.error()
