"""Advanced password management at its exact boundaries, on both databases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher
from kit.accounts.signing_in import sign_in
from kit.servers.installation import ENTROPY, Installation
from sqlalchemy import select

from ostiary.clock import FixedClock
from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.directory.passwords.stored import set_password_hash
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser, UserChange
from ostiary.directory.users.users import create_user, delete_user, get_user
from ostiary.errors import DomainError
from ostiary.runtime import Runtime, open_runtime
from ostiary.services.appid.directory.user_messages import user_message
from ostiary.store.tables import PastPassword, WrongPassword, table_of
from ostiary.store.tenancy import TenantView, fresh_view

DAY, HOUR = 86_400, 3_600
LOGIN, OTHER_LOGIN = "jane.doe@example.com", "joe@example.com"
FIRST = "first password"


class Directory:
    """One tenant with Jane and Joe in it; what they try and what is answered."""

    def __init__(self, installation: Installation) -> None:
        self.runtime: Runtime = installation.runtime
        self.clock: FixedClock = installation.clock
        self.tenant_id = installation.tenant_id
        self.jane, self.joe = self.add(LOGIN, "JDoe-42"), self.add(OTHER_LOGIN, "joe")

    def add(self, address: str, name: str) -> str:
        """A user with the password FIRST; its directory id."""
        new = NewUser(emails=(Contact(address, verified=True),), user_name=name, may_sign_in=True)
        phc = self.runtime.directory.passwords.hash(self.tenant_id, FIRST)
        with self.runtime.store.write() as work:
            return create_user(work, self.tenant_id, new, phc, ENTROPY, self.clock.now_ms()).id

    def policies(self, *, enabled: bool = True, **numbers: int) -> None:
        """Switches on the policies that have a number here, and the others off."""
        document = ADVANCED_PASSWORDS.default_document()
        policies = document.advanced_password_management
        policies.enabled = enabled
        for field in policies.DESCRIPTOR.fields[1:]:
            policy = getattr(policies, field.name)
            for name, number in numbers.items():
                if name == field.name:
                    policy.enabled = True
                elif field.name != "prevent_password_with_username" and name in policy.config.DESCRIPTOR.fields_by_name:
                    policy.enabled = True
                    setattr(policy.config, name, number)
        with self.runtime.store.write() as work:
            ADVANCED_PASSWORDS.replace(work, self.tenant_id, document, self.clock.now_ms())

    @property
    def tenant(self) -> TenantView:
        with self.runtime.store.read() as work:
            view = fresh_view(work, self.tenant_id)
        assert view is not None
        return view

    def sign_in(self, password: str = FIRST, login: str = LOGIN, *, platform: bool = False) -> str:
        """`in`, or the reason of the refusal."""
        return said(lambda: sign_in(self.runtime, self.tenant, login, password, platform=platform))

    def change(self, password: str, *, by_user: bool = True) -> str:
        """Jane's password is changed: `in`, or the reason of the refusal."""

        def do() -> None:
            prepared = self.runtime.directory.password_change.prepare(self.tenant, self.jane, password)
            with self.runtime.store.write() as work:
                self.runtime.directory.password_change.store(work, self.tenant_id, prepared, by_user=by_user)

        return said(do)

    def shown(self) -> tuple[bool, int | None]:
        """Jane as the management API shows her: active, lockedUntil."""
        with self.runtime.store.read() as work:
            user = get_user(work, self.tenant_id, self.jane)
        return user_message(user, self.clock.now_ms()).active, user.locked_until

    def past(self) -> int:
        with self.runtime.store.read() as work:
            return len(work.rows(select(table_of(PastPassword).c.id)))


def said(do: Callable[[], Any]) -> str:
    """`in`, or the reason of the refusal."""
    try:
        do()
    except DomainError as refused:
        return refused.reason
    return "in"


@pytest.fixture
def directory(installation: Installation) -> Directory:
    return Directory(installation)


WRONG = "WRONG_CREDENTIALS"


def test_so_many_wrong_passwords_in_a_row_lock_for_so_long(directory: Directory) -> None:
    directory.policies(num_of_attempts=3, lock_out_time_sec=60)
    locked_at = directory.clock.now_ms()
    assert [directory.sign_in(f"wrong {number}") for number in range(3)] == [WRONG] * 3
    assert directory.sign_in() == WRONG, "the right password, but locked"
    assert directory.shown() == (False, locked_at + 60_000)
    assert directory.sign_in(login=OTHER_LOGIN) == "in", "nobody else is"
    directory.clock.advance(59.999)
    assert directory.sign_in() == WRONG
    assert not directory.shown()[0]
    directory.clock.advance(0.001)
    assert directory.shown()[0]
    assert directory.sign_in() == "in"


