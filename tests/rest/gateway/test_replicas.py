"""Several replicas on one PostgreSQL behind a balancer, as `deploy/compose.yaml` runs them; natively."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from kit.patience import awaited
from kit.servers.command import ostiary
from kit.servers.databases import PostgresServer
from kit.servers.ports import free_port
from kit.servers.served import Served, served

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

    def answers() -> bool:
        try:
            return httpx.post(f"{url}/identity/token").status_code == 400
        except httpx.TransportError:
            return False

    awaited(answers, every=0.1)


def balancer(port: int, replicas: list[Served]) -> str:
    """`deploy/balancer.yaml` with the addresses of this machine."""
    text = (deploy_folder() / "balancer.yaml").read_text()
    endpoint = next(line for line in text.splitlines() if "address: replica," in line)
    endpoints = [endpoint.replace("replica, port_value: 8080", f"127.0.0.1, port_value: {r.port}") for r in replicas]
    return text.replace(endpoint, "\n".join(endpoints)).replace(
        "0.0.0.0, port_value: 8080", f"127.0.0.1, port_value: {port}"
    )


@dataclass
class Replicas:
    """Replicas that share the database and the master key, and the URL of the balancer before them."""

    url: str
    servers: list[Served]

    @property
    def alive(self) -> list[Served]:
        """Those that still run."""
        return [server for server in self.servers if server.process.poll() is None]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Replicas]:
    """Three of them; two tests end one each."""
    root, port = tmp_path_factory.mktemp("replicas"), free_port()
    shared = {
        "database": postgres.new_database(), "master_key_file": root / "master.key", "trusted_hops": 1, "workers": 1,
        "public_url": f"http://127.0.0.1:{port}", "drain_seconds": 3,
    }  # fmt: skip
    with ExitStack() as stack:
        started: list[Served] = []
        for name in ("one", "two", "three"):
            folder = root / name
            folder.mkdir()
            started.append(stack.enter_context(served(folder, init=not started, **shared)))
            started[-1].credentials = started[0].credentials
        stack.enter_context(running_envoy(root, balancer(port, started)))
        wait_for(f"http://127.0.0.1:{port}")
        yield Replicas(f"http://127.0.0.1:{port}", started)


def tokens_path(server: Served) -> str:
    return f"/management/v4/{server.credentials['tenantId']}/config/tokens"


def test_a_change_at_one_replica_acts_at_once_at_the_other(replicas: Replicas) -> None:
    one, two, *_ = replicas.alive
    headers, path = one.manager(), tokens_path(one)
    for seconds in (600, 700, 800):
        config = httpx.get(f"http://127.0.0.1:{two.port}{path}", headers=headers).json()
        config["access"] = {"expires_in": seconds}
        put = httpx.put(f"http://127.0.0.1:{one.port}{path}", json=config, headers=headers)
        assert put.status_code == 200, put.text
        got = httpx.get(f"http://127.0.0.1:{two.port}{path}", headers=headers).json()
        assert got["access"]["expires_in"] == seconds


@pytest.mark.parametrize(("ending", "lost"), [(signal.SIGKILL, 4), (signal.SIGTERM, 0)])
def test_a_replica_that_ends_costs_at_most_the_requests_in_flight(
    replicas: Replicas, ending: signal.Signals, lost: int
) -> None:
    victim = replicas.alive[0]
    headers, path, over = victim.manager(), tokens_path(victim), threading.Event()
    statuses: list[int] = []

    def load(verb: str) -> None:
        with httpx.Client(base_url=replicas.url, headers=headers, timeout=20) as client:
            body = client.get(path).json()
            while not over.is_set():
                statuses.append(client.request(verb, path, json=body if verb == "PUT" else None).status_code)

    clients = [threading.Thread(target=load, args=(verb,)) for verb in ("GET", "GET", "PUT", "PUT")]
    for client in clients:
        client.start()
    awaited(lambda: len(statuses) > 60)
    victim.stop(ending)
    before = len(statuses)
    awaited(lambda: len(statuses) > before + 60)
    over.set()
    for client in clients:
        client.join()
    failed = [status for status in statuses if status != 200]
    assert len(failed) <= lost, f"{len(failed)} of {len(statuses)}: {set(failed)}"


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
