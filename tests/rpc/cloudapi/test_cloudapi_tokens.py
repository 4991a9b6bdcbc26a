"""API tokens of cloudapi over native gRPC: registered, taken once, listed, swapped, revoked."""

from __future__ import annotations

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from kit.accounts.directory import body
from kit.accounts.people import PASSWORD, Made, new_person
from kit.callers import Caller, bearer, refusal
from kit.platform import CALL, csp_login, form, is_dead, me
from sqlalchemy import select

from ostiary.directory.roles.bindings import bind_role
from ostiary.store.tables import RefreshToken, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.cloudapi.v1 import api_tokens_pb2 as pb
from ostiary_api.cloudapi.v1 import registration_pb2, tenant_token_pb2
from ostiary_api.cloudapi.v1.api_tokens_pb2_grpc import ApiTokensServiceStub
from ostiary_api.cloudapi.v1.registration_pb2_grpc import RegistrationServiceStub
from ostiary_api.cloudapi.v1.tenant_token_pb2_grpc import TenantTokenServiceStub

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
INVALID_GRANT = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_GRANT")
HIDDEN = (grpc.StatusCode.NOT_FOUND, "TOKEN_NOT_FOUND")


@dataclass
class Place:
    """An organization of a test's own with two people, and what they do with API tokens."""

    caller: Caller
    name: str
    ann: Made
    bob: Made

    def register(self, who: Made, name: str = "script", org: str = "") -> str:
        """The client id of a new registration."""
        wanted = registration_pb2.ClientRegistration(client_name=name)
        request = registration_pb2.RegisterTenantClientRequest(tenant=org or self.name, registration=wanted)
        stub = RegistrationServiceStub(self.caller.channel)
        client_id: str = stub.RegisterTenantClient(request, **who.call).client_id
        return client_id

    def token(self, org: str = "", **fields: str) -> tenant_token_pb2.TenantToken:
        """The answer of the token endpoint."""
        request = tenant_token_pb2.IssueTenantTokenRequest(tenant=org or self.name, form=form(**fields))
        return TenantTokenServiceStub(self.caller.channel).IssueTenantToken(request, **CALL)

    def take(self, client_id: str, assertion: str, org: str = "") -> tenant_token_pb2.TenantToken:
        """Takes what was registered."""
        return self.token(org, grant_type=JWT_BEARER, client_id=client_id, assertion=assertion)

    def swap(self, api_token: str, **more: str) -> tenant_token_pb2.TenantToken:
        """Swaps an API token for an access token."""
        return self.token(grant_type="refresh_token", refresh_token=api_token, **more)

    def listed(self, who: Made, **asked: Any) -> list[str]:
        """The names of the tokens that somebody sees."""
        answer = ApiTokensServiceStub(self.caller.channel).ListApiTokens(pb.ListApiTokensRequest(**asked), **who.call)
        assert answer.result_total >= len(answer.values)
        return [one.name for one in answer.values]

    def get(self, who: Made, token_id: str) -> pb.ApiToken:
        """One token."""
        stub = ApiTokensServiceStub(self.caller.channel)
        return stub.GetApiToken(pb.GetApiTokenRequest(id=f"urn:vcloud:token:{token_id}"), **who.call)

    def delete(self, who: Made, token_id: str) -> None:
        """Revokes one token."""
        stub = ApiTokensServiceStub(self.caller.channel)
        stub.DeleteApiToken(pb.DeleteApiTokenRequest(id=f"urn:vcloud:token:{token_id}"), **who.call)


@pytest.fixture
def place(shared_caller: Caller) -> Place:
    made, name = shared_caller.installation, f"tokens-{uuid.uuid4().hex[:8]}"
    tenant = made.new_tenant(name)
    return Place(shared_caller, name, new_person(made, tenant, "ann"), new_person(made, tenant, "bob", "org_owner"))


