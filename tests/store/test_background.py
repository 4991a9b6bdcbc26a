"""The cleaner and the jobs: tables stay bounded, long work survives an interruption."""

from __future__ import annotations

from typing import Any

import pytest
from kit.audited import audited
from kit.servers.installation import ENTROPY, Installation
from sqlalchemy import func, select
from sqlmodel import SQLModel

from ostiary.app import background_tasks
from ostiary.audit.event import Event, record
from ostiary.background.cleaner import FORBIDDING_KEPT_MS, clean
from ostiary.background.jobs import deletions, run_job, run_jobs
from ostiary.directory.tenants import deletion
from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.errors import DomainError
from ostiary.ids import digest
from ostiary.keys.keyring import TOKEN, new_key
from ostiary.keys.rotation import KEY_SET_AGE_S, LONGEST_TOKEN_LIFE_MS, rotate
from ostiary.store.batches import SIZE
from ostiary.store.leases import take_lease
from ostiary.store.tables import (
    AuthorizationCode,
    Counter,
    Grant,
    Job,
    RefreshToken,
    RevokedToken,
    Session,
    SigningKey,
    SignInTransaction,
    Tenant,
    UsedOnce,
    table_of,
    temporary_tables,
)


def count(made: Installation, model: type[SQLModel]) -> int:
    with made.runtime.store.read() as work:
        row = work.row(select(func.count()).select_from(table_of(model)))
    assert row is not None
    return int(row[0])


def temporary(tenant_id: str, name: str, ends: int) -> list[Any]:
    """One of everything that lives for a time."""
    owner = {"tenant_id": tenant_id}
    return [
        Grant(id=name, **owner, kind="rotating", audience="appid", subject="s", auth_time=1, created_at=1,
              expires_at=ends),
        RefreshToken(digest=digest(name), grant_id=name, issued_at=1, expires_at=ends),
        AuthorizationCode(digest=name, **owner, client_id="c", subject="s", auth_time=1, expires_at=ends),
        RevokedToken(digest=name, **owner, expires_at=ends),
        UsedOnce(digest=name, **owner, expires_at=ends),
        Session(id=name, **owner, kind="csp", user_id="u", auth_time=1, created_at=1, last_seen_at=1, expires_at=ends),
        SignInTransaction(id=name, **owner, subject="s", version=1, expires_at=ends),
        Counter(**owner, name="sign_in_user", subject=name, count=1, window_until=ends),
    ]  # fmt: skip


def test_what_has_ended_goes_and_what_lives_stays(installation: Installation) -> None:
    now = installation.clock.now_ms()
    living = temporary(installation.tenant_id, "living", now + 1)
    with installation.runtime.store.write() as work:
        for row in [*temporary(installation.tenant_id, "ended", now - FORBIDDING_KEPT_MS), *living]:
            work.add(row)
    gone = clean(installation.runtime.store, installation.clock, 0)
    assert {name for name, number in gone.items() if number} == {type(row).__tablename__ for row in living}
    assert {type(row): count(installation, type(row)) for row in living} == {type(row): 1 for row in living}


def test_what_ends_by_itself_is_marked_so_and_only_that() -> None:
    marked = {table.name for table, _ in temporary_tables()}
    unmarked = {table.name for table in SQLModel.metadata.sorted_tables if "expires_at" in table.columns} - marked
    # Leases are taken over, not deleted; of profiles only anonymous ones end; a role binding and a SCIM token that
    # have ended are shown until they are taken. Whatever else: is it an end_of_row?
    assert unmarked == {"leases", "profiles", "role_bindings", "scim_tokens"}


def test_more_than_a_batch_goes_too(installation: Installation) -> None:
    ended = installation.clock.now_ms() - FORBIDDING_KEPT_MS
    with installation.runtime.store.write() as work:
        rows = [
            {"tenant_id": installation.tenant_id, "digest": str(number), "expires_at": ended}
            for number in range(2 * SIZE + 1)
        ]
        work.run(table_of(RevokedToken).insert(), rows)
    assert clean(installation.runtime.store, installation.clock, 0)["revoked_tokens"] == 2 * SIZE + 1


def test_audit_records_go_when_they_are_older_than_they_are_kept(installation: Installation) -> None:
    store, clock, kept_ms = installation.runtime.store, installation.clock, 7 * 86_400_000
    old, young = clock.now_ms() - kept_ms, clock.now_ms() - kept_ms + 1
    with store.write() as work:
        for at in [*[old] * (2 * SIZE + 1), young]:
            record(work, at, Event(installation.tenant_id, "appid.x.read"))
    assert clean(store, clock, 0).get("audit_events", 0) == 0, "0 keeps them for ever"
    assert clean(store, clock, kept_ms)["audit_events"] == 2 * SIZE + 1
    assert [row.at for row in audited(installation)] == [young]


def test_the_records_of_a_tenant_outlive_it(installation: Installation) -> None:
    runtime, clock = installation.runtime, installation.clock
    doomed = installation.new_tenant("doomed")
    with runtime.store.write() as work:
        record(work, clock.now_ms(), Event(doomed, "appid.role.delete"))
    with runtime.store.write() as work:
        job_id = begin_deletion(work, doomed, ENTROPY, clock.now_ms()).id
    assert run_job(runtime.store, clock, "me", job_id, deletions(runtime.store, clock))
    assert [row.action for row in audited(installation, doomed)] == ["appid.role.delete"]


