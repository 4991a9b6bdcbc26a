"""Bounds of every RPC over native gRPC: one step beyond is refused with the field's name, the bound itself is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from kit.callers import serving
from kit.cases import in_one_test
from kit.operations.beyond import Case, cases, right_case
from kit.operations.beyond_asked import OTHERWISE, Natively, is_named
from kit.servers.installation import InstallationTemplate

CASES = cases()


@pytest.fixture(scope="module")
def natively(
    installation_template: Callable[..., InstallationTemplate], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Natively]:
    """One server for all, on one database: what is refused is refused before any store is asked."""
    installation = installation_template("sqlite", "module").copy_to(tmp_path_factory.mktemp("bounds"))
    with serving(installation) as caller:
        yield Natively(caller)


@in_one_test("case", CASES, lambda case: case.id)
def test_one_step_beyond_is_refused_by_its_name_and_the_bound_is_not(natively: Natively, case: Case) -> None:
    answer = natively.ask(case)
    if case.within:
        assert not is_named(case, answer), answer
        return
    assert answer.code is OTHERWISE.get(case.field.full_name, grpc.StatusCode.INVALID_ARGUMENT), answer
    assert is_named(case, answer) or case.field.full_name in OTHERWISE, answer


def test_who_may_not_call_learns_nothing_of_bounds(natively: Natively) -> None:
    for case in CASES:
        if not case.within and case.rpc.rules.roles:
            assert natively.ask_as_nobody(case).code is grpc.StatusCode.UNAUTHENTICATED, case.id


def test_whose_role_is_too_small_hears_the_same_beyond_the_bounds(natively: Natively) -> None:
    answers = {
        rpc.name: natively.ask_as_reader(right_case(rpc))
        for rpc in {case.rpc.name: case.rpc for case in CASES if case.rpc.rules.roles}.values()
    }
    refused = {name: answer for name, answer in answers.items() if answer.code is grpc.StatusCode.PERMISSION_DENIED}
    assert len(refused) > 50
    for case in CASES:
        if not case.within and case.rpc.name in refused:
            assert natively.ask_as_reader(case) == refused[case.rpc.name], case.id
