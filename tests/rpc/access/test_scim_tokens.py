"""SCIM tokens: made, listed, rotated and revoked by whoever owns the tenant, and what their holders may do."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from kit.accounts.people import Made, new_person, new_scim_token
from kit.audited import audited
from kit.callers import Caller, bearer, refusal, serving
from kit.scim import GroupClient, create, delete, find, get, patch
from kit.servers.installation import ENTROPY
from sqlalchemy import select, update

from ostiary.access.scim_tokens import MOST
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role
from ostiary.directory.users.external_ids import USER, external_ids_of
from ostiary.ids import digest
from ostiary.oauth.sessions.access_revocation import remove_user
from ostiary.store.tables import GROUP, RoleBinding, ScimToken, User, table_of
from ostiary.store.tenancy import SYSTEM_ID

SERVICE = "identity.appid.management.v4.ScimTokensService"
NOBODY = "00000000-0000-4000-8000-000000000000"
CODES = grpc.StatusCode
DEAD, DENIED = (CODES.UNAUTHENTICATED, "INVALID_TOKEN"), (CODES.PERMISSION_DENIED, "FORBIDDEN")
HOUR_S = 3_600


class Tokens:
    """The SCIM tokens of one tenant, asked for as one of its owners."""

    def __init__(self, caller: Caller, tenant_id: str, call: dict[str, Any]) -> None:
        self.caller, self.tenant_id, self.call = caller, tenant_id, call

    def ask(self, method: str, **request: Any) -> dict[str, Any]:
        return self.caller.ask(f"{SERVICE}/{method}", {"tenantId": self.tenant_id, **request}, **self.call)

    def create(self, name: str = "Entra", **token: Any) -> dict[str, Any]:
        return self.ask("CreateScimToken", token={"name": name, **token})

    def list(self) -> list[dict[str, Any]]:
        return self.ask("ListScimTokens").get("tokens", [])

    def rotate(self, token_id: str, **rotation: Any) -> dict[str, Any]:
        return self.ask("RotateScimToken", tokenId=token_id, rotation=rotation)

    def revoke(self, token_id: str) -> None:
        self.ask("RevokeScimToken", tokenId=token_id)


def of_new_tenant(caller: Caller, name: str) -> tuple[Tokens, Made]:
    """The tokens of a tenant of its own, and its owner."""
    tenant_id = caller.installation.new_tenant(name)
    owner = new_person(caller.installation, tenant_id, f"{name}-owner", "org_owner")
    return Tokens(caller, tenant_id, owner.call), owner


def test_an_owner_makes_one_sees_its_value_once_and_revokes_it(shared_caller: Caller) -> None:
    tokens, owner = of_new_tenant(shared_caller, "once")
    made = tokens.create("Entra", expiresInDays=30)
    value = made.pop("value")
    assert made.pop("scimUrl").endswith("/scim/v2")
    assert made["createdBy"] == {"kind": "user", "id": owner.id, "name": owner.name}
    assert (made["readOnly"], made["expiresAt"] > made["createdAt"]) == (False, True)
    assert tokens.list() == [made]
    assert value not in json.dumps(stored(shared_caller, made["id"]))
    assert stored(shared_caller, made["id"])["digest"] == digest(value)
    call = bearer(value)
    ann = create(shared_caller, call, userName="ann", externalId="e-1", password="correct horse battery staple")
    assert find(shared_caller, call, filter='externalId eq "e-1"')["totalResults"] == 1
    assert (
        patch(shared_caller, call, ann["id"], {"op": "replace", "path": "active", "value": "False"})["active"] is False
    )
    tokens.revoke(made["id"])
    assert refusal(lambda: find(shared_caller, call)) == DEAD
    assert tokens.list() == []
    with shared_caller.installation.runtime.store.read() as work:
        assert external_ids_of(work, tokens.tenant_id, made["id"], USER, [ann["id"]]) == {}
    assert refusal(lambda: tokens.revoke(made["id"])) == (CODES.NOT_FOUND, "SCIM_TOKEN_NOT_FOUND")
    records = [
        (row.action, row.initiator_kind, row.target_id) for row in audited(shared_caller.installation, tokens.tenant_id)
        if row.outcome == "success" and not row.action.endswith(".read")
    ]  # fmt: skip
    assert records == [
        ("scim.token.create", "user", made["id"]), ("scim.user.create", "scim_token", ann["id"]),
        ("scim.user.patch", "scim_token", ann["id"]), ("scim.token.revoke", "user", made["id"]),
    ]  # fmt: skip


def stored(caller: Caller, token_id: str) -> dict[str, Any]:
    """The row of a token."""
    table = table_of(ScimToken)
    with caller.installation.runtime.store.read() as work:
        row = work.row(select(table).where(table.c.id == token_id))
    assert row is not None
    return row._asdict()


@pytest.mark.parametrize("written", ["{}", "Bearer {}", "bearer  {}", "Bearer Bearer {}"])
def test_it_is_taken_as_forms_of_provisioning_clients_send_it(shared_caller: Caller, written: str) -> None:
    robot = new_scim_token(shared_caller.installation, shared_caller.installation.tenant_id)
    call = {**robot.call, "metadata": (("authorization", written.format(robot.token)),)}
    assert find(shared_caller, call)["itemsPerPage"] >= 0


def test_one_that_only_reads_changes_nothing(shared_caller: Caller) -> None:
    tokens, owner = of_new_tenant(shared_caller, "reading")
    call = bearer(tokens.create("report", readOnly=True)["value"])
    assert find(shared_caller, call, filter=f'userName eq "{owner.name}"')["totalResults"] == 1
    assert refusal(lambda: create(shared_caller, call, userName="ann")) == DENIED
    assert refusal(lambda: GroupClient(shared_caller, call).create("Team")) == DENIED


def test_the_holder_reaches_no_one_who_holds_more_than_a_member_and_gives_no_more(shared_caller: Caller) -> None:
    tokens, owner = of_new_tenant(shared_caller, "reach")
    made, call = shared_caller.installation, bearer(tokens.create()["value"])
    groups, ann = GroupClient(shared_caller, call), create(shared_caller, call, userName="ann")
    team, owners = groups.create("Team", ann["id"]), groups.create("Owners")
    with made.runtime.store.write() as work:
        bind_role(work, tokens.tenant_id, owners["id"], "org_owner", made.clock.now_ms(), kind=GROUP)
    adding = {"op": "add", "path": "members", "value": [{"value": ann["id"]}]}
    password = {"op": "replace", "path": "password", "value": "another correct battery"}
    for change in (
        lambda: patch(shared_caller, call, owner.id, password),
        lambda: delete(shared_caller, call, owner.id),
        lambda: groups.patch(owners["id"], adding),
        lambda: groups.put(owners["id"], displayName="Owners", members=[{"value": ann["id"]}]),
        lambda: groups.delete(owners["id"]),
        lambda: groups.patch(owners["id"], {"op": "add", "path": "members", "value": [{"value": team["id"]}]}),
    ):
        assert refusal(change) == DENIED
    assert [role["value"] for role in get(shared_caller, call, ann["id"])["roles"]] == ["org_member"]
    groups.patch(team["id"], {**adding, "op": "remove"})
    delete(shared_caller, call, ann["id"])


def test_it_stays_when_its_maker_is_deactivated_and_deleted(shared_caller: Caller) -> None:
    tokens, maker = of_new_tenant(shared_caller, "maker")
    made = shared_caller.installation
    other = new_person(made, tokens.tenant_id, "other", "org_owner")
    call, tokens.call = bearer(tokens.create()["value"]), other.call
    for step in ("role", "active", "user"):
        with made.runtime.store.write() as work:
            if step == "role":
                work.run(table_of(RoleBinding).delete().where(table_of(RoleBinding).c.holder_id == maker.id))
            elif step == "active":
                work.run(update(table_of(User)).where(table_of(User).c.id == maker.id).values(active=False))
            else:
                remove_user(work, tokens.tenant_id, maker.id, made.clock.now_ms())
        assert find(shared_caller, call)["totalResults"] >= 1
        assert refusal(lambda: Tokens(shared_caller, tokens.tenant_id, maker.call).list())[0] in (
            CODES.PERMISSION_DENIED, CODES.UNAUTHENTICATED
        )  # fmt: skip
    assert tokens.list()[0]["createdBy"] == {"kind": "user", "id": maker.id, "name": ""}


def test_who_owns_until_some_time_makes_none_that_is_good_for_longer(shared_caller: Caller) -> None:
    tokens, _ = of_new_tenant(shared_caller, "until")
    made = shared_caller.installation
    for_good = tokens.create()["id"]
    deputy, now_ms = new_person(made, tokens.tenant_id, "deputy"), made.clock.now_ms()
    with made.runtime.store.write() as work:
        bind_role(work, tokens.tenant_id, deputy.id, "org_owner", now_ms, expires_at=now_ms + 40 * 24 * HOUR_S * 1000)
    theirs = Tokens(shared_caller, tokens.tenant_id, deputy.call)
    beyond = (CODES.PERMISSION_DENIED, "BEYOND_OWN_END")
    assert refusal(theirs.create) == refusal(lambda: theirs.create(expiresInDays=41)) == beyond
    assert refusal(lambda: theirs.rotate(for_good)) == beyond
    assert theirs.create(expiresInDays=39)["value"]


def test_who_may_not_read_people_makes_none(shared_caller: Caller) -> None:
    tokens, _ = of_new_tenant(shared_caller, "unread")
    made = shared_caller.installation
    blind, now_ms = new_person(made, tokens.tenant_id, "blind"), made.clock.now_ms()
    wanted = RoleDefinition("changes all, reads nothing", permissions=frozenset({Permission.ORGANIZATION_OWN}))
    with made.runtime.store.write() as work:
        role = create_stored_role(work, tokens.tenant_id, wanted, installation_operator, ENTROPY, now_ms)
        bind_role(work, tokens.tenant_id, blind.id, role.id, now_ms)
    theirs = Tokens(shared_caller, tokens.tenant_id, blind.call)
    assert refusal(lambda: find(shared_caller, blind.call)) == DENIED
    assert refusal(lambda: theirs.create(readOnly=True)) == refusal(theirs.create) == DENIED


def test_a_tenant_has_few_and_system_none(shared_caller: Caller) -> None:
    tokens, _ = of_new_tenant(shared_caller, "few")
    for number in range(MOST):
        tokens.create(f"number {number}")
    assert refusal(tokens.create) == (CODES.INVALID_ARGUMENT, "TOO_MANY_SCIM_TOKENS")
    assert {token["name"] for token in tokens.list()} == {f"number {number}" for number in range(MOST)}
    operator = shared_caller.as_role("operator")
    system = Tokens(shared_caller, SYSTEM_ID, operator)
    assert refusal(system.create) == (CODES.INVALID_ARGUMENT, "NO_SCIM_HERE")
    for token, reason in (
        ({"name": " "}, "INVALID_NAME"), ({"name": ""}, "INVALID_NAME"), ({"name": "a\nb"}, "INVALID_NAME"),
        ({"name": "x" * 129}, "INVALID_NAME"), ({"name": "x", "expiresInDays": 0}, "INVALID_LIFETIME"),
        ({"name": "x", "expiresInDays": 3_651}, "INVALID_LIFETIME"),
    ):  # fmt: skip
        assert refusal(lambda token=token: tokens.ask("CreateScimToken", token=token)) == (  # type: ignore[misc]
            CODES.INVALID_ARGUMENT, reason
        )  # fmt: skip


def test_those_of_others_are_as_unknown_as_none(shared_caller: Caller) -> None:
    (tokens, _), (others, _) = of_new_tenant(shared_caller, "mine"), of_new_tenant(shared_caller, "theirs")
    foreign, call = others.create()["id"], bearer(tokens.create()["value"])
    for token_id in (foreign, NOBODY):
        gone = (CODES.NOT_FOUND, "SCIM_TOKEN_NOT_FOUND")
        assert refusal(lambda each=token_id: tokens.rotate(each)) == gone  # type: ignore[misc]
        assert refusal(lambda each=token_id: tokens.revoke(each)) == gone  # type: ignore[misc]
    for tenant_id in (others.tenant_id, NOBODY):
        there = Tokens(shared_caller, tenant_id, tokens.call)
        assert refusal(there.list) == (CODES.NOT_FOUND, "TENANT_NOT_FOUND")
        named = {**call, "metadata": (*call["metadata"], ("x-vmware-vcloud-tenant-context", tenant_id))}
        assert refusal(lambda named=named: find(shared_caller, named)) == (CODES.NOT_FOUND, "TENANT_NOT_FOUND")  # type: ignore[misc]
    value = str(dict(call["metadata"])["authorization"])
    for wrong in (value[:-1], f"{value}x", value.replace("_scim_", "_scim_0"), "Bearer ostiary_scim_", value.upper()):
        asked = {"metadata": (("authorization", wrong),), "timeout": call["timeout"]}
        assert refusal(lambda asked=asked: find(shared_caller, asked))[0] is CODES.UNAUTHENTICATED  # type: ignore[misc]


def test_a_rotation_overlaps_and_both_values_end_with_the_token(caller: Caller) -> None:
    made = caller.installation
    tokens = Tokens(caller, made.tenant_id, caller.as_role("manager"))
    first = tokens.create(expiresInDays=3)
    token_id = first["id"]
    create(caller, bearer(first["value"]), userName="ann", externalId="e-1")
    second = tokens.rotate(token_id, overlapHours=2)
    for value in (first["value"], second["value"]):
        assert find(caller, bearer(value), filter='externalId eq "e-1"')["totalResults"] == 1
    assert tokens.list()[0]["previousValueUntil"] < second["expiresAt"] == first["expiresAt"]
    made.clock.advance(2 * HOUR_S)
    assert refusal(lambda: find(caller, bearer(first["value"]))) == DEAD
    assert find(caller, bearer(second["value"]))["totalResults"] == 1
    caller.forget_tokens()
    tokens.call = caller.as_role("manager")
    assert "previousValueUntil" not in tokens.list()[0]
    third = tokens.rotate(token_id, overlapHours=0)
    assert refusal(lambda: find(caller, bearer(second["value"]))) == DEAD
    assert "previousValueUntil" not in third
    made.clock.advance(71 * HOUR_S)
    assert refusal(lambda: find(caller, bearer(third["value"]))) == DEAD
    caller.forget_tokens()
    tokens.call = caller.as_role("manager")
    assert refusal(lambda: tokens.rotate(token_id)) == (CODES.INVALID_ARGUMENT, "ALREADY_EXPIRED")
    fourth = tokens.rotate(token_id, expiresInDays=1)
    assert find(caller, bearer(fourth["value"]))["totalResults"] == 1
    assert refusal(lambda: find(caller, bearer(third["value"]))) == DEAD


def test_its_last_use_is_noted_to_the_hour(caller: Caller) -> None:
    made = caller.installation
    robot = new_scim_token(made, made.tenant_id)
    noted = []
    for wait_s in (0, HOUR_S - 1, 1):
        made.clock.advance(wait_s)
        find(caller, robot.call)
        made.runtime.group_commit.flush()
        noted.append(stored(caller, robot.id)["last_used_at"])
    assert noted == [noted[0], noted[0], noted[0] + HOUR_S * 1000]
    assert noted[2] == made.clock.now_ms()


def test_a_revoked_one_is_refused_by_another_replica_at_once(caller: Caller) -> None:
    made = caller.installation
    robot = new_scim_token(made, made.tenant_id)
    replica = made.with_settings()
    with serving(replica) as there:
        assert find(there, robot.call)["totalResults"] == 0
        Tokens(caller, made.tenant_id, caller.as_role("manager")).revoke(robot.id)
        assert refusal(lambda: find(there, robot.call)) == DEAD
    replica.runtime.close()


@pytest.mark.parametrize("method", ["GetMe", "PatchMe"])
def test_the_holder_is_nobody_at_me(shared_caller: Caller, method: str) -> None:
    robot = new_scim_token(shared_caller.installation, shared_caller.installation.tenant_id)
    assert refusal(lambda: shared_caller.ask(f"identity.scim.v2.MeService/{method}", {}, **robot.call)) == DENIED
