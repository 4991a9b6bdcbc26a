"""Every REST path that the descriptors declare is answered through the whole server as its rules say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from kit.cases import in_one_test
from kit.servers.served import Served, served

from ostiary.gateway import envoy
from ostiary.gateway.operations import Operation, declared_interface
from ostiary.gateway.refusals import answers
from ostiary.gateway.render import NO_STORE, PUBLIC, Gateway, render
from ostiary.gateway.routes import DeclaredPath, tree_of

INTERFACE = declared_interface()
OPERATIONS = INTERFACE.operations
PLACES = list(tree_of(OPERATIONS).everything())
ORIGIN = {"origin": "https://app.test"}
OF_PAGES = "no-store"
"""What hosted pages say themselves, which forbids every cache to keep them (RFC 9111 section 5.2.2.5)."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), workers=1) as running:
        yield running


def name_of(operation: Operation) -> str:
    return f"{operation.verb} {operation.path}"


def path_of(place: DeclaredPath, server: Served) -> str:
    path = next(iter(place.operations.values())).path
    path = re.sub(r"\{tenant_id[^}]*\}", server.credentials["tenantId"], path)
    return re.sub(r"\{[^}]*\}", "x", path)


def refusal(answer: httpx.Response, place: DeclaredPath, name: str) -> bool:
    """Whether the gateway itself gave this refusal."""
    family = next(iter(place.operations.values()))
    wanted = dict(answers(family.family, family.path))[name]
    return (answer.status_code, answer.text) == (wanted.status, wanted.body)


def test_envoy_accepts_the_configuration_with_and_without_tls() -> None:
    sockets = ["/run/ostiary/worker-0.sock", "127.0.0.1:5001"]
    envoy.validate(render(Gateway("0.0.0.0:8080", sockets), INTERFACE))
    envoy.validate(render(Gateway("[::]:8443", sockets, hsts=True, trusted_hops=2, log_format="text"), INTERFACE))


@in_one_test("operation", OPERATIONS, name_of)
def test_it_reaches_its_operation(server: Served, operation: Operation) -> None:
    place = next(place for place in PLACES if operation in place.operations.values())
    path = path_of(place, server)
    answer = server.http.request(operation.verb, path, headers=ORIGIN)
    for name in ("404", "405", "503", "504", "500"):
        assert not refusal(answer, place, name), answer.text
    assert ("access-control-allow-origin" in answer.headers) == operation.cors
    assert "access-control-allow-credentials" not in answer.headers
    public = operation.cacheable and answer.status_code < 400
    is_page = operation.path.startswith("/account/") or answer.headers["content-type"].startswith("text/html")
    kept = {PUBLIC} if public else {OF_PAGES, NO_STORE} if is_page else {NO_STORE}
    assert answer.headers["cache-control"] in kept


@in_one_test("place", PLACES, lambda place: next(iter(place.operations.values())).path)
def test_other_verbs_are_refused_with_those_allowed(server: Served, place: DeclaredPath) -> None:
    path = path_of(place, server)
    balancers = set() if place.segments else {"OPTIONS"}  # `OPTIONS /` is the check of a balancer
    for verb in sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} - set(place.allowed) - balancers):
        answer = server.http.request(verb, path)
        assert answer.status_code == 405, verb
        expected = {*place.allowed, *({"OPTIONS"} if place.traits.cors else ())}
        assert set(answer.headers["allow"].split(", ")) == expected
        assert verb == "HEAD" or refusal(answer, place, "405")


@in_one_test("place", PLACES, lambda place: next(iter(place.operations.values())).path)
def test_what_lies_below_is_404_in_the_same_words(server: Served, place: DeclaredPath) -> None:
    answer = server.http.get(f"{path_of(place, server)}/no/such/path", headers=ORIGIN)
    around = [one for one in PLACES if one.segments[: len(place.segments)] == place.segments]
    assert any(refusal(answer, one, "404") for one in around), answer.text
    assert "access-control-allow-origin" not in answer.headers


@in_one_test("operation", [operation for operation in OPERATIONS if operation.bound], name_of)
def test_the_query_cannot_name_what_the_path_binds(server: Served, operation: Operation) -> None:
    place = next(place for place in PLACES if operation in place.operations.values())
    for name in operation.bound:
        answer = server.http.request(operation.verb, path_of(place, server), params={name: "x"})
        assert refusal(answer, place, "repeated"), answer.text
