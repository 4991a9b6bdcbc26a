"""Changes of users in SCIM over native gRPC: PUT, PATCH and DELETE, in the forms of the RFC, of Entra and of Okta."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from kit.accounts.people import PASSWORD, Made, new_person
from kit.callers import Caller
from kit.scim import (
    CODES,
    ENTERPRISE,
    NUMBERS,
    USER,
    create,
    delete,
    find,
    get,
    patch,
    put,
    refusal,
    with_header,
)

from ostiary_api.csp.v1 import login_pb2
from ostiary_api.csp.v1.login_pb2_grpc import LoginServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub
from ostiary_api.scim.v2 import scim_users_pb2 as pb
from ostiary_api.scim.v2.scim_users_pb2_grpc import UsersServiceStub

WORK = {"value": "ann@work.example", "type": "work", "primary": True}
HOME = {"value": "ann@home.example", "type": "home", "primary": False}
ANN: dict[str, Any] = {
    "displayName": "Ann", "title": "Dr", "active": True, "externalId": "hr-ann", "locale": "de-DE",
    "name": {"givenName": "Ann", "familyName": "Other", "middleName": "B"}, "emails": [WORK, HOME],
    "phoneNumbers": [{"value": "+49 30 1", "type": "work", "primary": True}],
    ENTERPRISE: {"department": "R&D", "employeeNumber": "7"},
}  # fmt: skip


@pytest.fixture
def ann(shared_caller: Caller, shared_owner: Made) -> Iterator[dict[str, Any]]:
    """A user of the shared organization, who goes after the test."""
    made = create(shared_caller, shared_owner.call, userName=f"ann{next(NUMBERS)}", **ANN)
    yield made
    if find(shared_caller, shared_owner.call, filter=f'id eq "{made["id"]}"')["totalResults"]:
        delete(shared_caller, shared_owner.call, made["id"])


Operations = list[dict[str, Any]]
OTHER = {"value": "other@work.example", "type": "other"}
PATCHES: list[tuple[Operations, dict[str, Any]]] = [
    # the RFC's own (§3.5.2)
    ([{"op": "replace", "path": "title", "value": "Prof"}], {"title": "Prof"}),
    ([{"op": "add", "value": {"nickName": "A", "title": "Prof"}}], {"nickName": "A", "title": "Prof"}),
    ([{"op": "remove", "path": "title"}], {"title": None}),
    (
        [{"op": "replace", "path": "name.familyName", "value": "Öther"}],
        {"name.familyName": "Öther", "name.givenName": "Ann"},
    ),
    (
        [{"op": "replace", "path": "name", "value": {"givenName": "Anna"}}],
        {"name.givenName": "Anna", "name.middleName": "B"},
    ),
    ([{"op": "remove", "path": "name.middleName"}], {"name.middleName": None, "name.formatted": "Ann Other"}),
    ([{"op": "add", "path": "emails", "value": [OTHER]}], {"emails": [WORK, HOME, {**OTHER, "primary": False}]}),
    (
        [{"op": "add", "path": "emails", "value": [{"value": "ANN@home.example", "type": "home"}]}],
        {"emails": [WORK, {**HOME, "value": "ANN@home.example"}]},
    ),
    ([{"op": "replace", "path": "emails", "value": [OTHER]}], {"emails": [{**OTHER, "primary": True}]}),
    ([{"op": "remove", "path": 'emails[type eq "home"]'}], {"emails": [WORK]}),
    ([{"op": "remove", "path": 'emails[type eq "fax"]'}], {"emails": [WORK, HOME]}),
    ([{"op": "remove", "path": "emails"}], {"emails": None}),
    (
        [{"op": "remove", "path": 'emails[type eq "home"].type'}],
        {"emails": [WORK, {"value": HOME["value"], "primary": False}]},
    ),
    (
        [{"op": "replace", "path": 'emails[type eq "work" and value ew "work.example"].value', "value": "a@b.example"}],
        {"emails": [{**WORK, "value": "a@b.example"}, HOME]},
    ),
    (
        [{"op": "replace", "path": 'emails[type eq "home"]', "value": {"value": "x@y.example", "display": "X"}}],
        {"emails": [WORK, {"value": "x@y.example", "display": "X", "primary": False}]},
    ),
    (
        [{"op": "add", "path": 'emails[type eq "home"]', "value": {"primary": True}}],
        {"emails": [{**WORK, "primary": False}, {**HOME, "primary": True}]},
    ),
    (
        [
            {"op": "add", "path": "addresses", "value": {"type": "work", "locality": "Bonn"}},
            {"op": "replace", "path": 'addresses[type eq "work"].locality', "value": "Köln"},
        ],
        {"addresses": [{"type": "work", "locality": "Köln"}]},
    ),
    (
        [{"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Sales"}],
        {f"{ENTERPRISE}.department": "Sales", f"{ENTERPRISE}.employeeNumber": "7"},
    ),
    ([{"op": "remove", "path": ENTERPRISE}], {ENTERPRISE: None, "schemas": [USER]}),
    (
        [{"op": "add", "path": ENTERPRISE, "value": {"costCenter": "4"}}],
        {f"{ENTERPRISE}.costCenter": "4", f"{ENTERPRISE}.department": "R&D"},
    ),
    ([{"op": "replace", "path": f"{USER}:title", "value": "Prof"}], {"title": "Prof"}),
    ([{"op": "add", "path": "title", "value": None}], {"title": "Dr"}),
    # Entra's
    ([{"op": "Replace", "path": "active", "value": "False"}], {"active": False}),
    (
        [{"op": "Replace", "path": 'emails[type eq "other"].value', "value": "ann@other.example"}],
        {"emails": [WORK, HOME, {"value": "ann@other.example", "type": "other", "primary": False}]},
    ),
    (
        [{"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 171"}],
        {"phoneNumbers": [ANN["phoneNumbers"][0], {"value": "+49 171", "type": "mobile", "primary": False}]},
    ),
    (
        [{"op": "Replace", "path": 'emails[primary eq "True"].value', "value": "b@c.example"}],
        {"emails": [{**WORK, "value": "b@c.example"}, HOME]},
    ),
    (
        [{"op": "Add", "path": "emails", "value": [{**OTHER, "primary": "true"}]}],
        {"emails": [{**WORK, "primary": False}, HOME, {**OTHER, "primary": True}]},
    ),
    ([{"op": "Replace", "path": "displayName", "value": ["Anna"]}], {"displayName": "Anna"}),
    ([{"op": "Add", "path": "name.givenName", "value": ["Anna"]}], {"name.givenName": "Anna"}),
    (
        [
            {
                "op": "Replace",
                "value": {
                    "name.givenName": "Anna",
                    f"{ENTERPRISE}:department": "X",
                    "title": ["Prof"],
                    'emails[type eq "work"].value': "k@l.example",
                    "unknown": 7,
                },
            }
        ],
        {
            "name.givenName": "Anna",
            f"{ENTERPRISE}.department": "X",
            "title": "Prof",
            "emails": [{**WORK, "value": "k@l.example"}, HOME],
        },
    ),
    (
        [{"op": "Add", "value": {ENTERPRISE: {"division": "D"}}}],
        {f"{ENTERPRISE}.division": "D", f"{ENTERPRISE}.department": "R&D"},
    ),
    (
        [{"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "26118915"}],
        {f"{ENTERPRISE}.manager": {"value": "26118915"}},
    ),
    (
        [
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": {"value": "26118915"}},
            {"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": ""},
        ],
        {f"{ENTERPRISE}.manager": None},
    ),
    (
        [
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"value": "26118915", "$ref": None}]},
            {"op": "Remove", "path": f"{ENTERPRISE}:manager"},
        ],
        {f"{ENTERPRISE}.manager": None},
    ),
    ([{"op": "Remove", "path": "emails", "value": [{"value": "ANN@home.example"}]}], {"emails": [WORK]}),
    # Okta's
    ([{"op": "replace", "value": {"active": False}}], {"active": False}),
    ([{"op": "replace", "value": {"externalId": "hr-2"}}], {"externalId": "hr-2"}),
    ([{"op": "remove", "path": "externalId"}], {"externalId": None}),
    # what gives nobody anything
    (
        [
            {
                "op": "replace",
                "value": {
                    "roles": [{"value": "org_owner"}],
                    "groups": [{"value": "g"}],
                    "meta": {"version": "9"},
                    "entitlements": [{"value": "all"}],
                    "title": "Prof",
                },
            }
        ],
        {
            "title": "Prof",
            "roles": [{"value": "org_member", "display": "Organization Member"}],
            "groups": None,
            "entitlements": None,
        },
    ),
]


@pytest.mark.parametrize(("operations", "expected"), PATCHES)
def test_a_patch_changes_what_it_names_and_answers_with_what_is_stored(
    shared_caller: Caller, shared_owner: Made, ann: dict[str, Any], operations: Operations, expected: dict[str, Any]
) -> None:
    answered = patch(shared_caller, shared_owner.call, ann["id"], *operations)
    assert answered == get(shared_caller, shared_owner.call, ann["id"])
    assert {path: at(answered, path) for path in expected} == expected
    same = expected == {path: at(ann, path) for path in expected}
    assert (answered["meta"]["version"] == ann["meta"]["version"]) == same, "a change of nothing is none"
    untouched = {name for name in ann if name not in ("meta", "schemas", *(path.split(".")[0] for path in expected))}
    assert {name: answered[name] for name in untouched - {ENTERPRISE, "name"}} == {
        name: ann[name] for name in untouched - {ENTERPRISE, "name"}
    }


def at(document: dict[str, Any], path: str) -> Any:
    """What a path leads to; the URN of the extension has dots of its own."""
    if path.startswith(ENTERPRISE):
        extension, below = document.get(ENTERPRISE), path.removeprefix(ENTERPRISE).removeprefix(".")
        return extension if not below or extension is None else extension.get(below)
    value: Any = document
    for name in path.split("."):
        value = None if value is None else value.get(name)
    return value


@pytest.mark.parametrize(
    ("operations", "scim_type"),
    [
        ([{"op": "move", "path": "title", "value": "x"}], "invalidSyntax"),
        ([{"path": "title"}], "invalidSyntax"),
        ([], "invalidSyntax"),
        (["x"], "invalidSyntax"),
        ([{"op": "add", "path": "title"}], "invalidValue"),
        ([{"op": "remove"}], "noTarget"),
        ([{"op": "replace", "value": "x"}], "invalidValue"),
        ([{"op": "add", "path": 7, "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": "colour", "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": "name.colour", "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": "emails[", "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": 'title[value eq "x"]', "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": 'emails[type eq "x"].colour', "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": 'emails[colour eq "x"].value', "value": "x"}], "invalidFilter"),
        ([{"op": "replace", "path": "emails[not (type pr)].value", "value": "a@b.example"}], "noTarget"),
        ([{"op": "replace", "path": "id", "value": "x"}], "mutability"),
        ([{"op": "replace", "value": {"id": "x"}}], "mutability"),
        ([{"op": "add", "path": "groups", "value": [{"value": "g"}]}], "mutability"),
        ([{"op": "remove", "path": "meta"}], "mutability"),
        ([{"op": "add", "path": "roles", "value": [{"value": "org_owner"}]}], "mutability"),
        ([{"op": "Add", "path": 'roles[primary eq "True"].value', "value": "org_owner"}], "mutability"),
        ([{"op": "remove", "path": "userName"}], "mutability"),
        ([{"op": "replace", "path": "userName", "value": ""}], "mutability"),
        ([{"op": "replace", "path": "active", "value": "perhaps"}], "invalidValue"),
        ([{"op": "replace", "path": "title", "value": 7}], "invalidValue"),
        ([{"op": "replace", "path": "title", "value": ["a", "b"]}], "invalidValue"),
        ([{"op": "replace", "path": "name", "value": "Ann"}], "invalidValue"),
        ([{"op": "add", "path": "emails", "value": [{"value": "no address"}]}], "invalidValue"),
        ([{"op": "add", "path": "addresses", "value": "Bonn"}], "invalidValue"),
        ([{"op": "replace", "path": "emails", "value": [WORK, {**HOME, "primary": True}]}], "invalidValue"),
        ([{"op": "replace", "path": "password", "value": "x" * 2_000}], "invalidValue"),
        ([{"op": "add", "path": "title", "value": "x"}] * 1_001, "tooMany"),
        ([{"op": "replace", "path": "title", "value": "kept?"}, {"op": "remove", "path": "userName"}], "mutability"),
    ],
)
def test_a_bad_patch_is_refused_and_changes_nothing(
    shared_caller: Caller, shared_owner: Made, ann: dict[str, Any], operations: Operations, scim_type: str
) -> None:
    code, reason, given = refusal(patch, shared_caller, shared_owner.call, ann["id"], *operations)
    assert (code, given) == (CODES.INVALID_ARGUMENT, scim_type), reason
    assert get(shared_caller, shared_owner.call, ann["id"]) == ann


def test_a_patch_that_repeats_the_id_is_taken(shared_caller: Caller, shared_owner: Made, ann: dict[str, Any]) -> None:
    after = patch(
        shared_caller, shared_owner.call, ann["id"], {"op": "replace", "value": {"id": ann["id"], "title": "X"}}
    )
    assert (after["id"], after["title"]) == (ann["id"], "X")


def test_a_put_keeps_what_it_names_and_nothing_else(
    shared_caller: Caller, shared_owner: Made, ann: dict[str, Any]
) -> None:
    after = put(
        shared_caller, shared_owner.call, ann["id"], userName=ann["userName"], title="Prof", id="mine", groups=[],
        roles=[{"value": "org_owner"}], emails=[{"value": "NEW@work.example", "type": "work"}],
        **{ENTERPRISE: {"manager": {"value": "1"}}},
    )  # fmt: skip
    assert after == get(shared_caller, shared_owner.call, ann["id"])
    assert after.keys() == {
        "schemas", "id", "userName", "title", "active", "emails", ENTERPRISE, "roles", "meta",
    }  # fmt: skip
    assert after["roles"] == ann["roles"]
    assert after["emails"][0]["value"] == "NEW@work.example"
    assert int(after["meta"]["version"][3:-1]) == int(ann["meta"]["version"][3:-1]) + 1
    assert put(shared_caller, shared_owner.call, ann["id"], userName="Renamed", active=False)["active"] is False
    assert put(shared_caller, shared_owner.call, ann["id"], userName="Renamed")["active"] is False, "not said: it stays"
    for names in (
        {"userName": "BOB"},
        {"userName": "x", "emails": [{"value": "ann@example.com"}]},
        {"userName": "x", "externalId": "hr-1"},
    ):
        assert refusal(put, shared_caller, shared_owner.call, ann["id"], **names)[0] is CODES.ALREADY_EXISTS
    assert refusal(put, shared_caller, shared_owner.call, ann["id"], title="x")[2] == "invalidValue"
    assert get(shared_caller, shared_owner.call, ann["id"])["userName"] == "Renamed"


@pytest.mark.parametrize(
    ("tag", "passes"),
    [("*", True), ("{}", True), ('W/"0", {}', True), ('W/"77"', False), ('"0"', False), ("{}x", False)],
)
def test_a_change_depends_on_the_version_that_it_names(
    shared_caller: Caller, shared_owner: Made, ann: dict[str, Any], tag: str, passes: bool
) -> None:
    title = {"op": "replace", "path": "title", "value": "Prof"}
    changes: list[tuple[Any, ...]] = [
        (patch, ann["id"], title), (put, ann["id"]), (delete, ann["id"]),
    ]  # fmt: skip
    for change, *arguments in changes:
        version = get(shared_caller, shared_owner.call, ann["id"])["meta"]["version"]
        call = with_header(shared_owner.call, "if-match", tag.format(version))
        named = {"userName": ann["userName"]} if change is put else {}
        if passes:
            change(shared_caller, call, *arguments, **named)
        else:
            refused = refusal(change, shared_caller, call, *arguments, **named)
            assert refused == (CODES.FAILED_PRECONDITION, "VERSION_MISMATCH", "")


def test_the_new_version_is_in_the_header_of_the_answer(
    shared_caller: Caller, shared_owner: Made, ann: dict[str, Any]
) -> None:
    body = httpbody_pb2.HttpBody(data=b'{"schemas":["%s"],"userName":"tagged"}' % USER.encode())
    request = pb.ReplaceUserRequest(id=f"urn:vcloud:user:{ann['id']}", user=body)
    _, call = UsersServiceStub(shared_caller.channel).ReplaceUser.with_call(request, **shared_owner.call)
    assert dict(call.initial_metadata())["etag"] == get(shared_caller, shared_owner.call, ann["id"])["meta"]["version"]


def sign_in(caller: Caller, name: str, password: str = PASSWORD) -> dict[str, Any]:
    """The call arguments of a person who signs in at csp."""
    credentials = login_pb2.Credentials(username=name, password=password)
    token = LoginServiceStub(caller.channel).Login(login_pb2.LoginRequest(credentials=credentials), timeout=20)
    return {"metadata": (("authorization", f"Bearer {token.csp_auth_token}"),), "timeout": 20}


def lets_in(caller: Caller, call: dict[str, Any]) -> bool:
    """Whether a token still opens anything."""
    try:
        ProviderServiceStub(caller.channel).GetUserInfo(provider_pb2.GetUserInfoRequest(), **call)
    except grpc.RpcError as error:
        return error.code() is not CODES.UNAUTHENTICATED
    return True


@pytest.mark.own_installation
def test_who_is_deactivated_gets_a_new_password_or_is_deleted_is_signed_out(caller: Caller, owner: Made) -> None:
    made = create(caller, owner.call, userName="ann", password=PASSWORD)
    ann = sign_in(caller, "ann")
    patch(caller, owner.call, made["id"], {"op": "replace", "path": "title", "value": "Dr"})
    assert lets_in(caller, ann)
    patch(caller, owner.call, made["id"], {"op": "replace", "value": {"active": "False"}})
    assert not lets_in(caller, ann)
    put(caller, owner.call, made["id"], userName="ann", active=True)
    again = sign_in(caller, "ann")
    patch(caller, owner.call, made["id"], {"op": "replace", "path": "password", "value": "another good one"})
    assert not lets_in(caller, again)
    third = sign_in(caller, "ann", "another good one")
    put(caller, owner.call, made["id"], userName="ann", password="yet another one")
    assert not lets_in(caller, third)
    fourth = sign_in(caller, "ann", "yet another one")
    delete(caller, owner.call, made["id"])
    assert not lets_in(caller, fourth)
    for ask in (get, delete):
        assert refusal(ask, caller, owner.call, made["id"])[:2] == (CODES.NOT_FOUND, "USER_NOT_FOUND")


def test_people_of_another_organization_cannot_be_changed_and_look_like_nobody(caller: Caller, owner: Made) -> None:
    foreign = new_person(caller.installation, caller.installation.new_tenant("other"), "ann", "org_owner")
    change = {"op": "replace", "path": "title", "value": "x"}
    for name in (foreign.id, "nonsense", f"urn:vcloud:user:{foreign.id}"):
        seen = {
            refusal(patch, caller, owner.call, name, change), refusal(delete, caller, owner.call, name),
            refusal(put, caller, owner.call, name, userName="x", password=PASSWORD),
        }  # fmt: skip
        assert seen == {(CODES.NOT_FOUND, "USER_NOT_FOUND", "")}


def test_an_owner_cannot_take_over_an_operator(caller: Caller, owner: Made) -> None:
    boss = new_person(caller.installation, owner.tenant_id, "boss", "platform_operator")
    change = {"op": "replace", "path": "password", "value": "mine from now on"}
    for name in (boss.id, f"urn:vcloud:user:{boss.id}"):
        assert refusal(patch, caller, owner.call, name, change)[0] is CODES.PERMISSION_DENIED
        assert refusal(put, caller, owner.call, name, userName="x", password=PASSWORD)[0] is CODES.PERMISSION_DENIED
        assert refusal(delete, caller, owner.call, name)[0] is CODES.PERMISSION_DENIED
    member = new_person(caller.installation, owner.tenant_id, "member", "org_member")
    assert refusal(patch, caller, member.call, member.id, change)[0] is CODES.PERMISSION_DENIED