def test_a_token_is_registered_taken_once_and_swapped_again_and_again(place: Place) -> None:
    client_id = place.register(place.ann)
    found = place.get(place.ann, client_id)
    assert (found.id, found.name, found.type) == (f"urn:vcloud:token:{client_id}", "script", "REFRESH")
    assert (found.owner.name, found.org.name) == ("ann", place.name)
    taken = place.take(client_id, place.ann.token)
    assert me(place.caller, taken.access_token).id == place.ann.id
    assert refusal(lambda: place.take(client_id, place.ann.token)) == INVALID_GRANT
    for more in ({}, {"client_id": client_id}):
        swapped = place.swap(taken.refresh_token, **more)
        assert (swapped.token_type, swapped.expires_in, swapped.refresh_token) == ("Bearer", 3600, "")
        assert me(place.caller, swapped.access_token).id == place.ann.id
    tokens = table_of(RefreshToken)
    with place.caller.installation.runtime.store.read() as work:
        kept = work.rows(select(tokens).where(tokens.c.grant_id == client_id))
    assert taken.refresh_token not in str(kept)


def test_an_api_token_makes_no_other_that_would_outlive_it(place: Place) -> None:
    api_token = place.take(place.register(place.ann), place.ann.token)
    waiting = place.register(place.ann, "another")
    for token in (api_token.access_token, place.swap(api_token.refresh_token).access_token):
        script = Made(place.ann.id, "ann", place.ann.tenant_id, token)
        refused = (grpc.StatusCode.PERMISSION_DENIED, "NOT_BY_API_TOKEN")
        assert refusal(lambda script=script: place.register(script)) == refused
        assert refusal(lambda token=token: place.take(waiting, token)) == INVALID_GRANT
    assert place.take(waiting, place.ann.token).refresh_token


def test_an_api_token_does_not_become_an_account(place: Place) -> None:
    bob, tenant_id = place.bob, place.bob.tenant_id
    token = place.swap(place.take(place.register(bob), bob.token).refresh_token).access_token
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        {"op": "replace", "path": "password", "value": "another long password"}]}  # fmt: skip
    bulk = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "PATCH", "path": f"/Users/{bob.id}", "data": patch}]}  # fmt: skip
    robot = {"client_name": "robot", "software_id": "bot", "scope": "urn:vcloud:role:org_member"}
    users, scim = "identity.cloudapi.v1.UsersService", "identity.scim.v2"
    changes: list[tuple[str, dict[str, Any]]] = [
        (f"{users}/UpdateUser", {"id": bob.id, "user": {"username": "bob", "password": "another long password"}}),
        (f"{users}/UpdateUser", {"id": bob.id, "user": {"username": "bob", "email": "thief@example.com"}}),
        (f"{users}/UpdateUser", {"id": f"urn:vcloud:user:{bob.id.upper()}", "user": {"username": "thief"}}),
        (f"{scim}.MeService/PatchMe", {"patch": body(patch)}),
        (f"{scim}.UsersService/PatchUser", {"id": bob.id, "patch": body(patch)}),
        ("identity.cloudapi.v1.RegistrationService/RegisterTenantClient",
         {"tenant": place.name, "registration": robot}),
        ("identity.cloudapi.v1.DeviceLookupService/GrantDevice", {"device": {"userCode": "BBBB-BBBB"}}),
        ("identity.appid.management.v4.ScimTokensService/CreateScimToken",
         {"tenantId": tenant_id, "token": {"name": "mine"}}),
    ]  # fmt: skip
    for method, request in changes:
        seen = refusal(lambda m=method, r=request: place.caller.ask(m, r, **bearer(token)))
        assert seen == (grpc.StatusCode.PERMISSION_DENIED, "NOT_BY_API_TOKEN"), method
    answer = place.caller.ask(f"{scim}.ResourcesService/ExecuteBulk", {"bulk": body(bulk)}, **bearer(token))
    assert json.loads(base64.b64decode(answer["data"]))["Operations"][0]["status"] == "403"
    other = {"id": place.ann.id, "user": {"username": "ann", "fullName": "Ann", "roleEntityRefs": []}}
    assert refusal(lambda: place.caller.ask(f"{users}/UpdateUser", other, **bearer(token)))[0] is grpc.StatusCode.OK
    assert csp_login(place.caller, "bob", PASSWORD, domain=place.name).csp_auth_token
    own = changes[0][1] | {"user": {**changes[0][1]["user"], "roleEntityRefs": [{"name": "org_owner"}]}}
    assert place.caller.ask(f"{users}/UpdateUser", own, **bob.call)["username"] == "bob"


