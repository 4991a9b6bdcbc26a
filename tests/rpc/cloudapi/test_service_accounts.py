"""Service accounts over native gRPC: registered, granted by the device flow, rotating their tokens, revoked."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from kit.accounts.people import Made, new_person
from kit.accounts.robots import Robots
from kit.audited import audited
from kit.callers import Caller, bearer, refusal
from sqlalchemy import select

from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.built_in import role_id
from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role, delete_stored_role
from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.oauth.platform.devices import LETTERS, LIFETIME_S
from ostiary.oauth.token.grants.device_code import GRANT_TYPE
from ostiary.store.tables import DeviceAuthorization, RefreshToken, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.cloudapi.v1 import device_lookup_pb2, orgs_pb2
from ostiary_api.cloudapi.v1 import service_accounts_pb2 as pb
from ostiary_api.cloudapi.v1.device_lookup_pb2_grpc import DeviceLookupServiceStub
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference
from ostiary_api.cloudapi.v1.orgs_pb2_grpc import OrgsServiceStub
from ostiary_api.cloudapi.v1.service_accounts_pb2_grpc import ServiceAccountsServiceStub

OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
INVALID, LIMITED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
INVALID_GRANT = (INVALID, "INVALID_GRANT")
HIDDEN = (grpc.StatusCode.NOT_FOUND, "SERVICE_ACCOUNT_NOT_FOUND")
NO_DEVICE = (grpc.StatusCode.NOT_FOUND, "DEVICE_NOT_FOUND")


@pytest.fixture
def place(shared_caller: Caller) -> Robots:
    made, name = shared_caller.installation, f"robots-{uuid.uuid4().hex[:8]}"
    tenant = made.new_tenant(name)
    return Robots(shared_caller, tenant, name, new_person(made, tenant, "ann", "org_owner"))


def test_an_account_goes_from_created_to_active(place: Robots) -> None:
    account_id = place.register(client_name="backup", client_uri="https://backup.example.com")
    found = place.get(account_id)
    assert (found.name, found.software_id, found.uri) == ("backup", "bot", "https://backup.example.com")
    assert (found.role.name, found.org.name, found.status) == ("org_member", place.name, "CREATED")
    codes = place.device(account_id)
    assert (codes.expires_in, codes.interval, place.status(account_id)) == (LIFETIME_S, 5, "REQUESTED")
    assert len(codes.user_code) == 9
    assert set(codes.user_code) <= {*LETTERS, "-"}
    assert refusal(lambda: place.poll(account_id, codes.device_code)) == (INVALID, "PENDING")
    place.decide(codes.user_code.lower().replace("-", " "))
    assert place.status(account_id) == "GRANTED"
    tokens = place.poll(account_id, codes.device_code)
    assert (tokens.token_type, place.status(account_id)) == ("Bearer", "ACTIVE")
    session = place.session(tokens.access_token)
    assert (session.user.name, list(session.roles), session.org.name) == ("backup", ["org_member"], place.name)
    actions = [row.action for row in audited(place.caller.installation, place.id)]
    steps = ["client.register", "device.request", "device.grant", "tenant-token.issue"]
    assert [action for action in actions if action != "audit.read"] == [f"cloudapi.{step}" for step in steps]


def test_secrets_are_stored_as_digests_only(place: Robots) -> None:
    account_id = place.register()
    codes = place.device(account_id)
    _, tokens = place.active()
    with place.caller.installation.runtime.store.read() as work:
        kept = str([*work.rows(select(table_of(DeviceAuthorization))), *work.rows(select(table_of(RefreshToken)))])
    for secret in (codes.device_code, codes.user_code, codes.user_code.replace("-", ""), tokens.refresh_token):
        assert secret not in kept


def test_refresh_tokens_rotate_and_reuse_ends_them_all(place: Robots) -> None:
    account_id, first = place.active()
    second = place.refresh(first.refresh_token, client_id=account_id)
    assert second.refresh_token not in ("", first.refresh_token)
    third = place.refresh(second.refresh_token)
    assert refusal(lambda: place.refresh(second.refresh_token)) == INVALID_GRANT
    assert refusal(lambda: place.refresh(third.refresh_token)) == INVALID_GRANT
    assert [place.is_dead(one.access_token) for one in (first, second, third)] == [True] * 3
    assert place.status(account_id) == "CREATED"
    codes = place.device(account_id)
    place.decide(codes.user_code)
    assert place.poll(account_id, codes.device_code).refresh_token


def test_a_refresh_token_is_worth_nothing_elsewhere(place: Robots) -> None:
    account_id, tokens = place.active()
    other = place.caller.installation.new_tenant(f"o-{place.name}")
    asked = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
    for org in (f"o-{place.name}", "nowhere", "\0"):
        assert refusal(lambda org=org: place.token(org, **asked)) == INVALID_GRANT
    assert refusal(lambda: place.refresh(tokens.refresh_token, client_id=other)) == INVALID_GRANT
    assert place.refresh(tokens.refresh_token).access_token
    assert account_id


def test_denied_expired_used_and_unknown_devices_are_told_apart(place: Robots) -> None:
    account_id = place.register()
    denied = place.device(account_id)
    place.decide(denied.user_code, grant=False)
    assert refusal(lambda: place.poll(account_id, denied.device_code)) == (INVALID, "DENIED")
    assert place.status(account_id) == "CREATED"
    assert refusal(lambda: place.decide(denied.user_code)) == NO_DEVICE
    assert refusal(lambda: place.poll(account_id, "x"))[1] == "UNKNOWN"
    assert refusal(lambda: place.poll(place.register(), denied.device_code))[1] == "UNKNOWN"
    used = place.device(account_id)
    place.decide(used.user_code)
    place.poll(account_id, used.device_code)
    assert refusal(lambda: place.poll(account_id, used.device_code))[1] == "UNKNOWN"
    assert refusal(lambda: place.token(grant_type=GRANT_TYPE, client_id=account_id))[1] == "MISSING_FIELD"


@pytest.mark.own_installation
def test_time_slows_down_and_ends_a_device(caller: Caller) -> None:
    made = caller.installation
    place = Robots(caller, made.tenant_id, "acme", new_person(made, made.tenant_id, "ann", "org_owner"))
    account_id = place.register()
    codes = place.device(account_id)

    def answer(after_s: int) -> str:
        made.clock.advance(after_s)
        return refusal(lambda: place.poll(account_id, codes.device_code))[1]

    steps = [(0, "PENDING"), (4, "TOO_FAST"), (9, "TOO_FAST"), (14, "TOO_FAST"), (20, "PENDING"), (20, "PENDING")]
    assert [(after, answer(after)) for after, _ in steps] == steps
    assert answer(LIFETIME_S) == "EXPIRED"
    assert refusal(lambda: place.decide(codes.user_code)) == NO_DEVICE
    assert place.status(account_id) == "CREATED"


def test_of_many_who_ask_at_once_one_gets_the_tokens(place: Robots) -> None:
    account_id = place.register()
    codes = [place.device(account_id) for _ in range(2)]
    for one in codes:
        place.decide(one.user_code)

    def ask(number: int) -> grpc.StatusCode:
        return refusal(lambda: place.poll(account_id, codes[number % 2].device_code))[0]

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(ask, range(4)), key=str) == sorted([OK, INVALID, INVALID, INVALID], key=str)
    assert place.status(account_id) == "ACTIVE"


def test_who_knows_the_id_of_an_active_account_cannot_end_its_tokens(place: Robots) -> None:
    account_id, tokens = place.active()
    assert refusal(lambda: place.device(account_id)) == (INVALID, "ALREADY_ACTIVE")
    unknown = {refusal(lambda at=at: place.device(*at)) for at in (
        (str(uuid.uuid4()),), ("x",), ("\0",), (account_id, "System"), (account_id, "nowhere"), (account_id, "\0"),
    )}  # fmt: skip
    assert len(unknown) == 1
    assert unknown.pop()[0] is grpc.StatusCode.UNAUTHENTICATED
    assert place.refresh(tokens.refresh_token).access_token


@pytest.mark.parametrize("how", ["revoke", "delete"])
def test_revoking_and_deleting_end_all_tokens(place: Robots, how: str) -> None:
    account_id, first = place.active()
    second = place.refresh(first.refresh_token)
    stub, urn = ServiceAccountsServiceStub(place.caller.channel), f"urn:vcloud:serviceAccount:{account_id}"
    if how == "revoke":
        stub.RevokeServiceAccount(pb.RevokeServiceAccountRequest(id=urn), **place.owner.call)
        assert place.status(account_id) == "CREATED"
    else:
        stub.DeleteServiceAccount(pb.DeleteServiceAccountRequest(id=urn), **place.owner.call)
        assert refusal(lambda: place.get(account_id)) == HIDDEN
    assert [place.is_dead(one.access_token) for one in (first, second)] == [True, True]
    assert refusal(lambda: place.refresh(second.refresh_token)) == INVALID_GRANT


def test_an_account_may_do_what_its_role_permits_and_no_more(place: Robots) -> None:
    made = place.caller.installation
    orgs = OrgsServiceStub(place.caller.channel)
    with made.runtime.store.write() as work:
        role = RoleDefinition("blind", permissions=frozenset())
        blind = create_stored_role(work, place.id, role, installation_operator, made.runtime.entropy, 1)
    account_id, tokens = place.active(scope=f"urn:vcloud:role:{blind.id}")
    listing = lambda: orgs.ListOrgs(orgs_pb2.ListOrgsRequest(), **bearer(tokens.access_token))  # noqa: E731
    assert refusal(listing)[0] is DENIED
    account = pb.ServiceAccount(software_id="bot 2", role=EntityReference(name="org_owner"))
    request = pb.UpdateServiceAccountRequest(id=f"urn:vcloud:serviceAccount:{account_id}", account=account)
    changed = ServiceAccountsServiceStub(place.caller.channel).UpdateServiceAccount(request, **place.owner.call)
    assert (changed.role.name, changed.software_id, changed.status) == ("org_owner", "bot 2", "ACTIVE")
    assert [org.name for org in listing().values] == [place.name]
    robot = Made(account_id, "robot", place.id, tokens.access_token)
    for asked in ({}, {"software_id": "", "scope": ""}):
        assert refusal(lambda asked=asked: place.register(robot, **asked)) == (DENIED, "NOT_BY_SERVICE_ACCOUNT")


def test_a_role_that_is_deleted_permits_nothing(place: Robots) -> None:
    made = place.caller.installation
    with made.runtime.store.write() as work:
        role = RoleDefinition("auditor", permissions=frozenset({Permission.ORGANIZATION_READ}))
        stored = create_stored_role(work, place.id, role, installation_operator, made.runtime.entropy, 1)
    account_id, tokens = place.active(scope="urn:vcloud:role:Auditor")
    with made.runtime.store.write() as work:
        delete_stored_role(work, place.id, stored.id, installation_operator)
    assert list(place.session(tokens.access_token).roles) == []
    assert not place.get(account_id).role.id


def test_nobody_gives_an_account_more_than_they_hold(place: Robots) -> None:
    made = place.caller.installation
    operator = new_person(made, SYSTEM_ID, f"root-{place.name}", "platform_operator")
    member = new_person(made, place.id, "bob", "org_member")
    assert refusal(lambda: place.register(member))[0] is DENIED
    for scope in ("platform_operator", "manager", "nobody", "urn:vcloud:role:", f"urn:vcloud:role:{uuid.uuid4()}"):
        assert refusal(lambda scope=scope: place.register(scope=scope)) == (INVALID, "INVALID_SCOPE")
    assert place.get(place.register(operator, scope=f"urn:vcloud:role:{role_id(place.id, 'org_owner')}")).role.name
    until = made.clock.now_ms() + 3_600_000
    for_a_while = new_person(made, place.id, "guest")
    with made.runtime.store.write() as work:
        bind_role(work, place.id, for_a_while.id, "org_owner", made.clock.now_ms(), expires_at=until)
    assert refusal(lambda: place.register(for_a_while))[0] is DENIED
    codes = place.device(place.register())
    assert refusal(lambda: place.decide(codes.user_code, for_a_while))[0] is DENIED
    assert refusal(lambda: place.decide(codes.user_code, member))[0] is DENIED
    place.decide(codes.user_code)


def test_nobody_acts_on_an_account_that_may_do_more_or_for_longer(place: Robots) -> None:
    made = place.caller.installation
    operator = new_person(made, SYSTEM_ID, f"root-{place.name}", "platform_operator")
    system_owner = new_person(made, SYSTEM_ID, f"clerk-{place.name}", "org_owner")
    guest = new_person(made, place.id, "guest")
    with made.runtime.store.write() as work:
        until = made.clock.now_ms() + 3_600_000
        bind_role(work, place.id, guest.id, "org_owner", made.clock.now_ms(), expires_at=until)
    stub = ServiceAccountsServiceStub(place.caller.channel)
    for who, chief, org, role in (
        (system_owner, operator, "System", "platform_operator"), (guest, place.owner, place.name, "org_owner"),
    ):  # fmt: skip
        account_id = place.register(chief, org, scope=f"urn:vcloud:role:{role}")
        codes, urn = place.device(account_id, org), f"urn:vcloud:serviceAccount:{account_id}"
        for act in (
            lambda who, urn=urn: stub.RevokeServiceAccount(pb.RevokeServiceAccountRequest(id=urn), **who.call),
            lambda who, urn=urn: stub.DeleteServiceAccount(pb.DeleteServiceAccountRequest(id=urn), **who.call),
            lambda who, code=codes.user_code: place.decide(code, who, grant=False),
            lambda who, code=codes.user_code: place.decide(code, who),
        ):
            assert refusal(lambda act=act, who=who: act(who))[0] is DENIED
        place.decide(codes.user_code, chief)
        assert place.poll(account_id, codes.device_code, org).access_token
        stub.RevokeServiceAccount(pb.RevokeServiceAccountRequest(id=urn), **chief.call)
        stub.DeleteServiceAccount(pb.DeleteServiceAccountRequest(id=urn), **chief.call)
    request = pb.DeleteServiceAccountRequest(id=f"urn:vcloud:serviceAccount:{place.register()}")
    assert refusal(lambda: stub.DeleteServiceAccount(request, **guest.call))[0] is OK


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"scope": ""}, "NOT_A_SERVICE_ACCOUNT"), ({"software_id": ""}, "NOT_A_SERVICE_ACCOUNT"),
        ({"client_name": ""}, "FIELD_MISSING"), ({"client_name": "x" * 129}, "INVALID_FIELD"),
        ({"software_id": "a\nb"}, "INVALID_FIELD"),
    ],
)  # fmt: skip
def test_what_is_no_service_account_is_refused(place: Robots, asked: dict[str, str], reason: str) -> None:
    assert refusal(lambda: place.register(**asked)) == (INVALID, reason)


def test_a_name_is_taken_once(place: Robots) -> None:
    place.register(client_name="Backup")
    assert refusal(lambda: place.register(client_name="backup"))[1] == "SERVICE_ACCOUNT_NAME_TAKEN"


def test_foreign_and_unknown_accounts_and_devices_look_alike(place: Robots) -> None:
    made, account_id = place.caller.installation, place.register()
    eve = new_person(made, made.new_tenant(f"e-{place.name}"), "eve", "org_owner")
    stub = ServiceAccountsServiceStub(place.caller.channel)
    for each in (account_id, str(uuid.uuid4()), "x", ""):
        urn = f"urn:vcloud:serviceAccount:{each}"
        account = pb.ServiceAccount(software_id="x")
        assert {
            refusal(lambda each=each: place.get(each, eve)),
            refusal(lambda urn=urn: stub.RevokeServiceAccount(pb.RevokeServiceAccountRequest(id=urn), **eve.call)),
            refusal(lambda urn=urn: stub.DeleteServiceAccount(pb.DeleteServiceAccountRequest(id=urn), **eve.call)),
            refusal(lambda urn=urn, account=account: stub.UpdateServiceAccount(
                pb.UpdateServiceAccountRequest(id=urn, account=account), **eve.call)),
        } == {HIDDEN}  # fmt: skip
    codes = place.device(account_id)
    assert refusal(lambda: place.decide(codes.user_code, eve)) == NO_DEVICE
    for org in (place.name, "nowhere", "System"):
        assert refusal(lambda org=org: place.register(eve, org=org)) == (DENIED, "FORBIDDEN")
    assert place.status(account_id) == "REQUESTED"


def test_guesses_of_codes_are_counted_exactly(place: Robots) -> None:
    account_id = place.register()
    codes = place.device(account_id)

    def guess(number: int) -> grpc.StatusCode:
        return refusal(lambda: place.decide(f"BBBB-BB{LETTERS[number % 20]}B"))[0]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(guess, range(30)))
    assert (answers.count(NO_DEVICE[0]), answers.count(LIMITED)) == (20, 10)
    assert refusal(lambda: place.decide(codes.user_code))[0] is LIMITED
    other = new_person(place.caller.installation, place.id, "bob", "org_owner")
    stub = DeviceLookupServiceStub(place.caller.channel)
    device = device_lookup_pb2.WaitingDevice(user_code=codes.user_code)
    seen = stub.LookUpDevice(device_lookup_pb2.LookUpDeviceRequest(device=device), **other.call)
    assert seen.id == f"urn:vcloud:serviceAccount:{account_id}"
    place.decide(codes.user_code, other)


def test_devices_of_one_account_are_limited(place: Robots) -> None:
    account_id = place.register()
    answers = [refusal(lambda: place.device(account_id))[0] for _ in range(21)]
    assert answers == [*[OK] * 20, LIMITED]


def test_accounts_are_listed_by_filter_and_page(place: Robots) -> None:
    stub = ServiceAccountsServiceStub(place.caller.channel)
    for name in ("a1", "a2", "b1"):
        place.register(client_name=name, software_id=f"soft-{name}")
    place.device(place.register(client_name="waiting"))

    def names(**asked: Any) -> list[str]:
        answer = stub.ListServiceAccounts(pb.ListServiceAccountsRequest(**asked), **place.owner.call)
        return [one.name for one in answer.values]

    assert names() == ["a1", "a2", "b1", "waiting"]
    assert names(filter="name==a*", sort_desc="name") == ["a2", "a1"]
    assert names(filter="status==REQUESTED") == ["waiting"]
    assert names(filter="softwareId==soft-b1,name==A1") == ["a1", "b1"]
    assert names(page=2, page_size=3) == ["waiting"]
    for wrong in ({"filter": "secret==x"}, {"sort_asc": "role"}, {"page_size": 129}, {"page": 0}):
        assert refusal(lambda wrong=wrong: names(**wrong))[0] is INVALID


def test_an_operators_account_acts_on_every_organization(place: Robots) -> None:
    made = place.caller.installation
    operator = new_person(made, SYSTEM_ID, f"top-{place.name}", "platform_operator")
    system = Robots(place.caller, SYSTEM_ID, "System", operator)
    account_id, tokens = system.active(scope="platform_operator")
    assert account_id
    answer = OrgsServiceStub(place.caller.channel).ListOrgs(
        orgs_pb2.ListOrgsRequest(filter=f"name=={place.name}"), **bearer(tokens.access_token)
    )
    assert [org.name for org in answer.values] == [place.name]


def test_a_disabled_organization_begins_and_gets_nothing(place: Robots) -> None:
    made, account_id = place.caller.installation, place.register()
    codes = place.device(account_id)
    _, tokens = place.active()
    with made.runtime.store.write() as work:
        set_tenant_state(work, place.id, "disabled", made.clock.now_ms())
    operator = new_person(made, SYSTEM_ID, f"off-{place.name}", "platform_operator")
    assert refusal(lambda: place.device(account_id))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert refusal(lambda: place.poll(account_id, codes.device_code)) == INVALID_GRANT
    assert refusal(lambda: place.refresh(tokens.refresh_token)) == INVALID_GRANT
    assert place.is_dead(tokens.access_token)
    assert refusal(lambda: place.register(operator)) == (DENIED, "FORBIDDEN")
