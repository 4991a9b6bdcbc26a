"""A call that nobody waits for is not carried out: its deadline passed, or its caller cancelled it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
from google.protobuf import json_format
from kit.accounts.directory import MANAGEMENT, People, body, person
from kit.callers import refusal, serving
from kit.oauth import PASSWORD, URLENCODED, refused
from kit.patience import awaited
from kit.servers.installation import Installation
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from ostiary.store.tables import Counter, User, table_of
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as pb
from ostiary_api.appid.management.v4.cloud_directory_users_pb2_grpc import CloudDirectoryUsersServiceStub

ISSUE = "identity.appid.oauth.v4.TokenService/IssueToken"
CREATE = f"/{MANAGEMENT}.CloudDirectoryUsersService/CreateCloudDirectoryUser"
SLOW_HASH = {"argon2_memory_kib": 16_384, "argon2_passes": 8, "workers": 1, "hash_queue": 8}
"""A hash of some tenths of a second, of which a worker takes eight at once."""
SHORT_S = 0.06
LONG_HASH = {**SLOW_HASH, "argon2_passes": 24}
WHILE_HASHING_S = 0.2
"""A deadline that passes while a LONG_HASH is made."""
APM = "advancedPasswordManagement"
CANCELLED, TOO_LATE = grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED


class Slow:
    """The people of a tenant whose passwords take long to hash."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.stub = CloudDirectoryUsersServiceStub(people.caller.channel)
        self.metadata = people.credentials["metadata"]

    def create(self, number: int, seconds: float = 30) -> Any:
        """The call that creates one, on its way."""
        request = pb.CreateCloudDirectoryUserRequest(tenant_id=self.people.tenant_id)
        json_format.ParseDict(person(f"p{number}@example.com"), request.user)
        return self.stub.CreateCloudDirectoryUser.future(request, timeout=seconds, metadata=self.metadata)

    def names(self) -> set[str]:
        """Who is there."""
        users = table_of(User)
        with self.people.made.runtime.store.read() as work:
            found = work.rows(select(users.c.user_name).where(users.c.tenant_id == self.people.tenant_id))
        return {row.user_name for row in found}

    def counted(self, name: str) -> int:
        """How much an exact counter of the tenant counts by now."""
        counters = table_of(Counter)
        of = (counters.c.tenant_id == self.people.tenant_id) & (counters.c.name == name)
        with self.people.made.runtime.store.read() as work:
            row = work.row(select(func.coalesce(func.sum(counters.c.count), 0)).where(of))
        return int(row[0]) if row else 0


@pytest.fixture
def slow(installation: Installation) -> Iterator[Slow]:
    with serving(installation.with_settings(**SLOW_HASH)) as caller:
        yield Slow(People(caller, "manager"))


@pytest.fixture
def slower(installation: Installation) -> Iterator[Slow]:
    with serving(installation.with_settings(**LONG_HASH)) as caller:
        yield Slow(People(caller, "manager"))


def outcomes(method: str = CREATE) -> dict[str, float]:
    """How often calls of a method ended how, by what operators are told."""
    named = ("OK", "LIMITED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAUTHENTICATED", "INVALID")
    found = {name: {"method": method, "outcome": name} for name in named}
    return {name: REGISTRY.get_sample_value("ostiary_requests_total", of) or 0 for name, of in found.items()}


def added(before: dict[str, float], method: str = CREATE) -> dict[str, float]:
    """What was added since."""
    return {name: count - before[name] for name, count in outcomes(method).items() if count != before[name]}


def code(call: Any) -> grpc.StatusCode:
    """How a call ended, waited for."""
    status: grpc.StatusCode = call.code()
    return status


