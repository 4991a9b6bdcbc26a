"""Users in SCIM over native gRPC: created, refused, and what is taken of a body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api import httpbody_pb2
from kit.accounts.people import PASSWORD, Made, new_person
from kit.callers import Caller
from kit.scim import CODES, ENTERPRISE, NUMBERS, USER, create, find, get, raw_create, refusal

from ostiary.directory.users.users import delete_user
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.scim.v2 import scim_users_pb2 as pb
from ostiary_api.scim.v2.scim_users_pb2_grpc import UsersServiceStub

FULL: dict[str, Any] = {
    "userName": "Ann.Öther", "displayName": "Ann", "nickName": "A", "title": "Dr", "locale": "de-DE",
    "preferredLanguage": "de", "timezone": "Europe/Berlin", "active": True, "externalId": "hr-1",
    "name": {"givenName": "Ann", "familyName": "Other", "middleName": "B", "honorificPrefix": "Dr"},
    "emails": [
        {"value": "ann@work.example", "type": "work", "primary": True}, {"value": "ann@home.local", "type": "home"},
    ],
    "phoneNumbers": [{"value": "+49 30 123", "type": "mobile"}],
    ENTERPRISE: {"employeeNumber": "7", "department": "R&D"},
}  # fmt: skip


def test_a_created_user_comes_back_whole_and_is_a_member(caller: Caller, owner: Made) -> None:
    body = json.dumps({"schemas": [USER, ENTERPRISE], **FULL, "password": PASSWORD}).encode()
    request = pb.CreateUserRequest(user=httpbody_pb2.HttpBody(content_type="application/scim+json", data=body))
    answer, call = UsersServiceStub(caller.channel).CreateUser.with_call(request, **owner.call)
    made, headers = json.loads(answer.data), dict(call.initial_metadata())
    assert made == get(caller, owner.call, made["id"]) == get(caller, owner.call, f"urn:vcloud:user:{made['id']}")
    assert {name: made[name] for name in FULL if name not in ("name", "emails", "phoneNumbers")} == {
        name: FULL[name] for name in FULL if name not in ("name", "emails", "phoneNumbers")
    }
    assert made["name"] == {**FULL["name"], "formatted": "Ann Other"}
    assert [(one["value"], one["primary"]) for one in made["emails"]] == [
        ("ann@work.example", True), ("ann@home.local", False),
    ]  # fmt: skip
    assert made["roles"] == [{"value": "org_member", "display": "Organization Member"}]
    assert "password" not in made
    assert set(made["schemas"]) == {USER, ENTERPRISE}
    assert (made["meta"]["version"], made["meta"]["resourceType"]) == (headers["etag"], "User")
    assert made["meta"]["location"] == headers["location"]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"userName": "ANN"}, "USERNAME_TAKEN"),
        ({"userName": "bob", "emails": [{"value": "ANN@Example.com"}]}, "EMAIL_TAKEN"),
        ({"userName": "bob", "externalId": "hr-1"}, "EXTERNAL_ID_TAKEN"),
    ],
)
def test_a_second_user_of_the_same_name_is_a_conflict_and_leaves_nothing(
    caller: Caller, owner: Made, attributes: dict[str, Any], reason: str
) -> None:
    create(caller, owner.call, userName="ann", externalId="hr-1", emails=[{"value": "ann@example.com"}])
    before = find(caller, owner.call)["totalResults"]
    assert refusal(create, caller, owner.call, **attributes) == (CODES.ALREADY_EXISTS, reason, "uniqueness")
    assert find(caller, owner.call)["totalResults"] == before


def test_ids_and_grants_of_the_client_are_not_believed(caller: Caller, owner: Made) -> None:
    made = create(
        caller, owner.call, userName="eve", id=owner.id, externalId="1", meta={"version": 'W/"99"'}, tenantId=SYSTEM_ID,
        roles=[{"value": "org_owner"}], groups=[{"value": "g"}], entitlements=[{"value": "everything"}],
    )  # fmt: skip
    assert made["id"] not in (owner.id, "1")
    assert [role["value"] for role in made["roles"]] == ["org_member"]
    assert not {"entitlements", "groups", "tenantId"} & made.keys()
    assert made["meta"]["version"] == 'W/"1"'
    assert refusal(get, caller, owner.call, "1")[0] is CODES.NOT_FOUND


def test_each_provisioning_client_has_its_own_external_ids(caller: Caller, owner: Made) -> None:
    other = new_person(caller.installation, owner.tenant_id, "other", "org_owner")
    made = create(caller, owner.call, userName="ann", externalId="1")
    assert made["externalId"] == "1"
    assert "externalId" not in get(caller, other.call, made["id"])
    assert find(caller, other.call, filter='externalId eq "1"')["totalResults"] == 0
    assert create(caller, other.call, userName="bob", externalId="1")["externalId"] == "1"
    (found,) = find(caller, owner.call, filter='externalId eq "1"')["Resources"]
    assert found["userName"] == "ann"


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        (b"", "invalidSyntax"), (b"{", "invalidSyntax"), (b"[]", "invalidSyntax"), (b'"x"', "invalidSyntax"),
        (b'{"userName": "x\xff"}', "invalidSyntax"),
        (b'{"schemas": ["urn:x"], "userName": "x"}', "invalidSyntax"),
        (b'{"userName": "x"}', "invalidValue"),
        (b'{"schemas": [], "userName": "x"}', "invalidValue"),
        (b'{"schemas": ["%s"]}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": ""}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": 7}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "a\\nb"}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "%s"}' % (USER.encode(), b"x" * 300), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "x", "emails": [{"value": "no address"}]}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "x", "emails": "a@b.c"}' % USER.encode(), None),
        (b'{"schemas": ["%s"], "userName": "x", "displayName": "a\\u0000b"}' % USER.encode(), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "x", "nickName": "\\ud800"}' % USER.encode(), "invalidSyntax"),
        (b'{"schemas": ["%s"], "userName": "x", "password": "%s"}' % (USER.encode(), b"p" * 2000), "invalidValue"),
        (b'{"schemas": ["%s"], "userName": "x", "title": "%s"}' % (USER.encode(), b"t" * 99999), "invalidValue"),
    ],
)  # fmt: skip
def test_a_bad_user_is_refused_with_the_scim_reason_and_leaves_nothing(
    shared_caller: Caller, shared_owner: Made, body: bytes, scim_type: str | None
) -> None:
    code, _reason, given = refusal(raw_create, shared_caller, shared_owner.call, body)
    assert code is CODES.INVALID_ARGUMENT
    assert given == scim_type or scim_type is None
    assert find(shared_caller, shared_owner.call)["totalResults"] == 3


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"value": "26118915"}, {"value": "26118915"}),
        ({"displayName": "Bob"}, {"displayName": "Bob"}),
        ({"$ref": "../Users/26118915"}, {"$ref": "../Users/26118915"}),
        ({"value": "7", "$ref": "https://hr.example/Users/7", "displayName": "B"},
         {"value": "7", "$ref": "https://hr.example/Users/7", "displayName": "B"}),
        ("26118915", {"value": "26118915"}), ({}, None), (None, None), ({"value": None}, None), ("", None),
        ({"managerId": "7"}, None),
    ],
)  # fmt: skip
def test_a_manager_is_taken_as_far_as_it_is_said(
    shared_caller: Caller, shared_owner: Made, sent: object, kept: object
) -> None:
    name = f"managed{next(NUMBERS)}"
    body = {"schemas": [USER, ENTERPRISE], "userName": name, ENTERPRISE: {"department": "d", "manager": sent}}
    made = json.loads(raw_create(shared_caller, shared_owner.call, json.dumps(body).encode()).data)
    again = get(shared_caller, shared_owner.call, made["id"])
    assert made == again
    assert again[ENTERPRISE].get("manager") == kept
    assert again[ENTERPRISE]["department"] == "d"
    with shared_caller.installation.runtime.store.write() as work:
        delete_user(work, shared_owner.tenant_id, made["id"])


@pytest.mark.parametrize(
    "said",
    [{"id": 5}, {"ID": "mine"}, {"meta": "m"}, {"meta": {"created": "soon", "version": 1}}, {"Meta": []},
     {"groups": ["admins"]}, {"groups": [{"value": "admins"}]}, {"groups": 5}, {"profileUrl": ""}, {"nickName": ""}],
)  # fmt: skip
def test_what_is_read_only_or_empty_is_ignored_whatever_it_holds(
    shared_caller: Caller, shared_owner: Made, said: dict[str, object]
) -> None:
    name = f"saying{next(NUMBERS)}"
    body = {"schemas": [USER], "userName": name, **said}
    made = json.loads(raw_create(shared_caller, shared_owner.call, json.dumps(body).encode()).data)
    assert made.keys() == {"schemas", "id", "userName", "active", "roles", "meta"}
    assert made["id"] != "mine"
    with shared_caller.installation.runtime.store.write() as work:
        delete_user(work, shared_owner.tenant_id, made["id"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"schemas": ["%s"], "userName": "x", "userName": "y"}' % USER.encode(),
        b'{"schemas": ["%s"], "userName": "x", "name": {"givenName": "a", "givenName": "b"}}' % USER.encode(),
        b'{"schemas": ["%s"], "userName": "x", "unknown": NaN}' % USER.encode(),
        b'{"schemas": ["%s"], "userName": "x", "unknown": "\\udead"}' % USER.encode(),
    ],
)
def test_json_that_two_readers_would_read_differently_is_refused(
    shared_caller: Caller, shared_owner: Made, body: bytes
) -> None:
    code, reason, given = refusal(raw_create, shared_caller, shared_owner.call, body)
    assert (code, reason, given) == (CODES.INVALID_ARGUMENT, "MALFORMED_JSON", "invalidSyntax")


def test_another_content_type_is_refused(caller: Caller, owner: Made) -> None:
    body = json.dumps({"schemas": [USER], "userName": "x"}).encode()
    assert refusal(raw_create, caller, owner.call, body, "text/xml")[2] == "invalidSyntax"
