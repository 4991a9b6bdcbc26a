"""The list of steps of a flow."""

from __future__ import annotations

import pytest
from kit.steps import CookieStep, KeyStep, PinStep, SentStep

from ostiary.login.flow import GO, STEP, Steps


def test_a_name_stands_once_in_a_list_of_steps() -> None:
    with pytest.raises(ValueError, match="two steps have one name: key, key, pin"):
        Steps([KeyStep(), PinStep(), KeyStep()])


def test_a_list_knows_the_fields_of_its_forms_and_the_needs_that_it_can_meet() -> None:
    steps = Steps([CookieStep(), SentStep(), PinStep(), KeyStep()])
    assert sorted(steps.fields) == sorted([STEP, GO, "pin", "again", "key"])
    assert steps.met == {"identity", "second_factor"}
