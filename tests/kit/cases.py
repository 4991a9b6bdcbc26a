"""Many short cases in one test: what pytest does for a test of its own costs more than most of them do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar

Case = TypeVar("Case")
Test = Callable[..., None]


def in_one_test(
    arguments: str, cases: Collection[Case], name: Callable[[Case], object] = str
) -> Callable[[Test], Test]:
    """Makes one test of a test of each case; it fails with each that does not hold, by its name.

    A case comes as the one argument that `arguments` names, or its first values as those named, with commas between.
    """
    assert cases, "there is a case to test"
    names = arguments.split(", ")

    def given(case: Any) -> dict[str, Any]:
        return {arguments: case} if len(names) == 1 else dict(zip(names, case, strict=False))

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def test_all(**fixtures: Any) -> None:
            failures = []
            for case in cases:
                try:
                    test(**fixtures, **given(case))
                except Exception as error:  # noqa: BLE001 told below, with those of the other cases
                    failures.append(f"{name(case)}: {type(error).__name__}: {error}")
            assert not failures, f"{len(failures)} of {len(cases)} do not hold:\n" + "\n".join(failures)

        signature = inspect.signature(test)
        fixtures = [one for one in signature.parameters.values() if one.name not in names]
        test_all.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return test_all

    return decorate