def test_of_two_who_take_it_at_once_one_gets_it(place: Place) -> None:
    client_id = place.register(place.ann)

    def ask() -> tuple[grpc.StatusCode, str]:
        return refusal(lambda: place.take(client_id, place.ann.token))

    with ThreadPoolExecutor(4) as threads:
        answers = [each.result() for each in [threads.submit(ask) for _ in range(4)]]
    assert sorted(answers, key=str) == sorted([(grpc.StatusCode.OK, ""), *[INVALID_GRANT] * 3], key=str)


def test_only_the_user_who_registered_it_takes_it(place: Place) -> None:
    made, client_id = place.caller.installation, place.register(place.ann)
    other = f"other-{place.name}"
    stranger = new_person(made, made.new_tenant(other), "ann")
    for token, org in (
        (place.bob.token, ""), (stranger.token, ""), (stranger.token, other), (place.ann.token, other),
        (place.ann.token[:-2], ""), ("x", ""), (place.caller.token(made.api_keys["manager"]), ""),
    ):  # fmt: skip
        assert refusal(lambda token=token, org=org: place.take(client_id, token, org)) == INVALID_GRANT
    assert refusal(lambda: place.take(str(uuid.uuid4()), place.ann.token)) == INVALID_GRANT
    missing = {"grant_type": JWT_BEARER, "assertion": place.ann.token}
    assert refusal(lambda: place.token(**missing))[1] == "MISSING_FIELD"
    assert refusal(lambda: place.token(grant_type="password"))[1] == "UNSUPPORTED_GRANT_TYPE"
    assert place.take(client_id, place.ann.token).refresh_token