def test_a_right_password_begins_the_row_anew(directory: Directory) -> None:
    directory.policies(num_of_attempts=3, lock_out_time_sec=86_400)
    for _ in range(3):
        assert [directory.sign_in(f"wrong {number}") for number in range(2)] == [WRONG] * 2
        assert directory.sign_in() == "in"
        directory.clock.advance(120)  # past App ID's own limit of sign-ins a minute
    assert [directory.sign_in(f"wrong {number}") for number in range(3)] == [WRONG] * 3
    assert directory.sign_in() == WRONG
    directory.clock.advance(86_399)
    assert directory.sign_in("wrong") == WRONG, "tries while locked neither prolong nor count"
    directory.clock.advance(1)
    assert [directory.sign_in("wrong"), directory.sign_in("worse"), directory.sign_in()] == [WRONG, WRONG, "in"]


def test_the_row_is_the_same_whichever_way_and_spelling_the_passwords_come(directory: Directory) -> None:
    directory.policies(num_of_attempts=4, lock_out_time_sec=60)
    ways = [
        directory.sign_in("wrong 1", LOGIN.upper()), directory.sign_in("wrong 2", " jane.doe@example.com"),
        directory.sign_in("wrong 3", "jdoe-42", platform=True), directory.sign_in("wrong 4", LOGIN, platform=True),
    ]  # fmt: skip
    assert ways == [WRONG] * 4
    assert [directory.sign_in(), directory.sign_in(login="JDOE-42", platform=True)] == [WRONG] * 2


def test_an_administrator_unlocks_by_setting_active(directory: Directory) -> None:
    directory.policies(num_of_attempts=2, lock_out_time_sec=3_600)

    def put(**facts: Any) -> None:
        with directory.runtime.store.write() as work:
            update_user(work, directory.tenant_id, directory.jane, UserChange(**facts), directory.clock.now_ms())

    directory.sign_in("wrong")
    put(active=True)
    assert [directory.sign_in("wrong"), directory.sign_in()] == [WRONG, "in"], "the row begins anew"
    assert [directory.sign_in(f"wrong {number}") for number in range(2)] == [WRONG] * 2
    assert not directory.shown()[0]
    put(active=True)
    assert directory.shown() == (True, None)
    assert directory.sign_in() == "in"


@pytest.mark.parametrize("numbers", [{"enabled": False, "num_of_attempts": 1}, {"days_to_expire": 1}])
def test_without_the_policy_nobody_is_locked(directory: Directory, numbers: dict[str, Any]) -> None:
    directory.policies(**numbers)
    assert [directory.sign_in("wrong") for _ in range(5)] == [WRONG] * 5
    assert directory.sign_in() == "in"


def test_of_many_at_once_exactly_the_allowed_ones_are_answered(directory: Directory) -> None:
    """Two runtimes on one database are what two processes are. A right password that comes after the last wrong one is
    refused, however far its check had come."""
    directory.policies(num_of_attempts=3, lock_out_time_sec=60)
    other = open_runtime(directory.runtime.settings, clock=directory.clock)
    tenant = directory.tenant

    def guess(number: int) -> str:
        runtime = (directory.runtime, other)[number % 2]
        return said(lambda: sign_in(runtime, tenant, LOGIN, f"wrong {number}"))

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(guess, range(9)))
    other.store.close()
    assert outcomes == [WRONG] * 9
    assert directory.shown() == (False, directory.clock.now_ms() + 60_000)
    assert directory.sign_in() == WRONG
    directory.clock.advance(121)
    assert directory.sign_in() == "in"


def test_the_same_wrong_password_counts_once_within_seconds(directory: Directory) -> None:
    """As a library sends it that tries one way of client authentication after the other."""
    directory.policies(num_of_attempts=4, lock_out_time_sec=60)
    twice = [directory.sign_in(password) for password in ("one", "one", "two", "two")]
    assert [*twice, directory.sign_in()] == [WRONG] * 4 + ["in"]
    directory.clock.advance(61)
    ways = [directory.sign_in("one", LOGIN.upper()), directory.sign_in("one", "jdoe-42", platform=True)]
    assert [*ways, directory.sign_in("two"), directory.sign_in("three"), directory.sign_in()] == [WRONG] * 4 + ["in"]


