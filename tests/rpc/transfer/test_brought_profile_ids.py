"""An import may give the id that a profile had elsewhere, so that the `sub` of tokens stays what applications know."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest
from kit.accounts.directory import NOT_FOUND, Json, People, body
from kit.accounts.pre_registered import MAIL, nominate, signed_in
from kit.accounts.transfers import arriving, begin_import, bring, import_status, work
from kit.callers import refusal
from kit.oauth import PASSWORD, Application, refused

from ostiary.oauth.clients.clients import CONFIDENTIAL, create_client
from ostiary.oauth.sessions.access_revocation import remove_user_and_profile
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
GUID = "3f0e6d5a-9c1b-4c2e-8a7d-1b2c3d4e5f60"
SUBS = (GUID, "auth0|5f7c8ec7c33c6c004bbafe82", "f:b3e1:ada.lovelace", "urn:x/y%2F?a=1#b", "a" * 255, "1", "~!*'();")


def bring_profiles(people: People, *users: Json) -> Json:
    return people.profiles("ImportUserProfiles", users=body({"users": users}))


def ada(sub: Any, address: str = "ada@example.com", **facts: Any) -> Json:
    return {**arriving(address, HASH, **facts), "sub": sub}


def elsewhere(sub: Any, number: int = 1) -> Json:
    """A profile of another provider."""
    identity = {"provider": "google", "id": f"g{number}", "idpUserInfo": {"id": f"g{number}"}}
    return {"id": f"old-{number}", "identities": [identity], "attributes": {}, "sub": sub}


def reasons(report: Json) -> list[str]:
    return [one["error"]["code"] for one in report["failReasons"]]


@pytest.mark.parametrize("sub", SUBS)
def test_an_imported_user_keeps_its_sub_in_tokens_and_at_the_management_api(people: People, sub: str) -> None:
    people.manage("RolesService/CreateRole", role={"name": "buyer", "access": []})
    assert bring(people, ada(sub))["added"] == 1
    assert signed_in(people) == sub
    people.profiles("UpdateUserRoles", id=sub, assignment={"roles": {"names": ["buyer"]}})
    assert [role["name"] for role in people.profiles("GetUserRoles", id=sub)["roles"]] == ["buyer"]
    changed = people.profiles("UpdateUserProfile", id=sub, profile=body({"attributes": {"plan": "gold"}}))
    assert (changed["id"], changed["attributes"]) == (sub, {"plan": "gold"})
    found = people.profiles("SearchUserProfiles", email="ada@example.com", dataScope="full")
    assert [one["id"] for one in found["users"]] == [sub]
    people.profiles("DeleteUserProfile", id=sub)
    assert refusal(lambda: people.profiles("GetUserProfile", id=sub))[0] is NOT_FOUND


@pytest.mark.parametrize("sub", SUBS)
def test_an_imported_profile_keeps_its_sub(people: People, sub: str) -> None:
    assert bring_profiles(people, elsewhere(sub))["added"] == 1
    assert people.profiles("GetUserProfile", id=sub)["identities"][0]["id"] == "g1"


def test_a_sub_that_is_taken_is_listed_and_costs_nobody_else_the_import(people: People) -> None:
    other = People(people.caller, "manager")
    report = bring(people, ada(GUID), ada(GUID, "joe@example.com"), ada("x", "eve@example.com"))
    assert (report["added"], reasons(report)) == (2, ["SUB_TAKEN"])
    assert reasons(bring(people, ada(GUID, "ann@example.com"))) == ["SUB_TAKEN"]
    assert reasons(bring_profiles(people, elsewhere(GUID), elsewhere("y", 2))) == ["SUB_TAKEN"]
    job = begin_import(people, {"users": [ada("x", "zoe@example.com"), ada("z", "zoe@example.com")]})
    work(people)
    status = import_status(people, job)
    assert (status["added"], reasons(status)) == (1, ["SUB_TAKEN"])
    assert bring(other, ada(GUID))["added"] == 1, "the ids of another tenant are nobody's business"
    assert signed_in(other) == signed_in(people) == GUID


@pytest.mark.parametrize("sub", ["a b", "ü", "a" * 256, ".", "..", "a\n", "a\u0000", 1, ["x"], {}])
def test_what_is_no_sub_is_refused(people: People, sub: Any) -> None:
    known = {"INVALID_SUB", "INVALID_VALUE", "INVALID_PROFILE"}
    for report in (bring(people, ada(sub)), bring_profiles(people, elsewhere(sub))):
        assert (report["added"], report["failed"]) == (0, 1)
        assert set(reasons(report)) <= known
    assert bring(people, ada(None))["added"] == 1


def test_a_profile_that_waits_for_the_address_is_not_replaced(people: People) -> None:
    waiting = nominate(people, "cloud_directory", MAIL, plan="gold")
    assert reasons(bring(people, ada(GUID))) == ["PROFILE_WAITS"]
    assert bring(people, ada(waiting))["added"] == 0, "its id is taken, as long as it is not left out"
    assert bring(people, ada(None))["added"] == 1
    assert signed_in(people) == waiting


def test_what_was_given_to_a_former_profile_of_the_same_id_stays_dead(people: People) -> None:
    people.oauth.settings(refresh=tokens_pb.RefreshTokenConfig(enabled=True))
    app = people.oauth.application()
    bring(people, ada(GUID))
    tokens = people.tokens(app, "ada@example.com")
    made = people.made.runtime
    (user,) = people.users("ListCloudDirectoryUsers")["Resources"]
    with made.store.write() as work_:
        remove_user_and_profile(work_, people.tenant_id, user["id"], people.made.clock.now_ms())
    assert not people.oauth.is_active(tokens["access_token"], app)
    people.made.clock.advance(1)
    assert bring(people, ada(GUID))["added"] == 1
    assert not people.oauth.is_active(tokens["access_token"], app)
    with refused("invalid_grant"):
        people.oauth.refresh(app, tokens["refresh_token"])
    assert people.oauth.is_active(people.tokens(app, "ada@example.com")["access_token"], app)


def test_a_profile_with_the_id_of_a_client_is_not_taken_for_the_client(people: People) -> None:
    made, secret = people.made.runtime, "s" * 86
    with made.store.write() as work_:
        create_client(
            work_, made.sealing, made.entropy, people.tenant_id, "web", CONFIDENTIAL, people.made.clock.now_ms(),
            client_id="web", secret=secret,
        )  # fmt: skip
    web = Application(people.tenant_id, "web", secret)
    bring(people, ada("web"))
    mine = people.tokens(web, "ada@example.com")["access_token"]
    own = people.oauth.token({"grant_type": "client_credentials"}, web.basic)["access_token"]
    assert people.oauth.userinfo(mine)["sub"] == "web"
    (user,) = people.users("ListCloudDirectoryUsers")["Resources"]
    people.update(user, active=False)
    assert not people.oauth.is_active(mine, web)
    assert people.oauth.is_active(own, web)