def test_another_organization_looks_like_an_unknown_one(place: Place) -> None:
    made = place.caller.installation
    made.new_tenant(f"x-{place.name}")
    seen = {
        refusal(lambda org=org, name=name: place.register(place.ann, name, org))
        for org in (f"x-{place.name}", "no", "System")
        for name in ("script", "", "x" * 129)
    }
    assert seen == {(grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")}
    keys = Made("", "", made.tenant_id, place.caller.token(made.api_keys["manager"]))
    for name in ("script", ""):
        not_a_user = (grpc.StatusCode.PERMISSION_DENIED, "NOT_A_USER")
        assert refusal(lambda name=name: place.register(keys, name, "acme")) == not_a_user


def test_an_operator_registers_and_swaps_at_the_providers_paths(place: Place) -> None:
    operator = new_person(place.caller.installation, SYSTEM_ID, f"root-{place.name}", "platform_operator")
    wanted = registration_pb2.ClientRegistration(client_name="script")
    request = registration_pb2.RegisterProviderClientRequest(registration=wanted)
    client_id = RegistrationServiceStub(place.caller.channel).RegisterProviderClient(request, **operator.call).client_id
    fields = {"grant_type": JWT_BEARER, "client_id": client_id, "assertion": operator.token}
    stub = TenantTokenServiceStub(place.caller.channel)
    taken = stub.IssueProviderToken(tenant_token_pb2.IssueProviderTokenRequest(form=form(**fields)), **CALL)
    assert me(place.caller, taken.access_token).id == operator.id
    assert refusal(lambda: place.swap(taken.refresh_token)) == INVALID_GRANT


def test_a_user_sees_its_own_tokens_and_an_owner_those_of_all(place: Place) -> None:
    for who, name in ((place.ann, "a1"), (place.ann, "a2"), (place.bob, "b1")):
        place.register(who, name)
    csp_login(place.caller, "ann", PASSWORD, flag="x", domain=place.name)
    assert place.listed(place.ann, filter="name==a*") == ["a1", "a2"]
    assert len(place.listed(place.ann)) == 3, "API tokens of csp are the same"
    assert {"a1", "a2", "b1"} <= set(place.listed(place.bob))
    as_the_library = "(name==a1;owner.name==ann;(type==PROXY,type==REFRESH))"
    assert place.listed(place.bob, filter=as_the_library) == ["a1"]
    assert place.listed(place.bob, filter="owner.name==bob;type!=PROXY", sort_desc="name") == ["b1"]
    assert place.listed(place.bob, filter="type==EXTENSION") == []
    assert place.listed(place.bob, filter="owner.name==ann;name==a*", page_size=1, page=2) == ["a2"]
    for wrong in ({"filter": "secret==x"}, {"filter": "type=gt=x"}, {"sort_asc": "secret"}, {"page_size": 129}):
        assert refusal(lambda wrong=wrong: place.listed(place.bob, **wrong))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_foreign_tokens_are_neither_seen_nor_revoked(place: Place) -> None:
    made, of_bob = place.caller.installation, place.register(place.bob)
    stranger = new_person(made, made.new_tenant(f"y-{place.name}"), "eve", "org_owner")
    for who in (place.ann, stranger):
        for token_id in (of_bob, str(uuid.uuid4()), "x", ""):
            assert refusal(lambda who=who, token_id=token_id: place.get(who, token_id)) == HIDDEN
            assert refusal(lambda who=who, token_id=token_id: place.delete(who, token_id)) == HIDDEN
    assert place.get(place.bob, of_bob).name == "script"


def test_nobody_revokes_a_token_of_somebody_who_may_do_more_or_for_longer(place: Place) -> None:
    made = place.caller.installation
    guest = new_person(made, place.bob.tenant_id, "guest")
    with made.runtime.store.write() as work:
        until = made.clock.now_ms() + 3_600_000
        bind_role(work, place.bob.tenant_id, guest.id, "org_owner", made.clock.now_ms(), expires_at=until)
    of_bob, of_ann, of_guest = (place.register(who) for who in (place.bob, place.ann, guest))
    assert refusal(lambda: place.delete(guest, of_bob)) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert place.get(place.bob, of_bob).name == "script"
    place.delete(guest, of_ann)
    place.delete(guest, of_guest)
    place.delete(place.bob, of_bob)


def test_revoking_kills_the_token_and_what_it_opened(place: Place) -> None:
    taken = place.take(place.register(place.ann), place.ann.token)
    waiting, opened = place.register(place.ann), place.swap(taken.refresh_token).access_token
    stub = ApiTokensServiceStub(place.caller.channel)
    for one in stub.ListApiTokens(pb.ListApiTokensRequest(), **place.bob.call).values:
        place.delete(place.bob, one.id.rpartition(":")[2])
    dead = [is_dead(place.caller, each) for each in (taken.access_token, opened, place.ann.token)]
    assert dead == [True, True, False]
    assert refusal(lambda: place.swap(taken.refresh_token)) == INVALID_GRANT
    assert refusal(lambda: place.take(waiting, place.ann.token)) == INVALID_GRANT
    assert place.listed(place.ann) == []


@pytest.mark.own_installation
def test_what_nobody_takes_ends_after_a_day(caller: Caller) -> None:
    made = caller.installation
    ann = new_person(made, made.tenant_id, "ann")
    place = Place(caller, "acme", ann, ann)
    client_id = place.register(ann)
    made.clock.advance(86_400)
    ann = new_person(made, made.tenant_id, "bob", "org_owner")
    assert refusal(lambda: place.take(client_id, ann.token)) == INVALID_GRANT
    assert place.listed(ann) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb"])
def test_a_name_is_one_line(place: Place, name: str) -> None:
    assert refusal(lambda: place.register(place.ann, name))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_a_revoked_access_token_is_no_assertion(place: Place) -> None:
    client_id = place.register(place.ann)
    spent = csp_login(place.caller, "ann", PASSWORD, domain=place.name).csp_auth_token
    assert me(place.caller, spent).id == place.ann.id
    assert bearer(spent)
    taken = place.take(client_id, spent)
    place.delete(place.ann, client_id)
    again = place.register(place.ann)
    assert refusal(lambda: place.take(again, taken.access_token)) == INVALID_GRANT
