"""Enrolled factors: what is kept of them, and that nothing counts twice, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT

from ostiary.directory.factors.factors import (
    MAX_FACTORS,
    PASSKEY,
    RECOVERY,
    TOTP,
    NewFactor,
    add_factor,
    get_factor,
    list_factors,
    remove_factor,
    secret_of,
    use_factor,
)
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user, delete_user
from ostiary.errors import DomainError
from ostiary.keys.sealing import Sealing
from ostiary.store.engine import Store
from ostiary.store.work import Work

SEALING = Sealing(ENTROPY, b"k" * 32)
NOBODY = "22222222-2222-4222-8222-222222222222"


def person(store: Store, name: str = "ann") -> str:
    new = NewUser(emails=(Contact(f"{name}@example.com"),), user_name=name)
    with store.write() as work:
        return create_user(work, TENANT, new, None, ENTROPY, 1).id


def add(work: Work, user_id: str, kind: str, *, secret: str = "", name: str = "") -> str:
    return add_factor(work, SEALING, TENANT, user_id, NewFactor(kind, name, secret=secret), ENTROPY, 5)


def refused(store: Store, user_id: str, name: str = "") -> str:
    with pytest.raises(DomainError) as error, store.write() as work:
        add(work, user_id, TOTP, name=name)
    return error.value.reason


def test_a_factor_is_listed_with_its_secret_sealed_and_goes_with_its_user(store: Store) -> None:
    ann, ben = person(store), person(store, "ben")
    with store.write() as work:
        id = add(work, ann, TOTP, secret="JBSWY3DP", name="My telephone")
        add(work, ben, TOTP)
    with store.read() as work:
        (factor,) = list_factors(work, TENANT, ann)
        assert (factor.id, factor.kind, factor.name, factor.last_used_at) == (id, TOTP, "My telephone", None)
        assert "JBSWY3DP" not in factor.sealed_secret
        assert secret_of(SEALING, TENANT, factor) == "JBSWY3DP"
        with pytest.raises(DomainError, match="no such factor"):
            get_factor(work, TENANT, ben, id)
    assert refused(store, NOBODY) == "USER_NOT_FOUND"
    assert refused(store, ann, "x" * 65) == "INVALID_NAME"
    with store.write() as work:
        delete_user(work, TENANT, ann)
        assert (list_factors(work, TENANT, ann), len(list_factors(work, TENANT, ben))) == ([], 1)


def test_the_number_of_factors_of_a_person_has_a_bound(store: Store) -> None:
    ann = person(store)
    with store.write() as work:
        for _ in range(MAX_FACTORS):
            add(work, ann, PASSKEY)
    assert refused(store, ann) == "TOO_MANY_FACTORS"


def test_of_many_uses_at_once_with_the_same_counter_one_succeeds(store: Store) -> None:
    ann = person(store)
    with store.write() as work:
        id = add(work, ann, TOTP)

    def used(counter: int) -> bool:
        with store.write() as work:
            return use_factor(work, TENANT, ann, id, 7, counter)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(used, [41] * 8)) == 1
    assert [used(40), used(41), used(42)] == [False, False, True]
    with store.read() as work:
        assert get_factor(work, TENANT, ann, id).last_used_at == 7


def test_recovery_codes_go_with_the_last_factor_that_they_stand_for(store: Store) -> None:
    ann = person(store)
    with store.write() as work:
        app, key, codes = add(work, ann, TOTP), add(work, ann, PASSKEY), add(work, ann, RECOVERY)
        remove_factor(work, TENANT, ann, app)
        assert {factor.id for factor in list_factors(work, TENANT, ann)} == {key, codes}
        remove_factor(work, TENANT, ann, key)
        assert list_factors(work, TENANT, ann) == []
        with pytest.raises(DomainError, match="no such factor"):
            remove_factor(work, TENANT, ann, key)
        assert not use_factor(work, TENANT, ann, key, 9)
