"""Exports and imports of whole directories over native gRPC, and the jobs behind them."""

from __future__ import annotations

import base64
import gzip
import json
import os
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from kit.accounts.directory import INVALID, NOBODY, NOT_FOUND, TAKEN, Json, People
from kit.accounts.transfers import (
    PARTS,
    SECRET,
    SERVICE,
    TRANSFERS,
    arriving,
    begin_export,
    begin_import,
    bodies_of,
    count,
    crowd,
    download,
    export_status,
    import_status,
    listed,
    stored_hash,
    work,
)
from kit.callers import Caller, bearer, refusal
from sqlalchemy import select

from ostiary.app import job_kinds
from ostiary.background.cleaner import KEPT_MS, clean
from ostiary.background.jobs import run_jobs
from ostiary.directory.passwords.foreign_hashes import check_hash
from ostiary.directory.transfer import import_job
from ostiary.directory.transfer import job as transfer_job

DAY_S = 86_400


@pytest.fixture
def source(caller: Caller) -> People:
    return People(caller, "manager")


@pytest.fixture
def target(caller: Caller) -> People:
    return People(caller, "manager")


def test_a_whole_directory_moves_in_a_file(source: People, target: People) -> None:
    ids = {source.create(f"user{number}@example.com")["id"] for number in range(7)}
    id = begin_export(source)
    begun = export_status(source, id)
    assert (begun["status"], begun["progress"], begun["exported"], "finished" in begun) == ("IN_PROGRESS", 0, 0, False)
    work(source)
    ended = export_status(source, id)
    assert (ended["status"], ended["progress"], ended["total"], ended["exported"]) == ("COMPLETED", 100, 7, 7)
    file = download(source, id)
    document = json.loads(gzip.decompress(file))
    assert {user["scimUser"]["originalId"] for user in document["users"]} == ids
    assert "argon2id$" not in json.dumps(document)
    job = begin_import(target, file)
    assert import_status(target, job)["status"] == "IN_PROGRESS"
    work(target)
    done = import_status(target, job)
    assert (done["status"], done["progress"], done["added"], done["failed"]) == ("COMPLETED", 100, 7, 0)
    assert {user["originalId"] for user in listed(target)} == ids
    assert target.tokens(target.oauth.application(), "user3@example.com")["access_token"]
    assert count(target, PARTS) == 0, "the file of an import goes with its end"


