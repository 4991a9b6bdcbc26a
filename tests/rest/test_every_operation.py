"""Contract tests built from the descriptors: every RPC through the real Envoy, on both databases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from kit.cases import in_one_test
from kit.operations.interface import OPERATIONS, Operation
from kit.operations.matrix import (
    DEAD,
    ENDS_THE_SESSION,
    NOBODYS,
    ROLES,
    STRANGERS,
    WALKED,
    beside,
    callers,
    is_in,
    let_in,
    names_a_tenant,
    over_grpc,
    over_rest,
)
from kit.servers.command import ostiary_here
from kit.servers.databases import PostgresServer
from kit.servers.served import Served, served

from ostiary_api.options.v1 import rules_pb2 as rules

REST = [operation for operation in OPERATIONS if operation.rules.routes]
HTTP_OF = {
    grpc.StatusCode.OK: {200, 201, 202, 204, 302, 303},
    grpc.StatusCode.INVALID_ARGUMENT: {400, 406, 413},
    grpc.StatusCode.UNAUTHENTICATED: {400, 401},
    grpc.StatusCode.PERMISSION_DENIED: {403},
    grpc.StatusCode.NOT_FOUND: {403, 404},
    grpc.StatusCode.ALREADY_EXISTS: {409},
    grpc.StatusCode.FAILED_PRECONDITION: {409, 410, 412},
    grpc.StatusCode.RESOURCE_EXHAUSTED: {429},
    grpc.StatusCode.UNIMPLEMENTED: {501},
}
"""What a native status may look like over REST, in some dialect."""
UNKNOWN = "00000000-0000-4000-8000-000000000000"
one_database = pytest.mark.parametrize("server", ["sqlite"], indirect=True, scope="module")
"""What is decided before the operation asks the database is decided alike on both. The matrix is walked on each."""


def named(operation: Operation) -> str:
    return operation.rules.method.rpartition(".")[2]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    settings = {}
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        settings["database"] = postgres.new_database()
    with tempfile.TemporaryDirectory(prefix="ostiary-rest-") as folder, served(Path(folder), **settings) as made:
        yield made


@pytest.fixture(scope="module")
def api_keys(server: Served) -> dict[str, str]:
    """An API key for each role."""
    tenant = server.credentials["tenantId"]
    found = {"manager": server.credentials["apikey"], "operator": server.credentials["operatorApikey"]}
    for role in ("reader", "writer"):
        made = ostiary_here("apikey", "create", tenant, "--role", role, "--json", cwd=server.folder, **server.variables)
        assert made.code == 0, made.stderr
        found[role] = made.json()["apikey"]
    return found


class Tokens:
    """Headers with a token for an API key, or without one for none. `spent` tokens are replaced: an operation that
    succeeds may have ended the one that it was called with."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._headers: dict[str, dict[str, str]] = {"": {}}

    def bearer(self, api_key: str) -> dict[str, str]:
        if api_key not in self._headers:
            self._headers[api_key] = {"authorization": f"Bearer {self._server.token(api_key)}"}
        return self._headers[api_key]

    def spent(self, api_key: str) -> None:
        if api_key:
            self._headers.pop(api_key, None)


@pytest.fixture(scope="module")
def tokens(server: Served) -> Tokens:
    return Tokens(server)


@one_database
@in_one_test("operation", REST, named)
def test_it_is_reached_by_each_of_its_paths(server: Served, operation: Operation) -> None:
    for route in operation.rules.routes:
        answer = operation.rest(server.http, route, server.credentials["tenantId"], {})
        if operation.rules.need.anonymous:
            assert answer.status_code not in (405, 501, 503), answer.text
            absent = answer.status_code == 404 and "There is no such path" in answer.text
            assert not absent, "404 comes from the operation, not from the gateway"
        else:
            assert answer.status_code == 401, answer.text


@one_database
@in_one_test("operation", REST, named)
def test_another_verb_is_405_with_what_is_allowed(server: Served, operation: Operation) -> None:
    for route in operation.rules.routes:
        answer = server.http.request("TRACE", operation.path(route, server.credentials["tenantId"]))
        assert answer.status_code == 405, answer.text
        assert route.verb in answer.headers["allow"].split(", ")


@one_database
@in_one_test("operation", REST, named)
def test_rest_and_native_grpc_decide_alike(
    server: Served, api_keys: dict[str, str], tokens: Tokens, operation: Operation
) -> None:
    route = operation.rules.routes[0]
    tenants = [server.credentials["tenantId"]] if operation.rules.tenant_field else [""]
    if operation.rules.tenant_field:
        tenants.append(UNKNOWN)
    with server.channel() as channel:
        for tenant in tenants:
            # One that does not exist is unknown to every role in the same way: an insider and a stranger are enough.
            for name in ("nobody", "manager") if tenant == UNKNOWN else ("nobody", "reader", "manager", "operator"):
                key = api_keys.get(name, "")
                code = operation.native(channel, tenant, tokens.bearer(key))
                if code is grpc.StatusCode.OK:
                    tokens.spent(key)
                answer = operation.rest(server.http, route, tenant, tokens.bearer(key))
                if "BODY_MISSING" in answer.text or "has no body" in answer.text:  # which no native request can lack
                    answer = operation.rest(server.http, route, tenant, tokens.bearer(key), json={})
                if not answer.is_error:
                    tokens.spent(key)
                assert answer.status_code in HTTP_OF[code], f"{name} {tenant}: {code} but {answer.text}"


@one_database
@in_one_test("operation", [one for one in OPERATIONS if one.rules.roles], named)
def test_nobody_gets_in_without_a_token(server: Served, operation: Operation) -> None:
    with server.channel() as channel:
        assert operation.native(channel, server.credentials["tenantId"], {}) is grpc.StatusCode.UNAUTHENTICATED


@one_database
@in_one_test("operation", [one for one in REST if rules.ROLE_WRITER in one.rules.roles], named)
def test_a_reader_changes_nothing(
    server: Served, api_keys: dict[str, str], tokens: Tokens, operation: Operation
) -> None:
    headers = tokens.bearer(api_keys["reader"])
    answer = operation.rest(server.http, operation.rules.routes[0], server.credentials["tenantId"], headers)
    assert answer.status_code == 403, answer.text


def test_each_cell_of_the_role_matrix_holds_over_both_transports(server: Served) -> None:
    with server.channel() as channel, beside(server) as installation:
        home, called = installation.tenant_id, callers(installation)
        for turn, operation in enumerate(sorted(WALKED, key=lambda one: one.rules.method.endswith(ENDS_THE_SESSION))):
            for transport, ask in (("grpc", partial(over_grpc, channel)), ("rest", partial(over_rest, server.http))):
                where = f"{operation.rules.method} over {transport}"
                if operation.rules.need.anonymous:  # asked once: tries to sign in are counted
                    assert ask(operation, home, {})[0] not in (403, 405, 501), where
                    continue
                answers = {name: ask(operation, home, headers) for name, headers in called.items()}
                assert {name for name in ROLES if is_in(answers[name])} == let_in(operation) & set(ROLES), where
                assert {answers[name][0] for name in DEAD} == {401}, where
                if names_a_tenant(operation):
                    unknown = {name: ask(operation, NOBODYS, called[name]) for name in STRANGERS}
                    assert {name: answers[name] for name in STRANGERS} == unknown, where
                    assert {status for status, _ in unknown.values()} <= {403, 404}, where
                if operation.rules.method.endswith(ENDS_THE_SESSION):
                    called = callers(installation, suffix=f"{transport}{turn}")
