"""The processes of a server: started, watched, restarted, drained, ended. All real, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from bench.processes import pss_mib, tree
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kit.patience import awaited
from kit.servers.command import ostiary, ostiary_here
from kit.servers.databases import postgres_server
from kit.servers.ports import free_port
from kit.servers.served import Served, served

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), log_format="json", program=True) as running:
        yield running


def tokens_path(server: Served) -> str:
    return f"/management/v4/{server.credentials['tenantId']}/config/tokens"


def health(server: Served, service: str = "") -> int:
    with server.channel() as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return health_pb2_grpc.HealthStub(channel).Check(request, timeout=5).status


def test_one_port_speaks_rest_grpc_health_and_reflection(server: Served) -> None:
    assert server.http.get(tokens_path(server), headers=server.manager()).status_code == 200
    assert health(server) == SERVING
    assert health(server, "identity.iam.v1.TokenService") == SERVING
    with server.channel() as channel:
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]), timeout=5)
    assert "identity.iam.v1.TokenService" in {each.name for each in answer.list_services_response.service}


def test_probes_and_metrics_stand_on_the_admin_address_only(server: Served) -> None:
    assert server.admin("/livez").text == "ok\n"
    assert server.admin("/readyz").json() == {"ready": True}
    assert "envoy_cluster_membership_healthy" in server.admin("/metrics/gateway").text
    assert server.admin("/nothing").status_code == 404
    for path in ("/livez", "/readyz", "/metrics"):
        assert server.http.get(path).status_code == 404


def counted(server: Served) -> float:
    wanted = 'ostiary_requests_total{method="/identity.appid.management.v4.TokensService/GetTokensConfig",outcome="OK"}'
    lines = server.admin("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


def test_metrics_are_summed_over_all_workers(server: Served) -> None:
    headers, before = server.manager(), counted(server)
    for _ in range(20):
        server.http.get(tokens_path(server), headers=headers)
    assert counted(server) == before + 20


def test_each_worker_has_a_core_of_its_own(server: Served) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    for number in range(2):
        pid = server.children()[f"worker-{number}"]
        assert os.sched_getaffinity(pid) == {allowed[number % len(allowed)]}


def test_the_gateway_goes_before_those_who_answer(server: Served) -> None:
    children = server.children()
    first = os.getpriority(os.PRIO_PROCESS, children["envoy"])
    for name in ("worker-0", "worker-1", "background"):
        assert os.getpriority(os.PRIO_PROCESS, children[name]) > first or first == 19  # 19 is the last there is


def test_the_sockets_stand_in_a_folder_that_nobody_else_enters(server: Served) -> None:
    assert server.run_dir.stat().st_mode & 0o777 == 0o700
    assert {"envoy.sock", "worker-0.sock", "worker-1.sock"} <= {path.name for path in server.run_dir.iterdir()}


def test_envoy_gets_no_secret_of_ours(server: Served) -> None:
    environment = Path(f"/proc/{server.children()['envoy']}/environ").read_bytes()
    assert b"OSTIARY" not in environment
    assert {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry} <= {b"PATH", b"TZ", b"LANG"}


def test_everything_together_idles_within_350_mib(server: Served) -> None:
    total = pss_mib(tree(server.process.pid))
    print(f"{total:.0f} MiB")
    assert total <= 350


def test_no_path_and_no_token_stands_in_the_log(server: Served) -> None:
    headers = server.manager() | {"x-secret": "planted-header"}
    server.http.get(tokens_path(server) + "?q=planted-query", headers=headers)
    server.http.get("/planted-path")
    time.sleep(1.2)
    assert "planted" not in server.log
    assert headers["authorization"].partition(" ")[2] not in server.log
    assert "TokensService/GetTokensConfig" in server.log


@pytest.mark.parametrize("name", ["worker-0", "background", "envoy"])
def test_a_killed_process_comes_back(server: Served, name: str) -> None:
    pid = server.children()[name]
    os.kill(pid, signal.SIGKILL)
    awaited(lambda: server.children().get(name, pid) != pid)
    server.wait_ready()
    assert server.http.get(tokens_path(server), headers=server.manager()).status_code == 200


def test_a_killed_worker_costs_at_most_the_requests_in_flight(server: Served) -> None:
    headers, path, ending = server.manager(), tokens_path(server), threading.Event()
    statuses: list[int] = []

    def load(verb: str) -> None:
        with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
            body = client.get(path).json()
            while not ending.is_set():
                statuses.append(client.request(verb, path, json=body if verb == "PUT" else None).status_code)

    clients = [threading.Thread(target=load, args=(verb,)) for verb in ("GET", "GET", "PUT", "PUT")]
    for client in clients:
        client.start()
    time.sleep(0.5)
    os.kill(server.children()["worker-1"], signal.SIGKILL)
    time.sleep(2)
    ending.set()
    for client in clients:
        client.join()
    failed = [status for status in statuses if status != 200]
    assert len(statuses) > 50
    assert len(failed) <= len(clients), f"{len(failed)} of {len(statuses)}: {set(failed)}"


def test_sigterm_answers_what_is_in_flight_and_ends_in_time(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        children = server.children()
        form = b"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=" + server.credentials["apikey"].encode()
        head = f"POST /identity/token HTTP/1.1\r\nhost: x\r\ncontent-length: {len(form)}\r\n"
        kind = "content-type: application/x-www-form-urlencoded\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
            slow.sendall(head.encode() + kind.encode() + form[:10])
            time.sleep(0.3)
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            awaited(lambda: server.admin("/readyz").status_code == 503)
            assert server.admin("/readyz").json() == {"ready": False, "faults": ["draining"]}
            assert health(server) == NOT_SERVING
            slow.sendall(form[10:])
            assert slow.recv(15) == b"HTTP/1.1 200 OK"
        assert server.process.wait(10) == 0
        assert time.monotonic() - begun < 10
        assert not server.run_dir.exists()
        assert [pid for pid in children.values() if Path(f"/proc/{pid}").exists()] == []


def test_a_client_that_never_ends_does_not_keep_the_server(tmp_path: Path) -> None:
    with served(tmp_path, drain_seconds=1) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /identity/token HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc")
        time.sleep(0.2)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 20


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        children = server.children()
        assert len(children) == 4
        server.stop(signal.SIGKILL)
        awaited(lambda: not any(_alive(pid) for pid in children.values()), 5)
        awaited(lambda: not server.run_dir.exists(), 5)
        awaited(lambda: _is_free(server.port), 5)  # threads of a process may end after it is called dead


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("name", ["listen", "admin_listen"])
def test_an_address_that_is_taken_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with served(tmp_path, ready=False, public_url="http://127.0.0.1:1", **{name: address}) as server:
            assert server.process.wait(20) == 2
            assert server.log.startswith(f"ostiary: {name}: cannot listen on {address}: Address already in use")
            assert len(server.log.splitlines()) == 1


REFUSALS = [
    ({"master_key_file": "no-such-file"}, "no-such-file"),
    ({"database": "sqlite:///empty.sqlite3"}, "init"),
    ({"limits_file": "no-such-file"}, "no-such-file"),
    ({"tls_cert": "a.pem"}, "tls_cert and tls_key belong together"),
    ({"public_url": "http://id.example.com"}, "plain http"),
    ({"listen": "0.0.0.0:8080", "public_url": ""}, "plain http"),
    ({"public_url": "https://id.example.com"}, "trusted_hops"),
    ({"workrs": "2"}, "OSTIARY_WORKRS"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installation, for servers that do not come as far as to change it."""
    folder = tmp_path_factory.mktemp("installed")
    assert ostiary_here("init", "--data", "data", cwd=folder).code == 0
    return folder


