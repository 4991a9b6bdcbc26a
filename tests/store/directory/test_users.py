"""Users and profiles in the store, on both databases."""

from __future__ import annotations

import itertools
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kit.servers.installation import ENTROPY, Installation, install
from sqlalchemy import ColumnElement, event

from ostiary.directory.profiles.linking import profile_at_sign_in
from ostiary.directory.profiles.profiles import find_profile
from ostiary.directory.signin.password_sign_in import SignedIn
from ostiary.directory.transfer.user_export import export_page
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser, UserChange
from ostiary.directory.users.users import (
    BY_AGE,
    BY_USER_NAME,
    UserView,
    create_user,
    delete_user,
    find_by_login,
    find_user,
    list_users,
    user_named,
)
from ostiary.errors import DomainError
from ostiary.http.paging import Page


def make(installation: Installation, new: NewUser, tenant_id: str = "") -> UserView:
    """A user of the first tenant, or of another."""
    with installation.runtime.store.write() as work:
        tenant_id = tenant_id or installation.tenant_id
        return create_user(work, tenant_id, new, None, ENTROPY, installation.clock.now_ms())


def mailed(address: str, **facts: object) -> NewUser:
    """A new user with one mail address."""
    return NewUser(emails=(Contact(address),), **facts)  # type: ignore[arg-type]


def test_names_default_to_the_mail_address_and_contacts_keep_their_order(installation: Installation) -> None:
    phones = (Contact("+49 30 1234", "work"), Contact("+1 555", "home", primary=True))
    made = make(installation, mailed("Jane@Example.com", phones=phones))
    with installation.runtime.store.read() as work:
        read = find_user(work, installation.tenant_id, made.id)
        assert read == made
        assert (made.user_name, made.display_name, made.email) == ("Jane@Example.com",) * 3
        assert [(phone.value, phone.primary) for phone in made.phones] == [("+49 30 1234", False), ("+1 555", True)]
        assert find_by_login(work, installation.tenant_id, "JANE@EXAMPLE.COM", "email") == made.id
        assert find_by_login(work, installation.tenant_id, "jane@example.com", "userName") == made.id
        assert find_by_login(work, installation.tenant_id, "jane\0@example.com", "email") is None
        assert find_by_login(work, installation.tenant_id, "\ud800", "userName") is None


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (mailed("JANE@example.com"), "EMAIL_TAKEN"),
        (mailed("other@example.com", user_name="JANE"), "USERNAME_TAKEN"),
        (NewUser(emails=(Contact("new@example.com"), Contact("jane@example.COM"))), "EMAIL_TAKEN"),
    ],
)
def test_a_taken_name_or_address_is_refused_whatever_its_spelling(
    installation: Installation, second: NewUser, reason: str
) -> None:
    make(installation, mailed("jane@example.com", user_name="jane"))
    with pytest.raises(DomainError) as refused:
        make(installation, second)
    assert refused.value.reason == reason
    with installation.runtime.store.read() as work:
        assert list_users(work, installation.tenant_id)[1] == 1
    make(installation, second, installation.new_tenant("other"))  # another tenant's names are free


def test_of_simultaneous_users_with_one_address_exactly_one_is_made(installation: Installation) -> None:
    def attempt(number: int) -> str:
        try:
            make(installation, mailed("jane@example.com", user_name=f"jane{number}"))
        except DomainError as refused:
            return refused.reason
        return "made"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))
    assert outcomes == ["EMAIL_TAKEN"] * 7 + ["made"]


def test_concurrent_changes_of_one_user_are_all_counted(installation: Installation) -> None:
    made = make(installation, mailed("jane@example.com"))

    def change(number: int) -> None:
        with installation.runtime.store.write() as work:
            now_ms = installation.clock.now_ms()
            update_user(work, installation.tenant_id, made.id, UserChange(display_name=f"Jane {number}"), now_ms)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(12)))
    with installation.runtime.store.read() as work:
        read = find_user(work, installation.tenant_id, made.id)
    assert read is not None
    assert read.version == 13


