"""A list where a list is meant, an object where an object is meant: every field of every body of JSON, made from the
descriptors, through the real Envoy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from contract.served import RPCS
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from kit.cases import in_one_test
from kit.operations.interface import Operation
from kit.servers.served import Served, served

from ostiary.gateway.operations import declared_interface

Json = Any
LIST, STRUCT, VALUE = "google.protobuf.ListValue", "google.protobuf.Struct", "google.protobuf.Value"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Place:
    """A field somewhere in a body: `path` as a refusal names it, `body` with a value there."""

    path: str
    field: FieldDescriptor
    body: Callable[[Json], Json]

    @property
    def is_map(self) -> bool:
        return self.message is not None and bool(self.message.GetOptions().map_entry)

    @property
    def is_list(self) -> bool:
        return (self.field.is_repeated and not self.is_map) or self._name == LIST

    @property
    def is_object(self) -> bool:
        return not self.is_list and self.message is not None

    @property
    def kind(self) -> tuple[object, ...]:
        """What decides how its values are judged."""
        return self.field.type, self.is_list, self.is_map, self._name

    @property
    def message(self) -> Descriptor | None:
        return self.field.message_type

    @property
    def _name(self) -> str:
        return self.message.full_name if self.message else ""

    def wrong(self) -> Iterator[tuple[str, Json]]:
        """What stands nowhere but where it is refused, and values that have not the shape of this field."""
        if self._name == VALUE:
            return
        item = {} if self.message and self._name != LIST else "text"
        if self.is_list:
            yield from (
                (f"{self.path} must be a list.", value) for value in ("", "text", 1, True, {}, {"0": "a"}, item)
            )
            if self._name != LIST:
                yield from ((f"{self.path}[1] must be ", [item, value]) for value in ([], [item], None))
                yield f"{self.path}[0] must be ", ["text" if self.message else {}]
        elif self.is_object:
            yield from ((f"{self.path} must be an object.", value) for value in ("", "text", 1, True, [], [item]))
            if self.is_map:
                yield from ((f"{self.path}.a must be ", {"a": value}) for value in ([], ["a"], {}, {"b": "a"}, None))
        else:
            yield from ((f"{self.path} must be ", value) for value in ([], ["text"], [1], {}, {"value": "text"}))


def places(message: Descriptor, path: str, body: Callable[[Json], Json], above: frozenset[str]) -> Iterator[Place]:
    """Every field of a message, and of the messages in it."""
    for field in message.fields:

        def within(value: Json, name: str = field.json_name) -> Json:
            return body({name: value})

        place = Place(f"{path}{field.json_name}", field, within)
        yield place
        below = place.message
        if below is None or place.is_map or below.full_name in {LIST, STRUCT, VALUE, *above}:
            continue
        if place.is_list:
            yield from places(below, f"{place.path}[0].", lambda one, put=within: put([one]), above | {below.full_name})
        else:
            yield from places(below, f"{place.path}.", within, above | {below.full_name})


METHODS = {rpc.rules.method: rpc for rpc in RPCS}
BODIES = [
    (operation, found)
    for operation in declared_interface().operations
    if operation.body and (found := METHODS[operation.rpc].descriptor.input_type.fields_by_name[operation.body])
    and found.message_type.full_name != "google.api.HttpBody"
]  # fmt: skip
ASKED: set[tuple[object, ...]] = set()
CLOSED = [(operation, body) for operation, body in BODIES if not METHODS[operation.rpc].rules.need.anonymous]


def named(case: tuple[Any, FieldDescriptor]) -> str:
    return f"{case[0].verb} {case[0].rpc.rpartition('.')[2]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("shapes"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def manager(server: Served) -> dict[str, str]:
    return server.manager() | JSON


@pytest.fixture(scope="module")
def operator(server: Served) -> dict[str, str]:
    return {"authorization": f"Bearer {server.token(server.credentials['operatorApikey'])}"} | JSON


@pytest.fixture(scope="module")
def user(server: Served, manager: dict[str, str]) -> dict[str, str]:
    """Headers of a user who has signed in to an application."""
    known, password = server.credentials, "correct horse battery staple"
    person = {"emails": [{"value": "ann@example.com"}], "password": password, "status": "CONFIRMED"}
    signing_up = f"{known['managementUrl']}/cloud_directory/sign_up"
    server.http.post(signing_up, json=person, headers=manager, params={"shouldCreateProfile": True}).raise_for_status()
    form = {"grant_type": "password", "username": "ann@example.com", "password": password}
    client = known["clientId"], known["secret"]
    answer = server.http.post(f"{known['oauthServerUrl']}/token", data=form, auth=client).raise_for_status()
    return {"authorization": f"Bearer {answer.json()['access_token']}"} | JSON


def ask(server: Served, operation: Any, body: Json, headers: dict[str, str], tenant: str = "") -> httpx.Response:
    rpc = METHODS[operation.rpc]
    route = next(one for one in rpc.rules.routes if (one.verb, one.path) == (operation.verb, operation.path))
    path = Operation(rpc.descriptor, rpc.rules).path(route, tenant or server.credentials["tenantId"])
    return server.http.request(operation.verb, path, content=json.dumps(body), headers=headers)


def places_of(body: FieldDescriptor) -> list[Place]:
    return list(places(body.message_type, "", lambda value: value, frozenset({body.message_type.full_name})))


def test_there_are_lists_of_both_kinds_and_a_map() -> None:
    found = [place for _, body in BODIES for place in places_of(body)]
    assert {"emails", "access", "ids", "roles.names", "languages"} <= {place.path for place in found if place.is_list}
    assert any(place.is_map for place in found)
    assert len(found) > 150


@in_one_test("operation, body", BODIES, named)
def test_each_field_of_another_shape_is_refused_by_its_path(
    server: Served, manager: dict[str, str], operator: dict[str, str], user: dict[str, str], operation: Any,
    body: FieldDescriptor,
) -> None:  # fmt: skip
    may = (one for one in (manager, operator, user) if ask(server, operation, {}, one).status_code not in (401, 403))
    caller = next(may, manager)
    for place in places_of(body):
        wrong = list(place.wrong())
        if place.kind in ASKED:
            wrong = list(dict(wrong).items())  # one of each refusal: all values were asked of another field of its kind
        ASKED.add(place.kind)
        for told, value in wrong:
            answer = ask(server, operation, place.body(value), caller)
            assert answer.status_code == 400, (place.path, value, answer.text)
            assert told in answer.text, (place.path, value, answer.text)
            assert (
                not operation.rpc.startswith("/identity.appid.management")
                or answer.json()["errorCode"] == "INVALID_FIELD"
            )


@in_one_test("operation, body", CLOSED, named)
def test_who_may_not_ask_hears_the_same_whatever_the_shape(
    server: Served, manager: dict[str, str], operation: Any, body: FieldDescriptor
) -> None:
    wrong = next(place.body({}) for place in places_of(body) if not place.is_object)
    foreign = ((manager, "00000000-0000-4000-8000-000000000000"),) if METHODS[operation.rpc].rules.tenant_field else ()
    for headers, tenant in ((JSON, ""), *foreign):
        denied, judged = (ask(server, operation, sent, headers, tenant) for sent in ({}, wrong))
        assert denied.status_code in (401, 403, 404)
        assert (judged.status_code, judged.content) == (denied.status_code, denied.content)


def test_an_object_in_place_of_a_list_changes_nothing(server: Served, manager: dict[str, str]) -> None:
    roles = f"/management/v4/{server.credentials['tenantId']}/roles"
    before = server.http.get(roles, headers=manager).json()
    access = {"application_id": server.credentials["clientId"], "scopes": ["read"]}
    answer = server.http.post(roles, headers=manager, content=json.dumps({"name": "lost", "access": access}))
    assert (answer.status_code, answer.json()["message"]) == (400, "access must be a list.")
    assert server.http.get(roles, headers=manager).json() == before


@pytest.mark.parametrize("size", [100, 40_000, 1_000_000])
def test_the_shape_counts_in_bodies_of_every_size(server: Served, manager: dict[str, str], size: int) -> None:
    path = f"/management/v4/{server.credentials['tenantId']}/config/ui/languages"
    body = json.dumps({"padding": "x" * size, "languages": "en"})
    answer = server.http.put(path, headers=manager, content=body)
    assert (answer.status_code, answer.json()["message"]) == (400, "languages must be a list.")


# Bodies that a worker reads


TRAVELLER = {
    "scimUser": {"originalId": "old", "emails": [{"value": "old@example.com"}], "phoneNumbers": [], "schemas": [],
                 "ims": [], "photos": [], "addresses": [], "x509Certificates": [], "passwordHistory": []},
    "profile": {"attributes": {}}, "roles": [],
}  # fmt: skip
CARRIED = {
    "id": "old", "name": "Ada", "identities": [{"provider": "google", "id": "ada"}], "attributes": {}, "roles": [],
}  # fmt: skip
SCIM = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada",
    "emails": [{"value": "ada@example.com"}], "phoneNumbers": [], "ims": [], "photos": [], "addresses": [],
    "x509Certificates": [],
}  # fmt: skip


def misshapen(document: Json, *more: Json) -> list[Any]:
    return [pytest.param(bad, id=told) for told, bad in without_a_list(document, more)]


def without_a_list(document: Json, more: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Copies of a document, each with something else in place of one of its lists."""
    if isinstance(document, dict):
        for name, part in document.items():
            yield from ((f"{name} {told}".strip(), {**document, name: bad}) for told, bad in without_a_list(part, more))
    elif isinstance(document, list):
        instead = ("text", 0, 1, False, True, {}, {"0": {}}, *document[:1], *more)
        yield from ((json.dumps(value), value) for value in instead)