def test_a_wrong_password_counts_again_later_or_after_another_or_after_the_right_one(directory: Directory) -> None:
    directory.policies(num_of_attempts=2, lock_out_time_sec=60)
    directory.sign_in("one")
    directory.clock.advance(9.999)
    directory.sign_in("one")
    assert directory.shown()[0]
    directory.clock.advance(0.001)
    directory.sign_in("one")
    assert not directory.shown()[0], "ten seconds from the first time, however often it came since"
    directory.clock.advance(61)
    assert [directory.sign_in("one"), directory.sign_in(), directory.sign_in("one")] == [WRONG, "in", WRONG]
    directory.sign_in("two")
    assert not directory.shown()[0], "the right one between began the row anew"


def test_a_clock_that_was_ahead_lets_nobody_guess_the_same_for_nothing(directory: Directory) -> None:
    directory.policies(num_of_attempts=2, lock_out_time_sec=60)
    directory.clock.advance(86_400)
    directory.sign_in("one")
    directory.clock.advance(-86_400)
    directory.sign_in("one")
    assert not directory.shown()[0]


def test_of_the_same_wrong_password_many_times_at_once_one_counts(directory: Directory) -> None:
    directory.policies(num_of_attempts=3, lock_out_time_sec=60)
    other = open_runtime(directory.runtime.settings, clock=directory.clock)
    tenant = directory.tenant

    def guess(number: int) -> str:
        runtime = (directory.runtime, other)[number % 2]
        return said(lambda: sign_in(runtime, tenant, LOGIN, "wrong"))

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(guess, range(8)))
    other.store.close()
    assert outcomes == [WRONG] * 8
    assert directory.sign_in("worse") == WRONG
    assert directory.shown()[0], "two of three"
    assert directory.sign_in() == "in"


def test_nothing_of_a_wrong_password_can_be_read_and_the_right_one_takes_it_away(directory: Directory) -> None:
    directory.policies(num_of_attempts=3, lock_out_time_sec=60)
    directory.sign_in("one")
    table = table_of(WrongPassword)
    with directory.runtime.store.read() as work:
        (row,) = work.rows(select(table))
    assert "one" not in row.digest
    assert len(row.digest) == 64
    assert row.digest != hashlib.sha256(b"one").hexdigest()
    assert row.expires_at == directory.clock.now_ms() + 10_000
    directory.sign_in()
    with directory.runtime.store.read() as work:
        assert not work.rows(select(table))


def test_a_password_ends_so_many_days_after_it_was_set(directory: Directory) -> None:
    directory.policies(days_to_expire=2)
    assert directory.change("second password") == "in"
    directory.clock.advance(2 * DAY - 0.001)
    assert directory.sign_in("second password") == "in"
    directory.clock.advance(0.001)
    assert directory.sign_in("second password") == "PASSWORD_EXPIRED"
    assert directory.sign_in("second password", platform=True) == "PASSWORD_EXPIRED"
    assert directory.sign_in("wrong") == WRONG, "only who knows the password learns that it has ended"
    assert directory.change("second password") == "in", "without the other policy it may be set again"
    assert directory.sign_in("second password") == "in"


def test_an_expired_password_names_its_user_as_oauth_clients_expect(directory: Directory) -> None:
    directory.policies(days_to_expire=1)
    directory.change("second password")
    directory.clock.advance(DAY)
    with pytest.raises(DomainError) as refused:
        sign_in(directory.runtime, directory.tenant, LOGIN, "second password")
    assert refused.value.message == "Password expired"
    told = {name: value for name, value in refused.value.facts.items() if name != "changed_at"}
    assert told == {"oauth_error": "invalid_grant", "status": 400, "user_id": directory.jane}


def test_expiry_counts_for_passwords_set_while_it_is_on(directory: Directory) -> None:
    directory.policies(days_to_expire=1)
    directory.clock.advance(100 * DAY)
    assert directory.sign_in() == "in", "set before"
    directory.change("second password")
    directory.policies(days_to_expire=90)
    directory.clock.advance(DAY)
    assert directory.sign_in("second password") == "PASSWORD_EXPIRED", "it keeps what held when it was set"
    directory.policies(enabled=False, days_to_expire=1)
    assert directory.sign_in("second password") == "in"