def test_pages_cover_every_user_once_in_a_stable_order(installation: Installation) -> None:
    made = [make(installation, mailed(f"user{number}@example.com")).id for number in range(7)]
    with installation.runtime.store.read() as work:
        pages = [list_users(work, installation.tenant_id, start=start, count=3) for start in (1, 4, 7, 10)]
    assert sorted(made) == [user.id for users, _ in pages for user in users]  # same moment: ordered by id
    assert {total for _, total in pages} == {7}


def test_another_tenants_user_is_nobody_here(installation: Installation) -> None:
    made = make(installation, mailed("jane@example.com"))
    other = installation.new_tenant("other")
    with installation.runtime.store.write() as work:
        assert find_user(work, other, made.id) is None
        with pytest.raises(DomainError, match="USER_NOT_FOUND"):
            delete_user(work, other, made.id)


def signed_in(user: UserView) -> SignedIn:
    """What a sign-in of this user would say."""
    return SignedIn(
        user.tenant_id, user.id, user.user_name, user.email, True, user.display_name, user.given_name,
        user.family_name, user.locale, user.access_epoch,
    )  # fmt: skip


def test_simultaneous_first_sign_ins_share_one_profile(installation: Installation) -> None:
    jane = signed_in(make(installation, mailed("jane@example.com")))

    def sign_in(_: int) -> str:
        with installation.runtime.store.write() as work:
            return profile_at_sign_in(work, jane, ENTROPY, installation.clock.now_ms()).id

    with ThreadPoolExecutor(4) as pool:
        profiles = set(pool.map(sign_in, range(8)))
    assert len(profiles) == 1


def test_a_profile_follows_its_user_at_sign_in_and_outlives_it(installation: Installation) -> None:
    user = make(installation, mailed("jane@example.com"))
    with installation.runtime.store.write() as work:
        first = profile_at_sign_in(work, signed_in(user), ENTROPY, 1)
        changed = update_user(work, user.tenant_id, user.id, UserChange(display_name="Jane Doe", locale="de"), 2)
        second = profile_at_sign_in(work, signed_in(changed), ENTROPY, 3)
        delete_user(work, user.tenant_id, user.id)
        kept = find_profile(work, user.tenant_id, first.id)
    assert (first.id, first.name, second.name, second.locale) == (second.id, "jane@example.com", "Jane Doe", "de")
    assert kept == second
    assert first.id != user.id
    assert second.identity_at("cloud_directory") == user.id


def test_nobody_takes_the_address_of_another_for_a_user_name(installation: Installation) -> None:
    """csp and cloudapi take either, and tokens name accounts by whichever is an address."""
    victim = make(installation, mailed("jane@example.com", user_name="jane"))
    imposter = make(installation, mailed("imp@example.com", user_name="imp"))
    for taken in ("jane@example.com", "Jane@EXAMPLE.com"):
        with pytest.raises(DomainError, match="USERNAME_TAKEN"):
            make(installation, mailed("imp2@example.com", user_name=taken))
        change = UserChange(user_name=taken)
        with installation.runtime.store.write() as work, pytest.raises(DomainError, match="USERNAME_TAKEN"):
            update_user(work, installation.tenant_id, imposter.id, change, installation.clock.now_ms())
    make(installation, mailed("first@example.com", user_name="later@example.com"))
    with pytest.raises(DomainError, match="EMAIL_TAKEN"):
        make(installation, mailed("later@example.com", user_name="later"))
    with installation.runtime.store.write() as work:
        own = UserChange(user_name="jane@example.com")
        changed = update_user(work, installation.tenant_id, victim.id, own, installation.clock.now_ms())
    assert changed.user_name == "jane@example.com"


