"""A clock that was ahead, or is set back: no block ends later than its own length from now, and nothing acts twice."""

from __future__ import annotations

import time
from typing import Any

import pytest
from kit.servers.installation import Installation
from limits import RateLimitItemPerMinute
from sqlalchemy import select, update

from ostiary.access.limits import CoarseLimit, CoarseLimiter, Limits
from ostiary.background.cleaner import clean
from ostiary.delivery.outbox import LATEST_MS, claim
from ostiary.directory.passwords.advanced_policies import Lockout
from ostiary.directory.passwords.lockout import SKEW_MS, count_failure, is_locked
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.errors import DomainError
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.leases import take_lease
from ostiary.store.replay import single_use_digest, use_once
from ostiary.store.tables import Message, UsedOnce, User, table_of
from ostiary.store.work import Work

DAY_S = 86_400
DAY_MS = DAY_S * 1000
LIMITS = [
    ExactLimit("sign_in_user", 3, 60, 60),
    ExactLimit("mail_recipient", 3, 300, 300),
    ExactLimit("mail_tenant", 3, 300, 0),
    ExactLimit("attribute_write", 3, 1, 900),
]


def counted(made: Installation, limit: ExactLimit) -> int:
    with made.runtime.store.autocommit() as work:
        return count_exactly(work, made.tenant_id, limit, "somebody", made.clock.now_ms())


@pytest.mark.parametrize("limit", LIMITS, ids=[limit.name for limit in LIMITS])
@pytest.mark.parametrize("spent", [1, 3, 9])
def test_a_limit_that_was_counted_a_day_ahead_holds_nobody_for_longer_than_itself(
    installation: Installation, limit: ExactLimit, spent: int
) -> None:
    longest = max(limit.window_s, limit.block_s)
    installation.clock.advance(DAY_S)
    for _ in range(spent):
        counted(installation, limit)
    installation.clock.advance(-DAY_S)
    waits = [counted(installation, limit) for _ in range(4)]
    assert 0 < waits[-1] <= longest, "what was counted counts"
    for _ in range(3):
        installation.clock.advance(longest / 4)
        assert 0 <= counted(installation, limit) <= longest
    installation.clock.advance(longest + 1)
    assert counted(installation, limit) == 0, "and the end does not move away"


def test_a_block_grows_no_longer_when_the_clock_is_set_back(installation: Installation) -> None:
    limit = LIMITS[1]
    for _ in range(4):
        wait = counted(installation, limit)
    installation.clock.advance(-3_600)
    assert counted(installation, limit) == wait == 300
    installation.clock.advance(301)
    assert counted(installation, limit) == 0


def test_a_user_who_was_locked_a_day_ahead_is_not_locked_for_a_day(installation: Installation) -> None:
    made, policy = installation, Lockout(attempts=3, seconds=1_800)
    user_id = add_user(made)
    made.clock.advance(DAY_S)
    for wrong in ("a", "b", "c"):
        with made.runtime.store.write() as work:
            count_failure(work, made.tenant_id, user_id, wrong, policy, made.clock.now_ms())
    assert is_locked(stored_user(made, user_id), made.clock.now_ms())
    made.clock.advance(-DAY_S)
    assert not is_locked(stored_user(made, user_id), made.clock.now_ms())
    for wrong in ("a", "b", "c"):
        with made.runtime.store.write() as work:
            count_failure(work, made.tenant_id, user_id, wrong, policy, made.clock.now_ms())
    locked = stored_user(made, user_id)
    assert is_locked(locked, made.clock.now_ms())
    assert locked.locked_until <= made.clock.now_ms() + 1_800_000
    assert is_locked(locked, made.clock.now_ms() - SKEW_MS), "clocks of replicas may differ"


def test_who_chose_the_end_of_a_lock_may_choose_any(installation: Installation) -> None:
    user_id = add_user(installation)
    users = table_of(User)
    now = installation.clock.now_ms()
    with installation.runtime.store.write() as work:
        work.run(update(users).where(users.c.id == user_id).values(locked_until=now + 365 * DAY_MS))
    assert is_locked(stored_user(installation, user_id), now)


def test_a_lease_that_was_taken_a_day_ahead_is_free_after_its_own_length(installation: Installation) -> None:
    store, now = installation.runtime.store, installation.clock.now_ms()

    def take(holder: str, at: int) -> bool:
        with store.write() as work:
            return take_lease(work, "cleaner", holder, at, 300_000)

    assert take("first", now + DAY_MS)
    assert [take("second", now), take("second", now + 299_999), take("second", now + 300_000)] == [False, False, True]
    assert take("first", now + 300_001) is False


def test_a_message_that_was_postponed_a_day_ahead_is_sent(installation: Installation) -> None:
    store, now = installation.runtime.store, installation.clock.now_ms()
    facts: dict[str, Any] = {"tenant_id": installation.tenant_id, "channel": "email"}
    with store.write() as work:
        for name, due in (("ahead", now + DAY_MS), ("later", now + LATEST_MS)):
            work.add(
                Message(
                    id=name, **facts, target="a@example.com", created_at=now, next_attempt_at=due,
                    give_up_at=now + 3 * DAY_MS,
                )
            )  # fmt: skip
    assert [message.id for message in claim(store, now)] == ["ahead"]


def was_used(work: Work, kind: str, name: str) -> bool:
    used = table_of(UsedOnce)
    return work.row(select(used).where(used.c.digest == single_use_digest(kind, name))) is not None


def test_a_cleaner_that_was_a_day_ahead_made_no_room_for_a_second_use(installation: Installation) -> None:
    store, clock = installation.runtime.store, installation.clock
    ends = clock.now_ms() + 60_000
    with store.write() as work:
        assert use_once(work, installation.tenant_id, "assertion", "jti", ends)
    clock.advance(DAY_S + 3_600 + 60)
    clean(store, clock, 0)
    clock.advance(-DAY_S - 3_600 - 60)
    with store.write() as work:
        assert was_used(work, "assertion", "jti")
        assert not use_once(work, installation.tenant_id, "assertion", "jti", ends)
    clock.advance(3 * DAY_S)
    clean(store, clock, 0)
    with store.read() as work:
        assert not was_used(work, "assertion", "jti")


def test_coarse_limits_forget_what_they_counted_before_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.time()]
    monkeypatch.setattr("time.time", lambda: now[0])
    limits = Limits({"guess": CoarseLimit(RateLimitItemPerMinute(2), "address")}, {})
    limiter = CoarseLimiter(limits)

    def hit() -> None:
        limiter.hit("guess", address="192.0.2.1", principal="", tenant="")

    hit()
    hit()
    with pytest.raises(DomainError):
        hit()
    now[0] -= DAY_S
    hit()


def add_user(made: Installation) -> str:
    new = NewUser(emails=[Contact("ada@example.com", verified=True)], display_name="Ada", may_sign_in=True)
    with made.runtime.store.write() as work:
        return create_user(work, made.tenant_id, new, "$argon2id$x", made.runtime.entropy, made.clock.now_ms()).id


def stored_user(made: Installation, user_id: str) -> Any:
    users = table_of(User)
    with made.runtime.store.read() as work:
        return work.row(select(users).where(users.c.id == user_id))
