"""Bounds of every RPC through the real Envoy: one step beyond is refused in the dialect's shape, the bound is not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from kit.cases import in_one_test
from kit.operations.beyond import Case, cases
from kit.operations.beyond_asked import OTHERWISE, OverRest, from_rest, is_named
from kit.platform import parsed
from kit.servers.served import served

from ostiary_api.options.v1 import rules_pb2 as options

CASES = [case for case in cases() if case.rpc.rules.routes and not case.is_of_path]
MEMBERS = {
    options.ERROR_FAMILY_APPID: {"errorCode", "message"},
    options.ERROR_FAMILY_OAUTH: {"error", "error_description"},
    options.ERROR_FAMILY_SCIM: {"schemas", "status", "detail"},
    options.ERROR_FAMILY_CSP: {"cspErrorCode", "errorCode", "message", "moduleCode", "statusCode"},
    options.ERROR_FAMILY_CLOUDAPI: {"minorErrorCode", "message", "stackTrace"},
    options.ERROR_FAMILY_VCLOUD: {"majorErrorCode", "minorErrorCode", "message"},
}
"""What the error bodies of each dialect hold."""


@pytest.fixture(scope="module")
def over_rest() -> Iterator[OverRest]:
    """One server with its Envoy for all: what is refused is refused before any store is asked."""
    with tempfile.TemporaryDirectory(prefix="ostiary-bounds-") as folder, served(Path(folder), workers=1) as server:
        operator = {"authorization": f"Bearer {server.token(server.credentials['operatorApikey'])}"}
        yield OverRest(server.http, server.credentials["tenantId"], server.manager(), operator)


@in_one_test("case", CASES, lambda case: case.id)
def test_one_step_beyond_is_400_by_its_name_and_the_bound_is_not(over_rest: OverRest, case: Case) -> None:
    response = over_rest.ask(case)
    answer = from_rest(response)
    if case.within:
        assert not is_named(case, answer), answer
        return
    assert answer.code is OTHERWISE.get(case.field.full_name, grpc.StatusCode.INVALID_ARGUMENT), answer
    assert is_named(case, answer) or case.field.full_name in OTHERWISE, answer
    assert _members(response) >= MEMBERS[case.rpc.rules.family], answer


def _members(response: httpx.Response) -> set[str]:
    is_xml = response.headers["content-type"].endswith("xml")
    return set(parsed(response.content).attrib if is_xml else response.json())
