"""Schemathesis reads the OpenAPI document and asks the whole server: what it answers must be what the document says,
whatever is sent; and what the document asks for must suffice.

Not a part of `make test`, whose tests say what they send: `make fuzz`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kit.operations.documented import BY_DIALECT, NEEDS_MORE, OPERATIONS, Known, World, good_cases, prepared, variables
from kit.operations.on_platform import CALLERS, VALUES
from kit.servers.served import served
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4
"""A verb and path, so that all of them together stay within a minute."""


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, Known]]]:
    with served(tmp_path_factory.mktemp("fuzzed"), workers=1) as server:
        yield prepared(server)


def cases(label: str, about: Known) -> st.SearchStrategy[Case]:
    """Requests about what exists, with nothing to be ignored; about anything; and such as the document forbids."""
    place = about.within(variables(label) & {"tenantId", "orgId"})
    return st.one_of(
        good_cases(label, about),
        OPERATIONS[label].as_strategy(path_parameters=place),
        OPERATIONS[label].as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=place),
    )


@pytest.mark.parametrize("label", BY_DIALECT)
def test_it_answers_what_the_document_says(tenant: tuple[World, dict[str, Known]], label: str) -> None:
    world, everything = tenant
    about, answers = everything[label], dict[int, str]()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases(label, about))
    def ask(case: Case) -> None:
        case.headers.clear()  # those that break HTTP itself are answered by the gateway, for no operation
        answer = case.call(world.server.url, world.session, about.headers, allow_redirects=False, timeout=60)
        answers[answer.status_code] = answer.content.decode(errors="replace")  # the logo is no text
        case.validate_response(answer, CHECKS)

    ask()
    assert label in NEEDS_MORE or min(answers) < 400, f"what the document asks for does not suffice: {answers}"


def test_operations_that_need_more_exist() -> None:
    assert set(NEEDS_MORE) <= set(OPERATIONS)


@pytest.mark.parametrize("pattern", [*VALUES, *CALLERS])
def test_what_is_prepared_is_for_an_operation(pattern: str) -> None:
    assert any(re.fullmatch(pattern, label) for label in OPERATIONS)