@pytest.mark.parametrize("number", [0, 1, 2, 3, 5])
def test_a_file_is_one_json_document_however_many_steps_made_it(
    source: People, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("ostiary.directory.transfer.export_job.SIZE", 2)
    for place in range(number):
        source.create(f"user{place}@example.com")
        source.made.clock.advance(1)
    id = begin_export(source)
    work(source)
    users = json.loads(gzip.decompress(download(source, id)))["users"]
    assert [user["scimUser"]["emails"][0]["value"] for user in users] == [
        f"user{place}@example.com" for place in range(number)
    ]


def test_an_interrupted_import_goes_on_where_it_was_and_takes_nobody_twice(
    target: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_job, "SIZE", 3)
    job = begin_import(target, crowd(10))
    made, calls, real = target.made, 0, import_job.store_batch

    def power_cut(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        stored = real(*arguments)
        if calls == 3:
            raise InterruptedError  # after the rows, before the end of the transaction
        return stored

    monkeypatch.setattr(import_job, "store_batch", power_cut)
    run_jobs(made.runtime.store, made.clock, "first", job_kinds(made.runtime))
    assert (import_status(target, job)["added"], count(target)) == (6, 6)
    run_jobs(made.runtime.store, made.clock, "second", job_kinds(made.runtime))
    done = import_status(target, job)
    assert (done["status"], done["added"], done["failed"], count(target)) == ("COMPLETED", 10, 0, 10)


def test_an_interrupted_export_goes_on_where_it_was(source: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.directory.transfer.export_job.SIZE", 2)
    for place in range(5):
        source.create(f"user{place}@example.com")
    id = begin_export(source)
    calls, real = 0, transfer_job.TransferJob.advance

    def power_cut(self: Any, *arguments: Any, **values: Any) -> None:
        nonlocal calls
        calls += 1
        real(self, *arguments, **values)
        if calls == 2:
            raise InterruptedError

    monkeypatch.setattr(transfer_job.TransferJob, "advance", power_cut)
    work(source)
    assert (export_status(source, id)["exported"], export_status(source, id)["progress"]) == (2, 40)
    work(source)
    users = json.loads(gzip.decompress(download(source, id)))["users"]
    assert len({user["scimUser"]["originalId"] for user in users}) == len(users) == 5


def test_of_two_processes_at_one_import_each_user_is_taken_once(
    target: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease ran out while its holder was only slow: the other went on, and the slow one finds itself overtaken."""
    monkeypatch.setattr(import_job, "SIZE", 2)
    job = begin_import(target, crowd(6))
    runtime = target.made.runtime
    slow, quick = job_kinds(runtime)["directory_import"], job_kinds(runtime)["directory_import"]
    real, entered = import_job.store_batch, False

    def overtaken(*arguments: Any) -> Any:
        nonlocal entered
        if not entered:
            entered = True
            raise Lagging
        return real(*arguments)

    class Lagging(Exception):
        pass

    monkeypatch.setattr(import_job, "store_batch", overtaken)
    with pytest.raises(Lagging):
        slow.turn(target.tenant_id, job)
    assert quick.turn(target.tenant_id, job)
    assert slow.turn(target.tenant_id, job)
    assert (import_status(target, job)["added"], count(target)) == (6, 6)


def test_a_turn_ends_so_that_others_get_theirs(target: People, source: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_job, "SIZE", 2)
    clock = target.made.clock
    job = begin_import(target, crowd(6))
    kind = job_kinds(target.made.runtime)["directory_import"]
    real = import_job.store_batch

    def slow(*arguments: Any) -> Any:
        clock.advance(3)
        return real(*arguments)

    monkeypatch.setattr(import_job, "store_batch", slow)
    assert not kind.turn(target.tenant_id, job)
    assert import_status(target, job)["added"] == 4
    assert kind.turn(target.tenant_id, job), "goes on with the open file"
    assert count(target) == 6


def test_who_is_not_taken_is_reported_and_counted(target: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_job, "MAX_REASONS", 2)
    target.create("user1@example.com")
    document = {
        "users": [*crowd(3)["users"], arriving("x@example.com", "$9$x"), "nobody", arriving("user2@example.com")]
    }
    job = begin_import(target, document)
    work(target)
    done = import_status(target, job)
    assert (done["status"], done["added"], done["failed"], len(done["failReasons"])) == ("COMPLETED", 2, 4, 2)
    assert {"originalId", "email", "error"} <= set(done["failReasons"][0])
    assert done["failReasons"][0]["error"]["code"] == "UNKNOWN_HASH"


def test_a_wrong_secret_adds_nobody(source: People, target: People) -> None:
    source.create()
    id = begin_export(source)
    work(source)
    job = begin_import(target, download(source, id), "another secret")
    work(target)
    done = import_status(target, job)
    assert (done["added"], done["failed"], done["failReasons"][0]["error"]["code"]) == (0, 1, "WRONG_ENCRYPTION_SECRET")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"encryptionSecret": ""}, "INVALID_ENCRYPTION_SECRET"),
        ({"encryptionSecret": "x" * 1025}, "INVALID_ENCRYPTION_SECRET"),
        ({"expires": 0}, "INVALID_EXPIRES"),
        ({"expires": 31}, "INVALID_EXPIRES"),
        ({"emailAddress": "nobody"}, "INVALID_EMAIL"),
    ],
)
def test_an_export_that_cannot_be_is_refused(source: People, options: Json, reason: str) -> None:
    assert refusal(lambda: begin_export(source, **options)) == (INVALID, reason)
    assert count(source, TRANSFERS) == 0


def test_one_at_a_time_and_ten_files(source: People) -> None:
    begin_export(source)
    assert refusal(lambda: begin_export(source)) == (TAKEN, "TRANSFER_RUNNING")
    begin_import(source, crowd(1))
    assert refusal(lambda: begin_import(source, crowd(1))) == (TAKEN, "TRANSFER_RUNNING")
    work(source)
    for _ in range(9):
        last = begin_export(source)
        work(source)
    assert refusal(lambda: begin_export(source)) == (TAKEN, "TOO_MANY_EXPORTS")
    source.manage(f"{SERVICE}/DeleteCloudDirectoryExport", id=last)
    assert begin_export(source)


def later(people: People, seconds: float) -> None:
    """So much later; with a new token, since the old one may have ended."""
    people.made.clock.advance(seconds)
    people.credentials = bearer(people.caller.token(people.made.new_api_key(people.tenant_id, "manager")))


def lasting(status: Json, since: str) -> timedelta:
    """How long a file is kept."""
    return datetime.fromisoformat(status["expires"]) - datetime.fromisoformat(status[since])


def test_a_file_is_for_its_tenant_is_deleted_and_expires(source: People, target: People) -> None:
    source.create()
    id = begin_export(source, expires=1)
    asked = {
        "status": export_status,
        "download": download,
        "delete": lambda people, id: people.manage(f"{SERVICE}/DeleteCloudDirectoryExport", id=id),
    }
    assert refusal(lambda: download(source, id)) == (TAKEN, "EXPORT_NOT_READY")
    day = timedelta(days=1)
    assert lasting(export_status(source, id), "created") == day
    work(source)
    assert lasting(export_status(source, id), "finished") == day
    for ask in asked.values():
        assert refusal(partial(ask, target, id)) == (NOT_FOUND, "TRANSFER_NOT_FOUND")
        assert refusal(partial(ask, source, NOBODY)) == (NOT_FOUND, "TRANSFER_NOT_FOUND")
        assert refusal(partial(ask, source, "")) == (INVALID, "ID_MISSING")
        assert refusal(partial(ask, source, "nul\0")) == (NOT_FOUND, "TRANSFER_NOT_FOUND")
    assert refusal(lambda: import_status(source, id)) == (NOT_FOUND, "TRANSFER_NOT_FOUND"), "it is no import"
    later(source, DAY_S - 1)
    assert download(source, id)
    later(source, 1)
    assert refusal(lambda: download(source, id)) == (NOT_FOUND, "TRANSFER_NOT_FOUND")
    later(source, KEPT_MS / 1000)
    clean(source.made.runtime.store, source.made.clock, 365 * 86_400_000)
    assert (count(source, TRANSFERS), count(source, PARTS)) == (0, 0)
    second = begin_export(source)
    work(source)
    asked["delete"](source, second)
    assert refusal(lambda: download(source, second)) == (NOT_FOUND, "TRANSFER_NOT_FOUND")
    assert count(source, PARTS) == 0


@pytest.mark.own_installation
def test_secrets_are_sealed_while_they_are_needed_and_forgotten_then(source: People, target: People) -> None:
    source.create()
    id = begin_export(source)
    rows: list[str] = []

    def look(people: People) -> None:
        with people.made.runtime.store.read() as work_:
            rows.extend(map(repr, work_.rows(select(TRANSFERS))))
            rows.extend(map(repr, work_.rows(select(PARTS))))

    look(source)
    work(source)
    look(source)
    job = begin_import(target, download(source, id))
    look(target)
    work(target)
    look(target)
    assert not [row for row in rows if SECRET in row or "jane@example.com" in row or "scimUser" in row]
    with target.made.runtime.store.read() as work_:
        row = work_.row(select(TRANSFERS.c.sealed_secrets).where(TRANSFERS.c.id == job))
    assert row is not None
    assert row.sealed_secrets == ""


def test_who_asked_for_it_gets_a_mail(source: People) -> None:
    begin_export(source, emailAddress="admin@example.com")
    work(source)
    (message,) = source.messages()
    assert (message.template, message.recipient) == ("TRANSFER_ENDED", "admin@example.com")
    assert SECRET not in message.row.payload
    source.made.runtime.messages.delivery.send_due()
    (mail,) = source.made.runtime.settings.mail_sink.glob("*")
    assert "The export of your users has ended" in mail.read_text()


def test_what_was_begun_is_audited_by_its_id(source: People) -> None:
    id = begin_export(source)
    job = begin_import(source, crowd(1))
    work(source)
    source.manage(f"{SERVICE}/DeleteCloudDirectoryExport", id=id)
    assert source.audited() == [
        ("appid.cloud-directory-users.export", id),
        ("appid.cloud-directory-users.import", job),
        ("appid.cloud-directory-users-export.delete", id),
    ]


def test_the_hashes_of_an_export_are_those_of_the_directory(source: People, target: People) -> None:
    made = source.create()
    id = begin_export(source)
    work(source)
    begin_import(target, download(source, id))
    work(target)
    (arrived,) = listed(target)
    assert check_hash(stored_hash(target, arrived["id"])) == stored_hash(source, made["id"])


def test_a_download_comes_in_messages_that_every_client_takes(source: People) -> None:
    for number in range(30):
        source.create(f"large{number}@example.com", title=base64.b64encode(os.urandom(21_000)).decode())
    id = begin_export(source)
    work(source)
    sizes = [body.ByteSize() for body in bodies_of(source, id)]
    assert sum(sizes) > 2 * max(sizes)
    assert max(sizes) <= 256 << 10
    assert len(json.loads(gzip.decompress(download(source, id)))["users"]) == 30
