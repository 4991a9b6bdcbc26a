"""What clients see while the database, or who writes in it, does not get on: 503 with Retry-After, soon; and what needs
nothing of it is answered all the time."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from kit.patience import awaited
from kit.servers.databases import PostgresServer, refuse_records
from kit.servers.proxies import Line
from kit.servers.served import NO_AUTHORITIES, Served, served

from ostiary.store.engine import Store

PROFILE = {"isActive": False}
RECOVERY_S = 15


@dataclass
class Asked:
    """An answer and how long it took."""

    status: int
    seconds: float
    retry_after: str
    said: str


def ask(server: Served, method: str, path: str, headers: dict[str, str]) -> Asked:
    body = {"json": PROFILE} if method == "PUT" else {}
    with httpx.Client(base_url=server.url, timeout=60, verify=NO_AUTHORITIES) as client:
        began = time.monotonic()
        answer = client.request(method, path, headers=headers, **body)  # type: ignore[arg-type]
    return Asked(answer.status_code, time.monotonic() - began, answer.headers.get("retry-after", ""), answer.text)


def config(server: Served, name: str) -> str:
    return f"/management/v4/{server.credentials['tenantId']}/config/{name}"


def public_keys(server: Served) -> str:
    return f"/oauth/v4/{server.credentials['tenantId']}/publickeys"


@contextmanager
def writers_lock(server: Served) -> Iterator[None]:
    """What another process holds that writes and does not get on."""
    descriptor = os.open(f"{server.folder}/data/ostiary.sqlite3.writers", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def test_a_held_writers_lock_refuses_writers_in_time_and_no_reader(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        headers = server.manager()
        path = config(server, "users_profile")
        with ThreadPoolExecutor(120) as threads:
            with writers_lock(server):
                writes = [threads.submit(ask, server, "PUT", path, headers) for _ in range(110)]
                time.sleep(1)
                latest = time.monotonic() + 8
                while time.monotonic() < latest:
                    for read in (path, public_keys(server), "/openapi.json"):
                        answer = ask(server, "GET", read, headers)
                        assert (answer.status, answer.seconds < 4) == (200, True), (read, answer)
                    assert server.admin("/readyz").status_code == 200
                    time.sleep(0.2)
                refused = [each.result(30) for each in writes]
            assert {each.status for each in refused} == {503}
            assert max(each.seconds for each in refused) < 14, "before the gateway loses its patience"
            assert all(int(each.retry_after) > 0 for each in refused)
        assert ask(server, "PUT", path, headers).status == 204, "and it goes on at once"


def test_connections_that_turned_silent_are_replaced_in_time(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with Line(postgres).listening() as line, served(tmp_path, database=line.url(url)) as server:
        headers = server.manager()
        path = config(server, "users_profile")
        stop = threading.Event()

        def client() -> None:
            while not stop.is_set():
                ask(server, "GET", path, headers)

        with ThreadPoolExecutor(12) as threads:
            clients = [threads.submit(client) for _ in range(12)]
            time.sleep(1)
            line.silence_open_ones()
            silent_at = time.monotonic()
            awaited(lambda: ask(server, "GET", path, headers).status == 200, RECOVERY_S)
            assert time.monotonic() - silent_at < RECOVERY_S
            stop.set()
            for each in clients:
                each.result(30)
        awaited(lambda: ask(server, "PUT", path, headers).status == 204, RECOVERY_S)
        assert awaited(lambda: server.admin("/readyz").status_code == 200, RECOVERY_S)


def test_a_frozen_database_keeps_nothing_from_being_answered_that_needs_none(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    with Line(postgres).listening() as line, served(tmp_path, database=line.url(url), workers=1) as server:
        headers = server.manager()
        path = config(server, "users_profile")
        line.silent = True
        with ThreadPoolExecutor(12) as threads:
            reads = [threads.submit(ask, server, "GET", path, headers) for _ in range(12)]
            time.sleep(0.5)
            answer = ask(server, "GET", "/openapi.json", {})
            assert (answer.status, answer.seconds < 3) == (200, True)
            refused = [each.result(30) for each in reads]
        assert {each.status for each in refused} == {503}
        assert all(each.retry_after for each in refused)
        assert awaited(lambda: server.admin("/readyz").json()["faults"]) == ["the database is away"]
        line.silent = False
        line.silence_open_ones()
        awaited(lambda: ask(server, "GET", path, headers).status == 200, RECOVERY_S)


def test_a_worker_that_does_not_answer_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path, workers=1) as server:
        frozen = server.children()["worker-0"]
        os.kill(frozen, signal.SIGSTOP)
        assert awaited(lambda: server.children().get("worker-0", frozen) != frozen, 40)
        awaited(lambda: ask(server, "GET", public_keys(server), {}).status == 200)
        assert "process does not answer" in server.log


def test_a_read_only_database_is_told_as_such_and_read_from(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    name = url.partition("?")[0].rpartition("/")[2]
    with (
        served(tmp_path, database=url) as server,
        closing(psycopg.connect(postgres.url("postgres"), autocommit=True)) as operator,
    ):
        headers = server.manager()

        def change(how: str) -> None:
            operator.execute(f"ALTER DATABASE {name} {how}")
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

        change("SET default_transaction_read_only = on")
        awaited(lambda: server.admin("/readyz").json().get("faults") == ["the database is read-only"])
        path = config(server, "users_profile")
        refused = awaited(lambda: "read-only" in (found := ask(server, "PUT", path, headers)).said and found)
        assert refused.status == 503
        assert int(refused.retry_after) > 0
        awaited(lambda: ask(server, "GET", path, headers).status == 200)
        key = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": server.credentials["apikey"]}
        answer = server.http.post("/identity/token", data=key)
        assert answer.status_code in (200, 503), answer.text
        basic = (server.credentials["clientId"], server.credentials["secret"])
        form = {"grant_type": "password", "username": "ada@example.com", "password": "difference engine"}
        answer = server.http.post(f"/oauth/v4/{server.credentials['tenantId']}/token", data=form, auth=basic)
        assert (answer.status_code, bool(answer.headers.get("retry-after"))) == (503, True), answer.text
        change("RESET default_transaction_read_only")
        awaited(lambda: server.admin("/readyz").status_code == 200)
        awaited(lambda: ask(server, "PUT", path, headers).status == 204)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_reads_whose_records_cannot_be_written_keep_nobody_from_signing_in(
    tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    given = {"database": postgres.new_database()} if database == "postgresql" else {}
    with served(tmp_path, workers=1, **given) as server:
        headers = server.manager()
        with closing(Store(server.database)) as store:
            refuse_records(store)
        basic = (server.credentials["clientId"], server.credentials["secret"])
        token = f"/oauth/v4/{server.credentials['tenantId']}/token"
        statuses = []
        for _ in range(40):
            read = server.http.get(f"/management/v4/{server.credentials['tenantId']}/roles", headers=headers)
            made = server.http.post(token, data={"grant_type": "client_credentials"}, auth=basic)
            statuses += [read.status_code, made.status_code]
        assert set(statuses) == {200}
        awaited(lambda: "records lost" in server.log)
