"""Mail addresses that change while their user signs in, follows a link, or another user takes them; on both
databases."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from kit.servers.installation import ENTROPY, Installation

from ostiary.delivery.texts.templates import RESET_PASSWORD, USER_VERIFICATION
from ostiary.directory.profiles.linking import profile_at_sign_in
from ostiary.directory.profiles.pre_registration import pre_register
from ostiary.directory.signin.admission import SignedIn
from ostiary.directory.signin.password_sign_in import ProvedPassword
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser, UserChange
from ostiary.directory.users.users import UserView, create_user, find_by_login, get_user
from ostiary.errors import DomainError
from ostiary.self_service.one_time_codes import find_code, new_code
from ostiary.store.tenancy import TenantView

PASSWORD = "correct horse 1"
OLD, NEW, MORE = "old@example.com", "new@example.com", "more@example.com"


class Directory:
    """A user who signs in by a name and an address, and whose addresses change."""

    def __init__(self, made: Installation) -> None:
        self.made, self.tenant_id, self.runtime = made, made.tenant_id, made.runtime
        self.ada = self.add(OLD, user_name="ada").id

    def add(self, *addresses: str, **facts: Any) -> UserView:
        phc = self.runtime.directory.passwords.hash(self.tenant_id, PASSWORD)
        emails = tuple(Contact(address, primary=not place, verified=True) for place, address in enumerate(addresses))
        new = NewUser(emails=emails, may_sign_in=True, **facts)
        with self.runtime.store.write() as work:
            return create_user(work, self.tenant_id, new, phc, ENTROPY, self.made.clock.now_ms())

    def change(self, *addresses: str, user_id: str = "", before_commit: Any = None, **facts: Any) -> UserView:
        """Gives the user other addresses, the first of them the primary one."""
        emails = tuple(Contact(address, primary=not place) for place, address in enumerate(addresses))
        with self.runtime.store.write() as work:
            change = UserChange(emails=emails, **facts)
            view = update_user(work, self.tenant_id, user_id or self.ada, change, self.made.clock.now_ms())
            if before_commit is not None:
                before_commit()
            return view

    @property
    def tenant(self) -> TenantView:
        with self.runtime.store.read() as work:
            found = self.runtime.tenancy.find(work, self.tenant_id)
        assert found is not None
        return found

    def read(self, user_id: str = "") -> UserView:
        with self.runtime.store.read() as work:
            return get_user(work, self.tenant_id, user_id or self.ada)

    def found(self, login: str, *fields: str) -> list[str | None]:
        with self.runtime.store.read() as work:
            return [find_by_login(work, self.tenant_id, login, field) for field in fields or ("", "email", "userName")]

    def prove(self, login: str) -> ProvedPassword:
        with self.runtime.store.read() as work:
            known = self.runtime.directory.sign_in.look_up(work, self.tenant, login, at_platform=True)
        return self.runtime.directory.sign_in.prove(known, PASSWORD)

    def admit(self, proved: ProvedPassword) -> SignedIn:
        with self.runtime.store.write() as work:
            return self.runtime.directory.sign_in.admit(work, proved)

    def code(self, kind: str, address: str) -> str:
        now_ms = self.made.clock.now_ms()
        with self.runtime.store.write() as work:
            return new_code(work, self.tenant_id, self.ada, kind, ENTROPY, now_ms, 60, address_key=address)

    def follow(self, kind: str, code: str) -> str:
        """What becomes of a link: the reason of a refusal, or nothing."""
        now_ms, service = self.made.clock.now_ms(), self.runtime.directory.self_service
        prepared = self.runtime.directory.password_change.prepare(self.tenant, self.ada, "another horse 2")
        try:
            with self.runtime.store.write() as work:
                link = find_code(work, code, now_ms)
                assert link is not None
                if kind == USER_VERIFICATION:
                    service.confirm_address(work, self.tenant, link, "request")
                else:
                    service.renew_password(work, self.tenant, link, prepared, "en", "", "request")
        except DomainError as refused:
            return refused.reason
        return ""


@pytest.fixture
def directory(installation: Installation) -> Directory:
    return Directory(installation)


def reason(call: Any) -> str:
    try:
        call()
    except DomainError as refused:
        return refused.reason
    return ""


def test_an_address_that_stays_keeps_what_is_known_of_it_and_one_that_goes_is_free(directory: Directory) -> None:
    assert directory.read().email_verified
    changed = directory.change(NEW, OLD)
    assert (changed.email, changed.email_verified, changed.may_sign_in) == (NEW, False, True)
    assert directory.read() == changed
    assert [(one.value, one.verified) for one in changed.emails] == [(NEW, False), (OLD, True)]
    assert directory.found(OLD) == [directory.ada, None, None], "a further address is a name, and not App ID's"
    assert directory.found(NEW) == [directory.ada, directory.ada, None]
    assert directory.change(OLD).email_verified
    assert directory.found(NEW) == [None] * 3
    assert directory.add(NEW, user_name="joe").email == NEW


@pytest.mark.parametrize("addresses", [(), (MORE,), (OLD, MORE)])
def test_a_user_name_that_is_an_address_which_goes_becomes_the_new_one(
    directory: Directory, addresses: Sequence[str]
) -> None:
    joe = directory.add("joe@example.com").id
    changed = directory.change(*addresses, user_id=joe) if OLD not in addresses else None
    if changed is None:
        with pytest.raises(DomainError, match="EMAIL_TAKEN"):
            directory.change(*addresses, user_id=joe)
        assert directory.read(joe).email == "joe@example.com"
        return
    assert changed.user_name == (addresses[0] if addresses else "joe@example.com")
    free = directory.found("joe@example.com", "")[0] is None
    assert free is bool(addresses), "without any address the name is all that is left"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"emails": (Contact("no address"),)}, "INVALID_EMAIL"),
        ({"emails": (Contact(NEW, primary=True), Contact(MORE, primary=True))}, "TWO_PRIMARY_VALUES"),
        ({"emails": tuple(Contact(f"{number}@example.com") for number in range(21))}, "TOO_MANY_VALUES"),
        ({"emails": (Contact(NEW), Contact("NEW@example.com"))}, "EMAIL_TAKEN"),
        ({"emails": (Contact("joe@example.com"),)}, "EMAIL_TAKEN"),
        ({"emails": (Contact(NEW),), "user_name": "joe@example.com"}, "USERNAME_TAKEN"),
    ],
)
def test_what_a_sign_up_refuses_a_change_refuses_and_nothing_is_lost(
    directory: Directory, facts: Any, why: str
) -> None:
    directory.add("joe@example.com", user_name="joe")
    before = directory.read()
    with pytest.raises(DomainError) as refused, directory.runtime.store.write() as work:
        update_user(work, directory.tenant_id, directory.ada, UserChange(**facts), 9)
    assert refused.value.reason == why
    assert directory.read() == before
    assert directory.found(OLD, "") == [directory.ada]


def test_of_two_users_who_take_one_address_at_once_exactly_one_gets_it(directory: Directory) -> None:
    users = [directory.add(f"user{number}@example.com").id for number in range(4)]
    ready = threading.Barrier(len(users))

    def take(user_id: str) -> str:
        ready.wait(10)
        return reason(partial(directory.change, NEW, user_id=user_id))

    with ThreadPoolExecutor(len(users)) as pool:
        outcomes = sorted(pool.map(take, users))
    assert outcomes == ["", "EMAIL_TAKEN", "EMAIL_TAKEN", "EMAIL_TAKEN"]
    (holder,) = directory.found(NEW, "")
    assert [directory.read(user_id).email == NEW for user_id in users].count(True) == 1
    assert directory.read(str(holder)).email == NEW


def test_an_address_that_is_being_given_up_goes_to_one_other_user(directory: Directory) -> None:
    joe = directory.add("joe@example.com").id
    given_up, tried = threading.Event(), threading.Event()

    def slowly() -> None:
        def wait() -> None:
            given_up.set()
            tried.wait(0.5)

        directory.change(NEW, before_commit=wait)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(slowly)
        assert given_up.wait(10)
        why = reason(partial(directory.change, OLD, user_id=joe))
        tried.set()
        slow.result(10)
    assert why in ("", "EMAIL_TAKEN", "CONFLICT")
    assert directory.found(OLD, "") == [joe if why == "" else None]


def test_a_name_that_is_given_up_during_a_sign_in_signs_nobody_in(directory: Directory) -> None:
    by_address, by_name = directory.prove(OLD), directory.prove("ada")
    directory.change(NEW)
    directory.add(OLD, user_name="joe")
    assert reason(partial(directory.admit, by_address)) == "WRONG_CREDENTIALS"
    signed_in = directory.admit(by_name)
    assert (signed_in.user_id, signed_in.email, signed_in.email_verified) == (directory.ada, NEW, False)


def test_a_sign_in_that_waits_for_a_change_says_the_address_after_it(directory: Directory) -> None:
    proved, changed, started = directory.prove("ada"), threading.Event(), threading.Event()

    def slowly() -> None:
        def wait() -> None:
            changed.set()
            started.wait(10)
            threading.Event().wait(0.3)  # the sign-in stands at the lock by now

        directory.change(NEW, before_commit=wait)

    def sign_in() -> SignedIn:
        started.set()
        return directory.admit(proved)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(slowly)
        assert changed.wait(10)
        signed_in = pool.submit(sign_in).result(20)
        slow.result(10)
    assert (signed_in.email, signed_in.email_verified) == (NEW, False)


@pytest.mark.parametrize("kind", [USER_VERIFICATION, RESET_PASSWORD])
def test_a_link_that_went_to_an_address_dies_with_it(directory: Directory, kind: str) -> None:
    old = directory.code(kind, OLD)
    directory.change(NEW)
    assert directory.follow(kind, old) == "LINK_EXPIRED"
    assert not directory.read().email_verified
    assert directory.follow(kind, directory.code(kind, NEW)) == ""
    assert directory.read().email_verified is (kind == USER_VERIFICATION)


def test_a_link_to_a_further_address_verifies_that_one_alone(directory: Directory) -> None:
    directory.change(NEW, MORE)
    assert directory.follow(USER_VERIFICATION, directory.code(USER_VERIFICATION, MORE)) == ""
    assert [one.verified for one in directory.read().emails] == [False, True]
    assert not directory.read().email_verified
    assert directory.change(MORE, NEW).email_verified


def test_a_profile_waits_for_who_has_the_address_now(directory: Directory) -> None:
    body = b'{"idp": "cloud_directory", "idp-identity": "%s", "profile": {"attributes": {}}}'
    with directory.runtime.store.write() as work:
        waits = {
            address: pre_register(work, directory.tenant_id, body % address.encode(), ENTROPY, 1)
            for address in (OLD, NEW)
        }
    directory.change(NEW)
    unproved = directory.admit(directory.prove("ada"))
    assert unproved.email == NEW
    assert directory.follow(USER_VERIFICATION, directory.code(USER_VERIFICATION, NEW)) == ""
    signed_in = directory.admit(directory.prove("ada"))
    with directory.runtime.store.write() as work:
        profile = profile_at_sign_in(work, signed_in, ENTROPY, 2)
    assert profile.id == waits[NEW]
