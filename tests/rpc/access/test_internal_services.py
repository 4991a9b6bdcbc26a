"""The typed services for other services of an installation: tokens, access, users. For roles see the access matrix."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from kit.accounts.people import Made, new_client, new_person
from kit.callers import Caller, bearer, refusal

from ostiary.oauth.sessions.sessions import end_sessions_of_user
from ostiary.store.tables import User
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.access.v1 import access_pb2 as pb
from ostiary_api.access.v1.access_pb2_grpc import AccessServiceStub
from ostiary_api.directory.v1 import directory_users_pb2 as users_pb
from ostiary_api.directory.v1.directory_users_pb2_grpc import UsersServiceStub
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub
from ostiary_api.options.v1 import rules_pb2 as rules

CODES = grpc.StatusCode


@pytest.fixture
def access(caller: Caller) -> AccessServiceStub:
    return AccessServiceStub(caller.channel)


@pytest.fixture
def ann(caller: Caller) -> Made:
    return new_person(caller.installation, caller.installation.tenant_id, "ann", "org_owner")


def introspect(caller: Caller, access: AccessServiceStub, token: str, role: str = "reader") -> pb.TokenFacts:
    request = pb.IntrospectTokenRequest(tenant_id=caller.installation.tenant_id, token=token)
    return access.IntrospectToken(request, **caller.as_role(role))


def allowed(caller: Caller, access: AccessServiceStub, **request: Any) -> bool:
    question = pb.CheckAccessRequest(tenant_id=caller.installation.tenant_id, **request)
    return access.CheckAccess(question, **caller.as_role("reader")).allowed


def test_a_living_token_says_whose_it_is_and_a_dead_one_nothing(
    caller: Caller, access: AccessServiceStub, ann: Made
) -> None:
    facts = introspect(caller, access, ann.token)
    assert (facts.active, facts.kind, facts.subject) == (True, pb.SUBJECT_KIND_USER, ann.id)
    assert list(facts.roles) == [rules.ROLE_ORG_OWNER, rules.ROLE_ORG_MEMBER, rules.ROLE_SELF]
    with caller.installation.runtime.store.write() as work:
        end_sessions_of_user(work, ann.tenant_id, ann.id, caller.installation.clock.now_ms())
    for token in (ann.token, "made.up.token", "", "x" * 40_000, ann.token[:-2]):
        assert introspect(caller, access, token) == pb.TokenFacts()


def test_a_token_of_another_tenant_is_as_dead_as_an_unknown_one(caller: Caller, access: AccessServiceStub) -> None:
    foreign = new_person(caller.installation, caller.installation.new_tenant("other"), "eve", "org_owner")
    operator = new_person(caller.installation, SYSTEM_ID, "root", "platform_operator")
    for token in (foreign.token, operator.token):
        assert not introspect(caller, access, token).active


@pytest.mark.own_installation
def test_access_is_decided_as_the_server_decides_it(caller: Caller, access: AccessServiceStub, ann: Made) -> None:
    bob = new_person(caller.installation, ann.tenant_id, "bob")
    foreign = new_person(caller.installation, caller.installation.new_tenant("other"), "eve", "org_owner")
    operator = new_person(caller.installation, SYSTEM_ID, "root", "platform_operator")
    expected = {
        (ann.token, rules.ROLE_ORG_OWNER): True, (ann.token, rules.ROLE_ORG_MEMBER): True,
        (ann.token, rules.ROLE_READER): False, (bob.token, rules.ROLE_ORG_MEMBER): False,
        (bob.token, rules.ROLE_SELF): True, (foreign.token, rules.ROLE_ORG_OWNER): False,
        (operator.token, rules.ROLE_MANAGER): True, ("made.up.token", rules.ROLE_SELF): False,
    }  # fmt: skip
    assert {(token, role): allowed(caller, access, token=token, role=role) for token, role in expected} == expected
    assert allowed(caller, access, user_id=ann.id, role=rules.ROLE_ORG_OWNER)
    assert not allowed(caller, access, user_id=foreign.id, role=rules.ROLE_ORG_OWNER)
    assert not allowed(caller, access, token=ann.token, role=rules.ROLE_ORG_OWNER, scopes=["never"])


def test_a_deactivated_user_may_nothing_from_the_next_question_on(
    caller: Caller, access: AccessServiceStub, ann: Made
) -> None:
    with caller.installation.runtime.store.write() as work:
        user = work.get(User, ann.id, lock=True)
        assert user is not None
        user.active = False
    assert not allowed(caller, access, user_id=ann.id, role=rules.ROLE_ORG_OWNER)
    assert not allowed(caller, access, token=ann.token, role=rules.ROLE_SELF)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"role": rules.ROLE_READER}, "SUBJECT_MISSING"),
        ({"token": "x"}, "NEED_MISSING"),
        ({"token": "x", "role": 99}, "UNKNOWN_ROLE"),
    ],
)
def test_half_a_question_is_refused(
    caller: Caller, access: AccessServiceStub, question: dict[str, Any], reason: str
) -> None:
    assert refusal(lambda: allowed(caller, access, **question)) == (CODES.INVALID_ARGUMENT, reason)


def test_a_manager_gets_an_app_id_token_for_an_application(caller: Caller, access: AccessServiceStub) -> None:
    robot = new_client(caller.installation, caller.installation.tenant_id, service_account=False)
    request = pb.IssueClientTokenRequest(tenant_id=robot.tenant_id, client_id=robot.id)
    issued = access.IssueClientToken(request, **caller.as_role("manager"))
    facts = introspect(caller, access, issued.access_token)
    assert (facts.active, facts.kind, facts.subject, facts.client_id) == (
        True, pb.SUBJECT_KIND_CLIENT, robot.id, robot.id,
    )  # fmt: skip
    assert sorted(issued.scopes) == list(facts.scopes)
    assert issued.expires_in == 3600
    with pytest.raises(grpc.RpcError) as refused:
        ProviderServiceStub(caller.channel).GetUserInfo(
            provider_pb2.GetUserInfoRequest(), **bearer(issued.access_token)
        )
    assert refused.value.code() is CODES.UNAUTHENTICATED, "a token for an application opens nothing of the platform"


@pytest.mark.own_installation
def test_no_token_for_an_application_that_is_unknown_or_foreign(caller: Caller, access: AccessServiceStub) -> None:
    foreign = new_client(caller.installation, caller.installation.new_tenant("other"), service_account=True)
    for client_id in (foreign.id, "nobody", "", "\0"):
        request = pb.IssueClientTokenRequest(tenant_id=caller.installation.tenant_id, client_id=client_id)
        asked = refusal(lambda question=request: access.IssueClientToken(question, **caller.as_role("manager")))
        assert asked == (CODES.NOT_FOUND, "APPLICATION_NOT_FOUND")


def test_only_an_operator_allow_lists_a_service_account_and_it_acts_at_once(
    caller: Caller, access: AccessServiceStub
) -> None:
    robot = new_client(caller.installation, caller.installation.tenant_id, service_account=False)
    users = UsersServiceStub(caller.channel)
    question = users_pb.LookUpUserRequest(tenant_id=robot.tenant_id, user_name="nobody")
    assert refusal(lambda: users.LookUpUser(question, **robot.call))[0] is CODES.UNAUTHENTICATED
    request = pb.SetServiceAccountRequest(tenant_id=robot.tenant_id, client_id=robot.id, allowed=True)
    asked = refusal(lambda: access.SetServiceAccount(request, **caller.as_role("manager")))
    assert asked == (CODES.PERMISSION_DENIED, "FORBIDDEN")
    assert access.SetServiceAccount(request, **caller.as_role("operator")).allowed
    assert refusal(lambda: users.LookUpUser(question, **robot.call)) == (CODES.NOT_FOUND, "USER_NOT_FOUND")
    access.SetServiceAccount(
        pb.SetServiceAccountRequest(tenant_id=robot.tenant_id, client_id=robot.id), **caller.as_role("operator")
    )
    assert refusal(lambda: users.LookUpUser(question, **robot.call))[0] is CODES.UNAUTHENTICATED


def test_a_user_is_found_by_id_user_name_and_mail_address(caller: Caller, ann: Made) -> None:
    users, reader = UsersServiceStub(caller.channel), caller.as_role("reader")
    found = users.GetUser(users_pb.GetUserRequest(tenant_id=ann.tenant_id, user_id=ann.id), **reader)
    assert (found.user_name, list(found.emails), found.email_verified, list(found.roles)) == (
        "ann", ["ann@example.com"], True, ["org_owner"],
    )  # fmt: skip
    for name in ({"user_name": "ANN"}, {"email": "Ann@EXAMPLE.com"}):
        assert users.LookUpUser(users_pb.LookUpUserRequest(tenant_id=ann.tenant_id, **name), **reader) == found
    assert found.created_at.ToMilliseconds() == caller.installation.clock.now_ms()


@pytest.mark.parametrize("name", [{"user_name": "nobody"}, {"user_name": ""}, {"email": "nobody"}, {"email": "a\0"}])
def test_who_does_not_exist_is_not_found(caller: Caller, name: dict[str, str]) -> None:
    users = UsersServiceStub(caller.channel)
    request = users_pb.LookUpUserRequest(tenant_id=caller.installation.tenant_id, **name)
    asked = refusal(lambda: users.LookUpUser(request, **caller.as_role("reader")))
    assert asked == (CODES.NOT_FOUND, "USER_NOT_FOUND")


def test_a_look_up_without_a_name_says_what_is_missing(caller: Caller) -> None:
    request = users_pb.LookUpUserRequest(tenant_id=caller.installation.tenant_id)
    users = UsersServiceStub(caller.channel)
    asked = refusal(lambda: users.LookUpUser(request, **caller.as_role("reader")))
    assert asked == (CODES.INVALID_ARGUMENT, "NAME_MISSING")


def test_an_api_key_is_exchanged_without_a_form(caller: Caller, access: AccessServiceStub) -> None:
    key = caller.installation.api_keys["reader"]
    issued = access.ExchangeApiKey(pb.ExchangeApiKeyRequest(api_key=key), timeout=60)
    assert issued.expires_in == 3600
    question = pb.IntrospectTokenRequest(tenant_id=caller.installation.tenant_id, token=issued.access_token)
    assert access.IntrospectToken(question, **bearer(issued.access_token)).active
    for wrong, reason in (("", "BXNIM0109E"), ("x" * 44, "BXNIM0415E")):
        asked = pb.ExchangeApiKeyRequest(api_key=wrong)
        assert refusal(lambda: access.ExchangeApiKey(asked, timeout=60)) == (CODES.INVALID_ARGUMENT, reason)  # noqa: B023