def test_of_calls_whose_deadline_passes_nothing_remains(slow: Slow) -> None:
    before = outcomes()
    calls = [slow.create(number, SHORT_S) for number in range(30)]
    ended = {code(call) for call in calls}
    assert TOO_LATE in ended
    assert ended <= {TOO_LATE, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert code(slow.create(100)) is grpc.StatusCode.OK
    assert slow.names() == {"p100@example.com"}
    told = added(before)
    assert told.pop("OK") == 1
    assert told["DEADLINE_EXCEEDED"] >= 1
    assert set(told) <= {"DEADLINE_EXCEEDED", "LIMITED"}


def test_of_cancelled_calls_nothing_remains(slow: Slow) -> None:
    before = outcomes()
    calls = [slow.create(number) for number in range(6)]
    time.sleep(SHORT_S)
    for call in calls:
        call.cancel()
    assert {code(call) for call in calls} == {CANCELLED}
    assert code(slow.create(100)) is grpc.StatusCode.OK
    assert slow.names() == {"p100@example.com"}
    told = added(before)
    assert told.pop("OK") == 1
    assert told.pop("CANCELLED") >= 1
    assert set(told) <= {"DEADLINE_EXCEEDED"}, "which calls of the test before may still come to"


def test_places_in_the_queue_go_to_those_who_wait(slow: Slow) -> None:
    gone = [slow.create(number) for number in range(8)]
    time.sleep(SHORT_S)
    for call in gone:
        call.cancel()
    assert {code(call) for call in gone} == {CANCELLED}
    calls = [slow.create(number) for number in range(100, 106)]
    assert {code(call) for call in calls} == {grpc.StatusCode.OK}, "of eight places one is still at work"
    assert slow.names() == {f"p{number}@example.com" for number in range(100, 106)}


def test_nobody_who_goes_signs_up_or_is_created_by_scim(slow: Slow) -> None:
    people = slow.people
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "s", "password": PASSWORD}
    late = {"metadata": slow.metadata, "timeout": SHORT_S}
    tenant = {"tenantId": people.tenant_id}
    for ask in (
        lambda: people.caller.ask("identity.scim.v2.UsersService/CreateUser", {"user": body(user)}, **late),
        lambda: people.caller.ask(
            f"{MANAGEMENT}.SelfServiceService/StartSignUp", {**tenant, "user": person("new@example.com")}, **late
        ),
    ):
        assert refusal(ask)[0] is TOO_LATE
    assert code(slow.create(100)) is grpc.StatusCode.OK
    assert slow.names() == {"p100@example.com"}


def test_a_wrong_password_counts_though_nobody_waits_for_the_answer(slower: Slow) -> None:
    """Who hangs up must not have more guesses than who listens."""
    people, application = slower.people, slower.people.oauth.application()
    people.create()
    config = people.manage("AdvancedPasswordManagementService/GetAdvancedPasswordManagement")
    lockout = {"enabled": True, "config": {"lockOutTimeSec": 60, "numOfAttempts": 2}}
    config[APM] |= {"enabled": True, "lockOutPolicy": lockout}
    people.manage("AdvancedPasswordManagementService/PutAdvancedPasswordManagement", config=config)
    before = outcomes(f"/{ISSUE}")

    def compared() -> float:
        """How many guesses were compared with the hash; one that never came to that told its caller nothing."""
        return added(before, f"/{ISSUE}").get("UNAUTHENTICATED", 0)

    for number in (1, 2):
        guess = {"grant_type": "password", "username": "jane@example.com", "password": f"wrong guess {number}"}
        form = {"contentType": URLENCODED, "data": base64.b64encode(urlencode(guess).encode()).decode()}
        late = {"metadata": (("authorization", application.basic),), "timeout": WHILE_HASHING_S}
        asked = {"tenantId": people.tenant_id, "form": form}
        attempt = 0
        while compared() < number:
            attempt += 1
            assert attempt <= 5, "none of the guesses came to its hash before its deadline"
            assert refusal(lambda: people.caller.ask(ISSUE, asked, **late))[0] is TOO_LATE  # noqa: B023
            seen = sum(added(before, f"/{ISSUE}").values())
            awaited(lambda: sum(added(before, f"/{ISSUE}").values()) > seen)  # noqa: B023
    with refused("invalid_grant"):
        people.tokens(application)
    people.made.clock.advance(61)
    people.tokens(application)
