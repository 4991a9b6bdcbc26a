"""Stopping and starting: who calls gets a whole answer or no connection, and nothing else."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kit.callers import bearer
from kit.patience import PATIENCE_S, awaited
from kit.servers.command import ostiary
from kit.servers.ports import free_port
from kit.servers.served import NO_AUTHORITIES, Served, served
from kit.steady import steady, users
from rest.gateway.test_replicas import running_envoy, wait_for

from ostiary.gateway.envoy import Admin
from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
WAITING = 40
"""Callers that begin while there is no server."""
ROOM_TO_HASH = {"hash_queue": 60, "threads": 80}
"""So that nobody of many callers is told to come later."""


def test_a_restart_under_steady_load_loses_nothing_and_commits_nothing_that_was_refused(tmp_path: Path) -> None:
    with served(tmp_path, drain_seconds=4, **ROOM_TO_HASH) as server:
        with steady(server) as seen:
            awaited(lambda: seen.made > 30)
            assert server.stop(patience=PATIENCE_S) == 0
            server.start()
            server.wait_ready()
            made = seen.made
            awaited(lambda: seen.made > made + 30)
        there = users(server)
    assert seen.lost == []
    assert seen.refused > 0, "between two servers"
    assert there == seen.made, "what was refused had been done, or what was done is not there"


def test_a_gateway_of_somebody_else_loses_nothing_either(tmp_path: Path) -> None:
    port = free_port()
    mine = {"gateway": "false", "listen": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}"}
    with served(tmp_path, **mine, drain_seconds=30, **ROOM_TO_HASH) as server:
        written = ostiary("gateway", "render", "--output", "mine.yaml", cwd=tmp_path, **server.variables)
        assert (written.code, written.stderr) == (0, "")
        with running_envoy(tmp_path, (tmp_path / "mine.yaml").read_text()):
            wait_for(server.url)
            with steady(server, proxied=True) as seen:
                awaited(lambda: seen.made > 30)
                assert server.stop(patience=PATIENCE_S) == 0
                server.start()
                wait_for(server.url)
                made = seen.made
                awaited(lambda: seen.made > made + 30)
            there = users(server)
    assert seen.lost == []
    assert there == seen.made


@contextmanager
def polled(server: Served) -> Iterator[Counter[int]]:
    """What a client sees that asks all the time, with a connection for each request."""
    seen, over = Counter[int](), threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                seen[httpx.get(f"{server.url}/openapi.json", verify=NO_AUTHORITIES).status_code] += 1
            except httpx.ConnectError:
                seen[0] += 1
            time.sleep(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_the_port_opens_when_a_worker_can_answer(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        token, tenant = server.token(), server.credentials["tenantId"]
        assert server.stop() == 0

        def wait_for_ready() -> str:
            with server.channel() as channel:
                request = pb.GetTokensConfigRequest(tenant_id=tenant)
                TokensServiceStub(channel).GetTokensConfig(request, wait_for_ready=True, **bearer(token))
            return "answered"

        with ThreadPoolExecutor(WAITING) as callers, polled(server) as statuses:
            waiting: list[Future[str]] = [callers.submit(wait_for_ready) for _ in range(WAITING)]
            server.start()
            assert [each.result(PATIENCE_S) for each in waiting] == ["answered"] * WAITING
            awaited(lambda: statuses[200] > 20)
    assert set(statuses) == {0, 200}


def test_one_who_watches_hears_of_the_end_and_does_not_delay_it(tmp_path: Path) -> None:
    with served(tmp_path, drain_seconds=30) as server, server.channel() as channel:
        heard = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        statuses = [next(heard).status]
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        statuses += [each.status for each in heard]
        assert server.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - begun < 20
        assert statuses == [health_pb2.HealthCheckResponse.SERVING, NOT_SERVING]
        assert heard.code() is grpc.StatusCode.OK


FORM = b"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey="


@contextmanager
def half_asked(server: Served) -> Iterator[tuple[socket.socket, bytes]]:
    """A request for a token of which a part is missing, and that part."""
    form = FORM + server.credentials["apikey"].encode()
    head = f"POST /identity/token HTTP/1.1\r\nhost: x\r\ncontent-length: {len(form)}\r\n"
    kind = "content-type: application/x-www-form-urlencoded\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head.encode() + kind.encode() + form[:10])
        admin = Admin(server.run_dir / "envoy.sock")
        awaited(lambda: admin.numbers("^http.public.downstream_rq_active$").get("http.public.downstream_rq_active"))
        yield connection, form[10:]


def port_is_closed(server: Served) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


def accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_is_in_flight_is_answered_after_the_port_is_closed(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path, drain_seconds=30, workers=1) as server, half_asked(server) as (connection, rest):
        server.process.send_signal(number)
        awaited(lambda: port_is_closed(server))
        if number is signal.SIGTERM:  # a worker that dies meanwhile is started again
            worker = server.run_dir / "worker-0.sock"
            os.kill(server.children()["worker-0"], signal.SIGKILL)
            awaited(lambda: not accepts(worker), every=0.002)
            awaited(lambda: accepts(worker))
            time.sleep(2)  # until the gateway has asked for its health
        connection.sendall(rest)
        answer = connection.recv(65_536).lower()
        assert answer.startswith(b"http/1.1 200 ok")
        assert b"connection: close" in answer
        assert server.process.wait(PATIENCE_S) == 0


def test_a_second_signal_ends_the_patience(tmp_path: Path) -> None:
    with served(tmp_path, drain_seconds=60) as server, half_asked(server):
        server.process.send_signal(signal.SIGTERM)
        awaited(lambda: port_is_closed(server))
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert server.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize("seconds", [0.7, 1.2, 1.7])
def test_a_signal_during_the_start_leaves_nothing_running(tmp_path: Path, seconds: float) -> None:
    with served(tmp_path, ready=False, program=True) as server:
        time.sleep(seconds)  # anywhere in the start: the imports, the forks, the first health check
        begun = time.monotonic()
        children = server.children()
        assert server.stop(patience=PATIENCE_S) in (0, -signal.SIGTERM)
        assert time.monotonic() - begun < 20
        awaited(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))
        assert "Traceback" not in server.log


def test_an_envoy_that_ends_before_every_worker_is_ready_comes_back(tmp_path: Path) -> None:
    with served(tmp_path, workers=2, ready=False) as server:
        late = awaited(lambda: server.children().get("worker-1"), every=0.001)
        os.kill(late, signal.SIGSTOP)
        server.wait_ready()  # with one worker the port is open, and the start is not over
        first = server.children()["envoy"]
        os.kill(first, signal.SIGKILL)
        awaited(lambda: server.children().get("envoy", first) != first)
        os.kill(late, signal.SIGCONT)
        server.wait_ready()
        assert server.http.get("/openapi.json").status_code == 200
        assert server.children()["worker-1"] == late


def test_processes_that_answer_no_more_are_replaced(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        # Envoy is ready as soon as one worker is; the start is over when all are.
        awaited(lambda: '"event":"ready"' in server.log)
        frozen = {name: pid for name, pid in server.children().items() if name != "worker-1"}
        for pid in frozen.values():
            os.kill(pid, signal.SIGSTOP)

        def replaced() -> bool:
            now = server.children()
            return all(name in now and now[name] != pid for name, pid in frozen.items())

        awaited(replaced, every=0.2)
        server.wait_ready()
        assert server.http.get("/openapi.json").status_code == 200
        assert server.log.count("process does not answer") == len(frozen)