def test_a_retired_key_goes_when_no_token_that_it_signed_can_be_alive(installation: Installation) -> None:
    runtime, clock = installation.runtime, installation.clock

    def states() -> list[str]:
        with runtime.store.read() as work:
            keys = table_of(SigningKey)
            rows = work.rows(select(keys.c.state).where(keys.c.tenant_id == installation.tenant_id))
        return sorted(row.state for row in rows)

    clock.advance(1)
    rotated(installation)
    assert states() == ["active", "next", "retired"]
    clock.advance(LONGEST_TOKEN_LIFE_MS / 1000 - 1)
    clean(runtime.store, clock, 0)
    assert states() == ["active", "next", "retired"]
    clock.advance(1)
    clean(runtime.store, clock, 0)
    assert states() == ["active", "next"]


def rotated(installation: Installation, **how: bool) -> str:
    """The kid that signs after a rotation."""
    runtime, now_ms = installation.runtime, installation.clock.now_ms()
    fresh = new_key(runtime.sealing, installation.tenant_id, TOKEN, now_ms, "next")
    with runtime.store.write() as work:
        return rotate(work, fresh, now_ms, **how)


def published(installation: Installation) -> set[str]:
    """The kids of the key set that verifiers fetch."""
    runtime = installation.runtime
    with runtime.store.read() as work:
        tenant = runtime.tenancy.find(work, installation.tenant_id)
        assert tenant is not None
        return {key["kid"] for key in runtime.keys.jwks(work, tenant)}


def test_no_key_signs_that_a_cached_key_set_may_lack(installation: Installation) -> None:
    clock = installation.clock
    before = published(installation)
    clock.advance(1)
    assert rotated(installation) in before, "the first next key is as old as the tenant"
    clock.advance(KEY_SET_AGE_S - 1)
    with pytest.raises(DomainError, match="rotate in 1 s"):
        rotated(installation)
    assert len(published(installation)) == 3, "a refused rotation changes nothing"
    clock.advance(1)
    assert rotated(installation) not in before
    clock.advance(1)
    assert rotated(installation, at_once=True) in published(installation)


def test_a_tenant_from_before_gets_its_next_key_and_only_once(installation: Installation) -> None:
    runtime, keys = installation.runtime, table_of(SigningKey)
    with runtime.store.write() as work:
        work.run(keys.delete().where(keys.c.tenant_id == installation.tenant_id, keys.c.state == "next"))
    installation.clock.advance(1)
    for _ in range(2):
        runtime.keys.ensure(installation.tenant_id)
    assert len(published(installation)) == 2
    with pytest.raises(DomainError, match="caches may keep"):
        rotated(installation)


def test_an_interrupted_deletion_is_finished_by_whoever_comes_next(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, clock = installation.runtime, installation.clock
    doomed = installation.new_tenant("doomed")
    with runtime.store.write() as work:
        for row in temporary(doomed, "x", clock.now_ms() + 1):
            work.add(row)
    with runtime.store.write() as work:
        job_id = begin_deletion(work, doomed, ENTROPY, clock.now_ms()).id
    calls = 0
    real = deletion.delete_all

    def power_cut(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise InterruptedError
        return real(*arguments)

    monkeypatch.setattr(deletion, "delete_all", power_cut)
    with pytest.raises(InterruptedError):
        run_job(runtime.store, clock, "first", job_id, deletions(runtime.store, clock))
    run_jobs(runtime.store, clock, "second", deletions(runtime.store, clock))
    with runtime.store.read() as work:
        tenants, jobs = table_of(Tenant), table_of(Job)
        tenant = work.row(select(tenants.c.state).where(tenants.c.id == doomed))
        job = work.row(select(jobs.c.state).where(jobs.c.id == job_id))
    assert tenant is not None
    assert job is not None
    assert (tenant.state, job.state) == ("deleted", "done")
    assert {count(installation, type(row)) for row in temporary(doomed, "x", 1)} == {0}


def test_a_job_that_another_process_is_at_is_left_to_it(installation: Installation) -> None:
    runtime, clock = installation.runtime, installation.clock
    doomed = installation.new_tenant("doomed")
    with runtime.store.write() as work:
        job_id = begin_deletion(work, doomed, ENTROPY, clock.now_ms()).id
        take_lease(work, f"job:{job_id}", "another", clock.now_ms(), 60_000)
    assert not run_job(runtime.store, clock, "me", job_id, deletions(runtime.store, clock))
    clock.advance(60)
    assert run_job(runtime.store, clock, "me", job_id, deletions(runtime.store, clock)), "it died: its lease ran out"


def test_every_task_of_a_node_does_its_turn(installation: Installation) -> None:
    tasks = background_tasks(installation.runtime)
    assert {"jobs", "cleaner"} <= {task.name for task in tasks}
    for task in tasks:
        task.run()