def test_a_new_hash_of_the_same_password_is_no_change_of_it(directory: Directory) -> None:
    directory.policies(days_to_expire=1, max_password_reuse=8)
    old = PasswordHasher(1, 32, 1).hash(FIRST)
    with directory.runtime.store.write() as work:
        set_password_hash(work, directory.tenant_id, directory.jane, old, directory.clock.now_ms())
    directory.clock.advance(DAY / 2)
    kept = directory.past()
    assert directory.sign_in() == "in"
    assert directory.past() == kept
    directory.clock.advance(DAY / 2)
    assert directory.sign_in() == "PASSWORD_EXPIRED"


@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_last_passwords_do_not_come_back_and_the_one_before_does(directory: Directory, count: int) -> None:
    directory.policies(max_password_reuse=count)
    passwords = [FIRST, *(f"password number {number}" for number in range(1, count + 1))]
    for password in passwords[1:]:
        assert directory.change(password) == "in"
    refused = [directory.change(password) for password in passwords[1:]]
    assert refused == ["PASSWORD_REUSED"] * count
    assert directory.change(FIRST) == "in", f"it is the last but {count}"
    assert directory.past() == count - 1, "no more than is needed is kept"


def test_history_is_kept_while_reuse_is_refused_and_goes_with_its_user(directory: Directory) -> None:
    directory.policies(max_password_reuse=8)
    directory.change("second password")
    assert directory.past() == 1
    directory.policies(enabled=False, max_password_reuse=8)
    assert directory.change(FIRST) == "in"
    assert directory.past() == 0
    directory.policies(max_password_reuse=8)
    directory.change("third password")
    assert directory.past() == 1
    with directory.runtime.store.write() as work:
        delete_user(work, directory.tenant_id, directory.jane)
    assert directory.past() == 0


def test_a_second_spelling_of_a_past_password_is_that_password(directory: Directory) -> None:
    directory.policies(max_password_reuse=8)
    assert directory.change("caf\u00e9 password") == "in"
    assert directory.change("cafe\u0301 password") == "PASSWORD_REUSED"


@pytest.mark.parametrize("hours", [1, 720])
def test_users_keep_a_password_for_so_many_hours_and_administrators_need_not(directory: Directory, hours: int) -> None:
    directory.policies(min_hours_to_change_password=hours)
    assert directory.change("second password", by_user=False) == "in"
    directory.clock.advance(hours * HOUR - 0.001)
    assert directory.change("third password") == "PASSWORD_CHANGED_RECENTLY"
    assert directory.sign_in("second password") == "in"
    directory.clock.advance(0.001)
    assert directory.change("third password") == "in"
    assert directory.change("fourth password") == "PASSWORD_CHANGED_RECENTLY"
    assert directory.change("fourth password", by_user=False) == "in"


def test_of_two_changes_at_once_the_second_sees_the_first(directory: Directory) -> None:
    change = directory.runtime.directory.password_change
    one, two = (change.prepare(directory.tenant, directory.jane, f"{name} password") for name in ("one", "two"))
    with directory.runtime.store.write() as work:
        change.store(work, directory.tenant_id, one, by_user=True)
    with pytest.raises(DomainError, match="PASSWORD_CHANGED_MEANWHILE"), directory.runtime.store.write() as work:
        change.store(work, directory.tenant_id, two, by_user=True)
    assert directory.sign_in("one password") == "in"


@pytest.mark.parametrize(
    "password", ["xx jdoe-42 xx", "JDOE-42!!", "my.JANE.doe.7", "jane.doe@example.com", "\uff4adoe-42 wide"]
)
def test_a_password_does_not_hold_the_name_of_its_user(directory: Directory, password: str) -> None:
    assert directory.change(password) == "in"
    directory.policies(prevent_password_with_username=1)
    assert directory.change(password) == "PASSWORD_CONTAINS_NAME"
    assert directory.change("example.com is fine") == "in"


def test_names_hold_for_new_users_too_and_short_ones_do_not_count(directory: Directory) -> None:
    directory.policies(prevent_password_with_username=1)

    def prepare(name: str, password: str) -> str:
        new = NewUser(emails=(Contact("mary@example.com"),), user_name=name, may_sign_in=True)
        return said(lambda: directory.runtime.directory.registration.prepare(directory.tenant, new, password))

    assert prepare("someone", "as SOMEONE says") == "PASSWORD_CONTAINS_NAME"
    assert prepare("someone", "mary had a lamb") == "PASSWORD_CONTAINS_NAME"
    assert prepare("ab", "absolutely fine") == "in"
