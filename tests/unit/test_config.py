"""Settings: where they come from, which wins, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ostiary.cli.options import with_settings
from ostiary.config import ConfigurationError, Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No setting from outside; the current folder is a temporary one, with a file for each name of a certificate."""
    for name in [name for name in os.environ if name.startswith("OSTIARY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).touch()
    return tmp_path


def test_flags_win_over_variables_and_variables_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ostiary.toml").write_text('trusted_hops = 3\nworkers = 3\ndata = "file"\n')
    monkeypatch.setenv("OSTIARY_CONFIG", "ostiary.toml")
    monkeypatch.setenv("OSTIARY_WORKERS", "2")
    monkeypatch.setenv("OSTIARY_TRUSTED_HOPS", "2")
    settings = Settings(trusted_hops=1, workers=None)
    assert (settings.trusted_hops, settings.workers, settings.data) == (1, 2, Path("file"))


def test_a_file_named_by_flag_wins_over_one_named_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.toml").write_text("workers = 1\n")
    Path("b.toml").write_text("workers = 2\n")
    monkeypatch.setenv("OSTIARY_CONFIG", "a.toml")
    assert Settings(config="b.toml").workers == 2


TLS = {"tls_cert": "tls.crt", "tls_key": "tls.key"}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://localhost:8080"),
        ({"listen": "[::1]:9000"}, "http://[::1]:9000"),
        ({"listen": "localhost:9000"}, "http://localhost:9000"),
        ({"public_url": "http://localhost:8080/"}, "http://localhost:8080"),
        ({"listen": "0.0.0.0:8080", "public_url": "http://localhost:8080"}, "http://localhost:8080"),
        ({"listen": "0.0.0.0:8443", **TLS}, "https://0.0.0.0:8443"),
        ({"public_url": "https://id.example.com", **TLS}, "https://id.example.com"),
        ({"public_url": "https://id.example.com", "trusted_hops": 1}, "https://id.example.com"),
    ],
)
def test_the_public_url(given: dict[str, Any], url: str) -> None:
    settings = Settings(**given)
    assert settings.base_url == url
    assert settings.is_https == url.startswith("https")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"listen": "0.0.0.0:8080"}, "plain http"),
        ({"public_url": "http://id.example.com"}, "plain http"),
        ({"public_url": "http://id.example.com", "trusted_hops": 1}, "plain http"),
        ({"public_url": "https://id.example.com"}, "trusted_hops"),
        ({"public_url": "http://localhost", **TLS}, "write https"),
        ({"public_url": "https://id.example.com/id", "trusted_hops": 1}, "root"),
        ({"public_url": "id.example.com"}, "http(s)://HOST"),
        ({"public_url": "https://user@id.example.com", "trusted_hops": 1}, "root"),
        ({"tls_cert": "tls.crt"}, "belong together"),
        ({"tls_cert": "tls.crt", "tls_key": "none.key"}, "none.key"),
        ({"listen": "8080"}, "HOST:PORT"),
        ({"listen": "127.0.0.1:0"}, "HOST:PORT"),
        ({"listen": "127.0.0.1:99999"}, "HOST:PORT"),
        ({"listen": "id.example.com:8080"}, "IP address"),
        ({"admin_listen": "nonsense"}, "admin_listen"),
        ({"worker_listen": "nonsense"}, "worker_listen"),
        ({"gateway": False}, "run_dir or worker_listen"),
        ({"workers": -1}, "workers"),
        ({"workers": "many"}, "workers"),
        ({"outgoing_allow": "10.0.0.0/33"}, "outgoing_allow"),
        ({"log_format": "xml"}, "log_format"),
        ({"config": "none.toml"}, "none.toml"),
        ({"no_such": 1}, "no such setting"),
    ],
)
def test_what_is_unsafe_or_wrong_is_refused_in_one_line(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings(**given)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_mistyped_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_WORKRES", "2")
    with pytest.raises(ConfigurationError, match="OSTIARY_WORKRES: no such setting"):
        Settings()


def test_a_mistyped_name_in_the_file_is_refused() -> None:
    Path("ostiary.toml").write_text("workres = 2\n")
    with pytest.raises(ConfigurationError, match="workres: no such setting"):
        Settings(config="ostiary.toml")


def test_a_file_that_is_no_toml_is_refused() -> None:
    Path("ostiary.toml").write_text("workers: 2\n")
    with pytest.raises(ConfigurationError, match=r"ostiary\.toml"):
        Settings(config="ostiary.toml")


def test_the_master_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_MASTER_KEY", "cGxhbnRlZA==")
    assert "cGxhbnRlZA" not in repr(Settings())


def test_networks_are_a_list_with_commas_or_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_OUTGOING_ALLOW", "10.0.0.0/8, ::1 192.168.1.7/24")
    assert Settings().outgoing_allow == ("10.0.0.0/8", "::1/128", "192.168.1.0/24")


def test_a_flag_for_a_list_may_be_repeated_and_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTIARY_OUTGOING_ALLOW", "192.168.1.0/24")

    @click.command()
    @with_settings("outgoing_allow")
    def show(settings: Settings) -> None:
        click.echo(" ".join(settings.outgoing_allow))

    allowed = ["--outgoing-allow", "10.0.0.0/8", "--outgoing-allow", "::1/128"]
    told = [CliRunner().invoke(show, flags).output.split() for flags in (allowed, [])]
    assert told == [["10.0.0.0/8", "::1/128"], ["192.168.1.0/24"]]


def test_workers_have_addresses_of_their_own() -> None:
    sockets = Settings(run_dir="/run/ostiary")
    assert [sockets.worker_address(n, Path("/run/ostiary")) for n in (0, 1)] == [
        "/run/ostiary/worker-0.sock", "/run/ostiary/worker-1.sock",
    ]  # fmt: skip
    ports = Settings(worker_listen="[::1]:9000")
    assert [ports.worker_address(n, Path()) for n in (0, 1)] == ["[::1]:9000", "[::1]:9001"]


def test_there_are_as_many_workers_as_cores_unless_told_otherwise() -> None:
    assert 1 <= Settings().worker_count <= len(os.sched_getaffinity(0))
    assert Settings(workers=5).worker_count == 5
    assert Settings().cores == tuple(sorted(os.sched_getaffinity(0)))