@in_one_test("user", list(misshapen(TRAVELLER, "")))
def test_a_user_of_an_import_whose_list_is_none_is_not_added(
    server: Served, manager: dict[str, str], user: Json
) -> None:
    path = f"/management/v4/{server.credentials['tenantId']}/cloud_directory/import?encryption_secret=secret"
    answer = server.http.post(path, headers=manager, content=json.dumps({"users": [user]}))
    assert (answer.status_code, answer.json()["added"], answer.json()["failed"]) == (200, 0, 1), answer.text


@in_one_test("user", list(misshapen(CARRIED, "")))
def test_a_profile_of_an_import_whose_list_is_none_is_not_added(
    server: Served, manager: dict[str, str], user: Json
) -> None:
    path = f"/management/v4/{server.credentials['tenantId']}/users/import"
    answer = server.http.post(path, headers=manager, content=json.dumps({"users": [user]}))
    assert (answer.status_code, answer.json()["added"], answer.json()["failed"]) == (200, 0, 1), answer.text


@pytest.mark.parametrize("path", ["cloud_directory/import?encryption_secret=secret", "users/import"])
@pytest.mark.parametrize("users", [{}, TRAVELLER, CARRIED, "text", None, 1])
def test_an_import_of_users_that_are_no_list_is_refused(
    server: Served, manager: dict[str, str], path: str, users: Json
) -> None:
    url = f"/management/v4/{server.credentials['tenantId']}/{path}"
    answer = server.http.post(url, headers=manager, content=json.dumps({"users": users}))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "USERS_MISSING")


@in_one_test("user", list(misshapen(SCIM)))
def test_a_scim_user_whose_list_is_none_is_refused(server: Served, manager: dict[str, str], user: Json) -> None:
    answer = server.http.post("/scim/v2/Users", headers=manager, content=json.dumps(user))
    assert (answer.status_code, answer.json()["status"]) == (400, "400"), answer.text
