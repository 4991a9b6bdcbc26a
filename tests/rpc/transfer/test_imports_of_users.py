"""Who an import of directory users takes, and who not, each for itself; over native gRPC."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import grpc
import pytest
from google.protobuf.json_format import ParseError
from kit.accounts.directory import TAKEN, Json, People, body
from kit.accounts.transfers import arriving, export, import_, listed
from kit.callers import refusal
from kit.oauth import PASSWORD, refused

from ostiary.store.tables import Password, PastPassword, RoleBinding, User, table_of

PASSWORDS, PAST, USERS, MEMBERS = table_of(Password), table_of(PastPassword), table_of(User), table_of(RoleBinding)


def test_of_two_imports_at_once_each_user_is_taken_once(target: People) -> None:
    users = [arriving(f"user{number}@example.com") for number in range(20)]

    def attempt(order: int) -> tuple[grpc.StatusCode, str]:
        return refusal(lambda: import_(target, {"users": users[::order]}))

    with ThreadPoolExecutor(4) as pool:
        ended = {code for code, _reason in pool.map(attempt, [1, -1, 1, -1])}
    assert ended <= {grpc.StatusCode.OK, TAKEN}
    here = len(listed(target))
    assert (here in (0, 20), import_(target, {"users": users})["added"]) == (True, 20 - here)


LONG = "x" * 1_001
BAD_USERS: dict[str, Json] = {
    "no address": {"emails": []},
    "no address but a name": {"emails": [], "userName": "jane"},
    "no list of addresses": {"emails": {"value": "jane@example.com"}},
    "an address that is none": {"emails": [{"value": "jane"}]},
    "an empty address": {"emails": [{"value": " "}]},
    "a long address": {"emails": [{"value": "j" * 300 + "@example.com"}]},
    "two primary addresses": {"emails": [{"value": f"{n}@example.com", "primary": True} for n in "ab"]},
    "the same address twice": {"emails": [{"value": "jane@example.com"}, {"value": "JANE@example.com"}]},
    "many addresses": {"emails": [{"value": f"{n}@example.com"} for n in range(21)]},
    "a long name": {"userName": "x" * 300},
    "a name with a line break": {"userName": "ja\nne"},
    "a name of blanks": {"userName": "  "},
    "a name with NUL": {"userName": "ja\0ne"},
    "an unknown status": {"status": "WAITING"},
    "a status in small letters": {"status": "confirmed"},
    "a negative lock": {"lockedUntil": -1},
    "an endless lock": {"lockedUntil": 1e300},
    "a long displayName": {"displayName": LONG},
    "a displayName with NUL": {"displayName": "\0"},
    "a long given name": {"name": {"givenName": LONG}},
    "a long locale": {"locale": LONG},
    "much further": {"title": "x" * 40_000},
    "many phones": {"phoneNumbers": [{"value": f"+1555555{n:04}"} for n in range(21)]},
    "an empty phone": {"phoneNumbers": [{"value": ""}]},
    "no object among photos": {"photos": ["x"]},
}


@pytest.mark.parametrize("name", BAD_USERS)
def test_an_import_refuses_whom_a_sign_up_refuses_and_for_the_same_reason(target: People, name: str) -> None:
    facts = {"emails": [{"value": "jane@example.com", "primary": True}], "status": "CONFIRMED", **BAD_USERS[name]}
    try:
        signed_up = refusal(lambda: target.sign_up({"password": PASSWORD, **facts}))[1]
    except ParseError:  # the gateway refuses it: a native client cannot even write it
        signed_up = "INVALID_VALUE"
    good = arriving("good@example.com")
    result = import_(target, {"users": [good, {"scimUser": facts}, arriving("other@example.com")]})
    assert (result["added"], result["failed"]) == (2, 1)
    assert result["failReasons"][0]["error"]["code"] == signed_up != ""


def test_what_is_wrong_with_one_user_costs_no_other(target: People) -> None:
    half, deep = '{"scimUser": {"emails": [{"value": "a@example.com"}], "title": "\\ud800"}}', "[" * 70 + "]" * 70
    nested = f'{{"scimUser": {{"emails": [{{"value": "b@example.com"}}], "addresses": {deep}}}}}'
    users = f"[{half}, {nested}, 7, null, [], {json.dumps(arriving('c@example.com'))}]"
    result = import_(target, f'{{"users": {users}}}')
    assert (result["added"], result["failed"]) == (1, 5)
    codes = [reason["error"]["code"] for reason in result["failReasons"]]
    assert codes == ["MALFORMED_JSON", "MALFORMED_JSON", "INVALID_VALUE", "INVALID_VALUE", "INVALID_VALUE"]


def test_a_tenant_of_user_names_takes_people_without_an_address(target: People) -> None:
    directory = target.manage("IdentityProvidersService/GetCloudDirectoryProvider")
    directory["config"]["identityField"] = "userName"
    target.manage("IdentityProvidersService/PutCloudDirectoryProvider", provider=directory)
    phc = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    nobody = {"scimUser": {"displayName": "Nobody"}}
    jane = {**arriving("x@example.com", phc), "scimUser": {"userName": "jane", "status": "CONFIRMED"}}
    result = import_(target, {"users": [jane, nobody]})
    assert (result["added"], result["failReasons"][0]["error"]["code"]) == (1, "EMAIL_MISSING")
    assert target.tokens(target.oauth.application(), "jane")["access_token"]


HOUR = 3_600_000


def expiring(address: str, moment: int | None) -> Json:
    facts = {} if moment is None else {"passwordExpirationTimestamp": moment}
    phc = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return arriving(address, phc, **facts)


def test_an_end_that_the_file_gives_holds_whatever_the_policy(source: People, target: People) -> None:
    """A temporary password, which its user must change, is one that has ended."""
    now, application = target.made.clock.now_ms(), target.oauth.application()
    moments = {"temporary@example.com": 0, "past@example.com": now - HOUR, "later@example.com": now + HOUR,
               "never@example.com": None}  # fmt: skip
    result = import_(target, {"users": [expiring(address, moment) for address, moment in moments.items()]})
    assert result["added"] == 4
    ids = {user["emails"][0]["value"]: user["id"] for user in listed(target)}

    for address in ("temporary@example.com", "past@example.com"):
        with refused("invalid_grant") as seen:
            target.tokens(application, address)
        assert (seen.value.message, seen.value.facts["user_id"]) == ("Password expired", ids[address])
    for address in ("later@example.com", "never@example.com"):
        assert target.tokens(application, address)["access_token"]
    with refused("invalid_grant") as seen:
        target.oauth.sign_in(application, "past@example.com", password="wrong password")
    assert seen.value.reason == "WRONG_CREDENTIALS", "only who knows the password learns that it has ended"

    exported = {user["scimUser"]["emails"][0]["value"]: user["scimUser"] for user in export(target)["users"]}
    assert {address: scim.get("passwordExpirationTimestamp") for address, scim in exported.items()} == moments
    result = import_(source, export(target))
    assert result["added"] == 4
    elsewhere = source.oauth.application()
    with refused("invalid_grant"):
        source.tokens(elsewhere, "past@example.com")

    change = body({"uuid": ids["past@example.com"], "newPassword": "another horse 2"})
    target.manage("SelfServiceService/ChangePassword", form=change)
    assert target.oauth.sign_in(application, "past@example.com", password="another horse 2")["access_token"]
    changed = {user["scimUser"]["emails"][0]["value"]: user["scimUser"] for user in export(target)["users"]}
    assert "passwordExpirationTimestamp" not in changed["past@example.com"]
    target.made.clock.advance(3_601)
    target.authenticate()
    with refused("invalid_grant"):
        target.tokens(application, "later@example.com")
    assert target.oauth.sign_in(application, "past@example.com", password="another horse 2")["access_token"]


def test_an_end_that_only_the_policy_set_goes_where_the_policy_holds(source: People, target: People) -> None:
    """Switched off, it ends nobody's password, and so not where the export is brought either."""

    def expiration(*, enabled: bool) -> None:
        service = "AdvancedPasswordManagementService"
        config = source.manage(f"{service}/GetAdvancedPasswordManagement")
        policies = config["advancedPasswordManagement"]
        policies["enabled"] = policies["passwordExpiration"]["enabled"] = enabled
        source.manage(f"{service}/PutAdvancedPasswordManagement", config=config)

    expiration(enabled=True)
    source.create()
    (while_on,) = export(source)["users"]
    assert while_on["scimUser"]["passwordExpirationTimestamp"] > source.made.clock.now_ms()
    expiration(enabled=False)
    (while_off,) = export(source)["users"]
    assert "passwordExpirationTimestamp" not in while_off["scimUser"]
    assert import_(target, {"users": [while_off]})["added"] == 1
    source.made.clock.advance(31 * 86_400)
    assert target.tokens(target.oauth.application())["access_token"]
