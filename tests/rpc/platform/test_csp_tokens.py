"""Tokens of the Identity Service over native gRPC: its grants, its logout, its keys, and groups that do not fit into
an identity token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.api import httpbody_pb2
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT
from kit.accounts.people import PASSWORD, Made, new_client, new_person
from kit.callers import Caller, bearer, refusal
from kit.platform import CALL, INVALID, UNAUTHENTICATED, basic, claims_of, csp_login, form, is_dead, me, swap
from kit.servers.installation import ENTROPY, Installation

from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role
from ostiary.keys.keyring import TOKEN, new_key
from ostiary.keys.rotation import rotate
from ostiary.store.tables import USER, Group, GroupMember
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.access.v1 import access_pb2
from ostiary_api.access.v1.access_pb2_grpc import AccessServiceStub
from ostiary_api.csp.v1 import authentication_pb2 as pb
from ostiary_api.csp.v1 import check_id_token_pb2
from ostiary_api.csp.v1.authentication_pb2_grpc import AuthenticationServiceStub
from ostiary_api.csp.v1.check_id_token_pb2_grpc import CheckIdTokenServiceStub

GROUPS = 3
NOT_EXPANDED = (UNAUTHENTICATED, "INVALID_TOKEN")


def issue(caller: Caller, client: Made | None, **fields: str) -> pb.AccessToken:
    call = basic(client.id, client.secret) if client else CALL
    return AuthenticationServiceStub(caller.channel).IssueToken(pb.IssueTokenRequest(form=form(**fields)), **call)


def authorize(caller: Caller, call: dict[str, Any], **fields: str) -> pb.AccessToken:
    body = httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(fields).encode())
    return AuthenticationServiceStub(caller.channel).Authorize(pb.AuthorizeRequest(form=body), **call)


FORM = "application/x-www-form-urlencoded"


def logout(caller: Caller, token: str = "") -> str:
    call = {**CALL, **({"metadata": (("ex-identity-auth-token", token),)} if token else {})}
    return AuthenticationServiceStub(caller.channel).Logout(pb.LogoutRequest(), **call).url


def logout_by_body(caller: Caller, data: str, kind: str = FORM) -> str:
    body = httpbody_pb2.HttpBody(content_type=kind, data=data.encode())
    return AuthenticationServiceStub(caller.channel).Logout(pb.LogoutRequest(form=body), **CALL).url


def check(caller: Caller, token: str) -> check_id_token_pb2.IdTokenClaims:
    call = {**CALL, "metadata": (("authorization", f"Bearer {token}"),)}
    return CheckIdTokenServiceStub(caller.channel).CheckIdToken(check_id_token_pb2.CheckIdTokenRequest(), **call)


def expansion(caller: Caller, token: str) -> tuple[grpc.StatusCode, str]:
    return refusal(lambda: check(caller, token))


@pytest.fixture
def client(shared_caller: Caller) -> Made:
    return new_client(shared_caller.installation, shared_caller.installation.tenant_id, service_account=False)


def put_into_groups(caller: Caller, user: Made, count: int = GROUPS, longer: str = "") -> list[str]:
    names = [f"{user.name}-{number}{longer}" for number in range(count)]
    with caller.installation.runtime.store.write() as work:
        for name in names:
            work.add(Group(id=name[:36], tenant_id=user.tenant_id, display_name=name, display_name_key=name,
                           created_at=1, modified_at=1))  # fmt: skip
            work.flush()
            work.add(GroupMember(tenant_id=user.tenant_id, group_id=name[:36], member_id=user.id, member_type=USER))
    return names


def limit_groups(caller: Caller, client: Made, most: int) -> None:
    AccessServiceStub(caller.channel).SetMaxGroupsInIdToken(
        access_pb2.SetMaxGroupsInIdTokenRequest(
            tenant_id=client.tenant_id, client_id=client.id, max_groups_in_id_token=most
        ),
        **caller.as_role("manager"),
    )


def by_password(caller: Caller, client: Made, user: Made, **more: str) -> pb.AccessToken:
    return issue(caller, client, grant_type="password", username=user.name, password=PASSWORD, **more)


def test_a_password_gives_tokens_that_refresh_and_end_with_the_sign_in(
    shared_caller: Caller, client: Made, someone: Made
) -> None:
    first = by_password(shared_caller, client, someone, orgId=client.tenant_id)
    identity = claims_of(first.id_token)
    assert (identity["aud"], identity["sub"], identity["azp"]) == ([client.id], someone.id, client.id)
    assert identity["context_name"] == client.tenant_id
    assert me(shared_caller, first.access_token).id == someone.id
    second = issue(shared_caller, client, grant_type="refresh_token", refresh_token=first.refresh_token)
    again = claims_of(second.id_token)
    assert (again["auth_time"], again["sid"]) == (identity["auth_time"], identity["sid"])
    assert logout(shared_caller, second.access_token) == logout(shared_caller, second.access_token)
    assert is_dead(shared_caller, first.access_token)
    assert is_dead(shared_caller, second.access_token)
    asked = refusal(
        lambda: issue(shared_caller, client, grant_type="refresh_token", refresh_token=second.refresh_token)
    )
    assert asked == (INVALID, "INVALID_GRANT")


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"password": "wrong"}, (UNAUTHENTICATED, "WRONG_CREDENTIALS")),
        ({"username": "nobody"}, (UNAUTHENTICATED, "WRONG_CREDENTIALS")),
        ({"username": ""}, (INVALID, "MISSING_FIELD")),
        ({"orgId": SYSTEM_ID}, (INVALID, "UNKNOWN_ORGANIZATION")),
        ({"orgId": "no organization"}, (INVALID, "UNKNOWN_ORGANIZATION")),
        ({"grant_type": "authorization_code"}, (INVALID, "MISSING_FIELD")),
        ({"grant_type": "authorization_code", "code": "made up"}, (INVALID, "INVALID_GRANT")),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, (INVALID, "UNSUPPORTED_GRANT_TYPE")),
    ],
)
def test_a_bad_token_request_says_what_is_wrong(
    shared_caller: Caller, client: Made, someone: Made, fields: dict[str, str], refused: tuple[grpc.StatusCode, str]
) -> None:
    asked = {"grant_type": "password", "username": someone.name, "password": PASSWORD, **fields}
    assert refusal(lambda: issue(shared_caller, client, **asked)) == refused


def test_a_password_needs_a_client(shared_caller: Caller, someone: Made) -> None:
    asked = {"grant_type": "password", "username": someone.name, "password": PASSWORD}
    assert refusal(lambda: issue(shared_caller, None, **asked)) == (UNAUTHENTICATED, "INVALID_CLIENT")


def test_the_json_form_wants_a_state_and_believes_the_header_before_the_body(shared_caller: Caller) -> None:
    robot = new_client(shared_caller.installation, shared_caller.installation.tenant_id, service_account=True)
    header, grant = basic(robot.id, robot.secret), {"grant_type": "client_credentials"}
    told = authorize(shared_caller, header, **grant, state="s", client_id="another", client_secret="wrong")
    assert me(shared_caller, told.access_token).id == robot.id
    in_body = authorize(shared_caller, CALL, **grant, state="s", client_id=robot.id, client_secret=robot.secret)
    assert claims_of(in_body.access_token)["context_name"] == robot.tenant_id
    assert refusal(lambda: authorize(shared_caller, header, **grant)) == (INVALID, "MISSING_FIELD")
    elsewhere = {**grant, "state": "s", "orgId": SYSTEM_ID}
    assert refusal(lambda: authorize(shared_caller, header, **elsewhere)) == (INVALID, "UNKNOWN_ORGANIZATION")


def test_a_logout_ends_what_the_token_carries_and_always_says_where_to_go(shared_caller: Caller, someone: Made) -> None:
    nowhere = logout(shared_caller)
    assert nowhere.endswith("/oidc/oauth2/logout")
    for carries in ("access_token", "id_token"):
        signed_in = csp_login(shared_caller, someone.name, PASSWORD, flag="")
        assert logout(shared_caller, getattr(signed_in, carries)) == nowhere
        assert is_dead(shared_caller, signed_in.access_token), carries
        assert expansion(shared_caller, signed_in.id_token) == NOT_EXPANDED
    assert logout(shared_caller, "made.up.token") == logout(shared_caller, "x") == nowhere
    for carries in ("access_token", "id_token"):
        for written, kind in (("id_token={}", FORM), ('{{"idToken": "{}"}}', "application/json")):
            signed_in = csp_login(shared_caller, someone.name, PASSWORD, flag="")
            body = written.format(getattr(signed_in, carries))
            assert logout_by_body(shared_caller, body, kind) == nowhere
            assert is_dead(shared_caller, signed_in.access_token), (carries, kind)
    assert logout_by_body(shared_caller, "id_token=made.up") == logout_by_body(shared_caller, "", "") == nowhere
    assert refusal(lambda: logout_by_body(shared_caller, "{", "application/json"))[1] == "MALFORMED_BODY"
    robot = new_client(shared_caller.installation, someone.tenant_id, service_account=True)
    assert logout(shared_caller, robot.token) == nowhere
    assert is_dead(shared_caller, robot.token)


def test_groups_that_do_not_fit_are_named_by_the_token_and_told_by_the_check(
    shared_caller: Caller, client: Made, someone: Made
) -> None:
    names = put_into_groups(shared_caller, someone)
    whole = claims_of(by_password(shared_caller, client, someone).id_token)
    assert (whole["group_names"], whole["group_ids"], "ovc" in whole) == (names, names, False)
    limit_groups(shared_caller, client, GROUPS - 1)
    token = by_password(shared_caller, client, someone).id_token
    cut = claims_of(token)
    assert cut["ovc"] == ["group_names", "group_ids"]
    assert cut["ovl"].endswith("/oauth/check_id_token")
    assert not {"group_names", "group_ids"} & set(cut)
    told = check(shared_caller, token)
    assert (list(told.group_names), list(told.group_ids)) == (names, names)
    assert (told.sub, list(told.aud), told.exp) == (someone.id, [client.id], cut["exp"])
    limit_groups(shared_caller, client, GROUPS)
    assert "ovc" not in claims_of(by_password(shared_caller, client, someone).id_token)


def test_groups_with_long_names_are_told_by_the_check_too(shared_caller: Caller, client: Made) -> None:
    someone = new_person(shared_caller.installation, client.tenant_id, "longnames")
    names = put_into_groups(shared_caller, someone, 99, "é" * 150)
    token = by_password(shared_caller, client, someone).id_token
    assert (claims_of(token)["ovc"], len(token) < 8_192) == (["group_names", "group_ids"], True)
    assert sorted(check(shared_caller, token).group_names) == sorted(names)


def test_roles_that_do_not_fit_into_an_access_token_are_told_where_it_says(shared_caller: Caller, client: Made) -> None:
    made, few = shared_caller.installation, {"csp:auditor"}
    someone = new_person(made, client.tenant_id, "manyroles")
    names = [f"role {number} {'x' * 100}" for number in range(50)]
    give_roles(made, someone, ["auditor"])
    assert set(claims_of(by_password(shared_caller, client, someone).access_token)["perms"]) == few
    give_roles(made, someone, names)
    signed_in = (by_password(shared_caller, client, someone), csp_login(shared_caller, "manyroles", PASSWORD, flag=""))
    for token in (each.access_token for each in signed_in):
        cut = claims_of(token)
        assert (cut["ovc"], "perms" in cut, len(token) < 8_192) == (["perms"], False, True)
        assert cut["ovl"].endswith(f"/csp/gateway/am/api/loggedin/user/orgs/{someone.tenant_id}/info")
        ask = {"orgId": someone.tenant_id}
        told = shared_caller.ask("identity.csp.v1.PrincipalUserService/GetInfo", ask, **bearer(token))
        assert {role["name"] for role in told["userOrgInfo"][0]["orgRoles"]} == {"auditor", *names}


def give_roles(made: Installation, user: Made, names: Sequence[str]) -> None:
    now_ms = made.clock.now_ms()
    with made.runtime.store.write() as work:
        for name in names:
            wanted = RoleDefinition(name)
            role = create_stored_role(work, user.tenant_id, wanted, installation_operator, ENTROPY, now_ms)
            bind_role(work, user.tenant_id, user.id, role.id, now_ms)


@pytest.mark.own_installation
def test_only_a_living_identity_token_is_expanded(caller: Caller, ann: Made) -> None:
    signed_in = csp_login(caller, "ann", PASSWORD, flag="")
    assert check(caller, signed_in.id_token).username == "ann"
    forged = JWT(header={"alg": "HS256", "kid": "x", "typ": "JWT"}, claims=claims_of(signed_in.id_token))
    forged.make_signed_token(
        JWK(kty="oct", k="AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
    )
    for token in (signed_in.access_token, signed_in.refresh_token, forged.serialize(), "", "x"):
        assert expansion(caller, token) == NOT_EXPANDED
    caller.installation.clock.advance(3_601)
    assert expansion(caller, signed_in.id_token) == NOT_EXPANDED


@pytest.mark.own_installation
def test_keys_are_published_in_both_forms_through_a_rotation(caller: Caller, ann: Made) -> None:
    stub, runtime = AuthenticationServiceStub(caller.channel), caller.installation.runtime
    old = csp_login(caller, "ann", PASSWORD).csp_auth_token
    for turn in range(2):
        token = csp_login(caller, "ann", PASSWORD).csp_auth_token
        pem = stub.GetTokenPublicKey(pb.GetTokenPublicKeyRequest(), **CALL)
        signed_by = JWK.from_pyca(load_pem_public_key(pem.value.encode()))
        JWT(jwt=token, key=signed_by, check_claims={"iss": pem.issuer}, expected_type="JWS")
        listed = stub.GetTokenPublicKey(pb.GetTokenPublicKeyRequest(format="jwks"), **CALL).keys
        assert listed == stub.ListKeys(pb.ListKeysRequest(), **CALL).keys
        for each in (old, token):
            assert json.loads(JWT(jwt=each).token.objects["protected"])["kid"] in {key.kid for key in listed}
        if not turn:
            caller.installation.clock.advance(400)  # the next key has been published long enough
            fresh = new_key(runtime.sealing, SYSTEM_ID, TOKEN, runtime.clock.now_ms(), "next")
            with runtime.store.write() as work:
                rotate(work, fresh, runtime.clock.now_ms())
    assert me(caller, old).id == ann.id


def test_the_local_directory_is_the_default_organization(shared_caller: Caller, someone: Made) -> None:
    for domain in ("System Domain", "system domain", ""):
        signed_in = csp_login(shared_caller, someone.name, PASSWORD, domain=domain, flag="")
        assert me(shared_caller, swap(shared_caller, signed_in.refresh_token).access_token).id == someone.id


def test_a_client_of_another_organization_signs_in_its_own_people_only(shared_caller: Caller, someone: Made) -> None:
    made = shared_caller.installation
    other = made.new_tenant(f"far-{someone.name}")
    foreign, theirs = new_client(made, other, service_account=False), new_person(made, other, "theirs")
    assert claims_of(by_password(shared_caller, foreign, theirs).id_token)["context_name"] == other
    asked = {"grant_type": "password", "username": someone.name, "password": PASSWORD}
    assert refusal(lambda: issue(shared_caller, foreign, **asked)) == (UNAUTHENTICATED, "WRONG_CREDENTIALS")
    asked["orgId"] = someone.tenant_id
    assert refusal(lambda: issue(shared_caller, foreign, **asked)) == (INVALID, "UNKNOWN_ORGANIZATION")
