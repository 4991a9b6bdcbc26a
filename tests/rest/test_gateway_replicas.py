"""Several replicas on one PostgreSQL behind a balancer, as `deploy/compose.yaml` runs them; natively."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from kit.command import ostiary
from kit.databases import PostgresServer
from kit.ports import free_port
from kit.served import Served, served

from ostiary.config import Settings, deploy_folder
from ostiary.gateway import envoy


@contextmanager
def running_envoy(folder: Path, text: str) -> Iterator[None]:
    """An Envoy of somebody else's."""
    config = folder / "envoy.yaml"
    config.write_text(text)
    process = subprocess.Popen(envoy.command(config), env=envoy.environment(), stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str) -> None:
    """Until a request is answered by a worker."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if httpx.post(f"{url}/identity/token").status_code == 400:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("nobody answers")


def balancer(port: int, replicas: list[Served]) -> str:
    """`deploy/balancer.yaml` with the addresses of this machine."""
    text = (deploy_folder() / "balancer.yaml").read_text()
    endpoint = next(line for line in text.splitlines() if "address: replica," in line)
    endpoints = [endpoint.replace("replica, port_value: 8080", f"127.0.0.1, port_value: {r.port}") for r in replicas]
    return text.replace(endpoint, "\n".join(endpoints)).replace(
        "0.0.0.0, port_value: 8080", f"127.0.0.1, port_value: {port}"
    )


@pytest.fixture
def replicas(tmp_path: Path, postgres: PostgresServer) -> Iterator[tuple[str, list[Served]]]:
    """Two replicas and the URL of the balancer before them. They share the database and the master key."""
    port = free_port()
    shared = {
        "database": postgres.new_database(), "master_key_file": tmp_path / "master.key", "trusted_hops": 1,
        "workers": 1, "public_url": f"http://127.0.0.1:{port}", "drain_seconds": 3,
    }  # fmt: skip
    with ExitStack() as stack:
        started: list[Served] = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            started.append(stack.enter_context(served(folder, init=not started, **shared)))
        started[1].credentials = started[0].credentials
        stack.enter_context(running_envoy(tmp_path, balancer(port, started)))
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", started


def test_a_change_at_one_replica_acts_at_once_at_the_other(replicas: tuple[str, list[Served]]) -> None:
    _, (one, two) = replicas
    headers = one.manager()
    path = f"/management/v4/{one.credentials['tenantId']}/config/tokens"
    for seconds in (600, 700, 800):
        config = httpx.get(f"http://127.0.0.1:{two.port}{path}", headers=headers).json()
        config["access"] = {"expires_in": seconds}
        put = httpx.put(f"http://127.0.0.1:{one.port}{path}", json=config, headers=headers)
        assert put.status_code == 200, put.text
        got = httpx.get(f"http://127.0.0.1:{two.port}{path}", headers=headers).json()
        assert got["access"]["expires_in"] == seconds


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_replica_that_ends_costs_at_most_the_requests_in_flight(
    replicas: tuple[str, list[Served]], ending: signal.Signals
) -> None:
    url, (one, two) = replicas
    path = f"/management/v4/{one.credentials['tenantId']}/config/tokens"
    headers, statuses, over = one.manager(), [], threading.Event()

    def load(verb: str) -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=20) as client:
            body = client.get(path).json()
            while not over.is_set():
                statuses.append(client.request(verb, path, json=body if verb == "PUT" else None).status_code)

    clients = [threading.Thread(target=load, args=(verb,)) for verb in ("GET", "GET", "PUT", "PUT")]
    for client in clients:
        client.start()
    time.sleep(1)
    one.stop(ending)
    time.sleep(2)
    over.set()
    for client in clients:
        client.join()
    failed = [status for status in statuses if status != 200]
    assert len(statuses) > 100
    assert len(failed) <= (len(clients) if ending == signal.SIGKILL else 0), f"{len(failed)} of {len(statuses)}"
    assert two.http.get(path, headers=headers).status_code == 200


def test_the_client_address_passes_through_the_balancer(replicas: tuple[str, list[Served]]) -> None:
    url, _ = replicas
    answer = httpx.get(f"{url}/nowhere", headers={"x-forwarded-for": "6.6.6.6"})
    assert answer.status_code == 404


def test_an_envoy_of_ones_own_serves_what_gateway_render_wrote(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path, gateway="false", listen=f"127.0.0.1:{port}", public_url=f"http://127.0.0.1:{port}") as server:
        assert "envoy" not in server.children()
        written = ostiary("gateway", "render", "--output", "mine.yaml", cwd=tmp_path, **server.variables)
        assert (written.code, written.stderr) == (0, "")
        with running_envoy(tmp_path, (tmp_path / "mine.yaml").read_text()):
            wait_for(server.url)
            path = f"/management/v4/{server.credentials['tenantId']}/config/tokens"
            assert server.http.get(path, headers=server.manager()).status_code == 200
            assert server.stop() == 0
            assert httpx.get(f"{server.url}{path}").status_code == 503


def test_every_variable_of_the_deployment_is_a_setting() -> None:
    for file in ("compose.yaml", "Dockerfile"):
        names = set(re.findall(r"OSTIARY_(\w+)", (deploy_folder() / file).read_text()))
        assert names
        assert {name.lower() for name in names} <= set(Settings.model_fields)