@pytest.mark.parametrize(("settings", "words"), REFUSALS, ids=[next(iter(settings)) for settings, _ in REFUSALS])
def test_what_is_missing_or_unsafe_stops_the_start_in_one_line(
    installed: Path, settings: dict[str, str], words: str
) -> None:
    variables = {"data": "data", "listen": f"127.0.0.1:{free_port()}", "admin_listen": f"127.0.0.1:{free_port()}"}
    given = {f"OSTIARY_{name.upper()}": value for name, value in {**variables, **settings}.items() if value}
    ended = ostiary("serve", cwd=installed, **given)
    assert ended.code in (1, 2)
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "Traceback" not in ended.stderr


def test_without_its_database_it_says_so_everywhere_and_recovers(tmp_path: Path) -> None:
    with postgres_server() as postgres, served(tmp_path, database=postgres.new_database(), log_format="json") as server:
        headers = server.manager()
        postgres.stop()
        awaited(lambda: health(server) == NOT_SERVING)
        assert server.admin("/readyz").json() == {"ready": False, "faults": ["the database is away"]}
        assert server.admin("/livez").status_code == 200
        answer = server.http.get(tokens_path(server), headers=headers)
        assert (answer.status_code, answer.json().keys()) == (503, {"errorCode", "message"})
        assert int(answer.headers["retry-after"]) > 0
        postgres.start()
        awaited(lambda: health(server) == SERVING)
        assert server.http.get(tokens_path(server), headers=headers).status_code == 200


# TLS


def write_certificate(folder: Path, name: str) -> None:
    """A self-signed certificate and its key, as an operator copies them into place."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tls.crt").write_bytes(made.public_bytes(pem))
    (folder / "tls.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def presented(port: int) -> str:
    """The name in the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain) as connection:
        certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def test_a_certificate_is_served_and_taken_anew_when_it_changes(tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    port = free_port()
    tls = {"tls_cert": tmp_path / "tls.crt", "tls_key": tmp_path / "tls.key"}
    address = {"listen": f"127.0.0.1:{port}", "public_url": f"https://127.0.0.1:{port}"}
    with served(tmp_path, **address, **tls) as server:
        assert presented(port) == "first"
        with httpx.Client(verify=False, http2=True) as client:  # noqa: S501 (its own certificate)
            answer = client.get(f"https://127.0.0.1:{port}/nowhere")
        assert (answer.http_version, answer.status_code) == ("HTTP/2", 404)

        (tmp_path / "tls.crt").write_text("nonsense")
        awaited(lambda: "certificate not taken" in server.log)
        assert presented(port) == "first"

        write_certificate(tmp_path, "second")
        awaited(lambda: presented(port) == "second")
        assert [path.stat().st_mode & 0o077 for path in server.run_dir.glob("tls*")] == [0]


def test_the_supervisor_holds_no_thread_socket_or_database(server: Served) -> None:
    pid = server.process.pid
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    opened = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    claim = ".sqlite3.server"  # its claim to the embedded store: a lock, no database
    assert [name for name in opened if "sqlite" in name and not name.endswith(claim)] == []
    assert len([name for name in opened if name.startswith("socket:")]) == 1, "its claim to the port"


def test_help_is_there() -> None:
    ended = ostiary("serve", "--help", cwd=Path("/"))
    assert ended.code == 0
    assert "--trusted-hops" in ended.stdout
    assert "--master-key " not in ended.stdout, "a secret must not be an argument"