@pytest.mark.parametrize("named_first", [True, False])
def test_of_a_name_and_an_address_that_are_written_at_once_one_is_refused(
    installation: Installation, named_first: bool
) -> None:
    pair = [mailed("imp@example.com", user_name="jane@example.com"), mailed("jane@example.com", user_name="jane")]
    first, second = pair if named_first else reversed(pair)
    written, tried = threading.Event(), threading.Event()

    def slowly() -> None:
        with installation.runtime.store.write() as work:
            create_user(work, installation.tenant_id, first, None, ENTROPY, installation.clock.now_ms())
            written.set()
            tried.wait(0.5)  # SQLite and the constraint let the other one wait for us

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(slowly)
        assert written.wait(10)
        with pytest.raises(DomainError) as refused:
            make(installation, second)
        tried.set()
        slow.result(10)
    assert refused.value.reason == ("EMAIL_TAKEN" if named_first else "USERNAME_TAKEN")


def test_a_name_that_was_given_up_is_free_and_an_address_never_is(installation: Installation) -> None:
    made = make(installation, mailed("jane@example.com", user_name="jane"))
    for name in ("jane@example.com", "janet", "janet"):
        with installation.runtime.store.write() as work:
            change = UserChange(user_name=name)
            update_user(work, installation.tenant_id, made.id, change, installation.clock.now_ms())
    make(installation, mailed("other@example.com", user_name="jane"))
    for taken in ("janet", "jane@example.com"):
        with pytest.raises(DomainError, match="USERNAME_TAKEN"):
            make(installation, mailed("third@example.com", user_name=taken))
    with installation.runtime.store.write() as work:
        delete_user(work, installation.tenant_id, made.id)
    make(installation, mailed("jane@example.com", user_name="janet"))


@pytest.mark.parametrize(
    "order",
    [BY_AGE, BY_USER_NAME, tuple(each.desc() for each in BY_USER_NAME)],
    ids=["age", "name", "name, descending"],
)
def test_a_page_is_the_same_from_whichever_end_it_is_sought(
    installation: Installation, order: tuple[ColumnElement[Any], ...]
) -> None:
    tenant_id = installation.tenant_id
    for number in range(7):
        make(installation, mailed(f"{'abc'[number % 3]}{number}@example.com"))
        installation.clock.advance(number % 2)
    with installation.runtime.store.read() as work:
        everybody = [user.id for user in list_users(work, tenant_id, order=order)[0]]
        assert len(everybody) == 7
        for start, count, about in itertools.product(range(10), (0, 1, 3, 7, 100), (0, 5, 7, 1_000)):
            page, total = list_users(work, tenant_id, start=start, count=count, order=order, about=about)
            first = max(start, 1) - 1
            assert ([user.id for user in page], total) == (everybody[first : first + count], 7), (start, count, about)
        for start, count, about in itertools.product(range(3), (0, 1, 100), (0, 1, 7, 1_000)):
            page, total = list_users(
                work, tenant_id, user_named(tenant_id, "a0@example.com", "email"), start=start, count=count, about=about
            )  # fmt: skip
            assert (len(page), total) == (int(start <= 1 and count > 0), 1)


def test_many_users_are_read_by_their_ids_and_not_by_their_tenant(tmp_path: Path) -> None:
    """SQLite without statistics would read all contacts, passwords and roles of the tenant for one page."""
    installation = install(f"sqlite:///{tmp_path}/ostiary.sqlite3", tmp_path)
    runtime, tenant_id = installation.runtime, installation.tenant_id
    for number in range(3):
        make(installation, mailed(f"user{number}@example.com"))
    asked: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(runtime.store.reading, "before_cursor_execute", hear)
    with runtime.store.read() as work:
        export_page(work, tenant_id, runtime.directory.transfer_ciphers.of(tenant_id, "secret"), Page(1, 50))
        statements = list(asked)
        assert len(statements) >= 5
        for statement, parameters in statements:
            plan = work.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            whole = [row[3] for row in plan if re.search(r"SCAN|\(tenant_id=\?\)", row[3])]
            others = (
                r"SCAN (user_|pass|past|profile|identit)|SEARCH (user_|pass|past|profile|identit).*\(tenant_id=\?\)"
            )
            assert not [step for step in whole if re.search(others, step)], (statement, plan)
    runtime.close()
