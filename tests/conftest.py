"""Fixtures that every test may ask for. Tests that take `installation` or `caller` run on both databases."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from httpx import _config, _transports
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jwcrypto.jwk import JWK
from kit.accounts.directory import People
from kit.callers import Caller, serving
from kit.keys import in_turns
from kit.servers.databases import PostgresServer, postgres_server
from kit.servers.installation import Installation, InstallationTemplate
from kit.stored.compiled import share_compiled_statements

# A busy machine is slow, and that is no fault of what is tested.
hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("busy")

# Each client of httpx reads every certificate authority there is, a twentieth of a second, also where it needs none.
_transports.default.create_ssl_context = functools.cache(_config.create_ssl_context)

# Keys of tenants come in turns from a few pairs: finding new primes takes a tenth of a second for each.
JWK.generate = in_turns(JWK.generate)  # type: ignore[method-assign]

# A failed test shows what was logged. The usual renderer takes a second to draw an error with all its variables.
structlog.configure(
    [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(["level", "event"]),
    ]
)

# Each store compiles each statement for its own engines, which costs a test as much as its requests: they share them.
share_compiled_statements()

MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 << 30  # noqa: S108 files of pytest's own folder, which nobody else may enter
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
    # Databases of tests live for seconds: to make them last costs a disk more than what is tested costs the processor.
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Collects the tests without the garbage collector: thousands are made and none goes, now or later.

    Afterwards it runs seldom: servers of this process leave little, and a fifteenth of the processor time was its own.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/ostiary.sqlite3"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def installation_template(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., InstallationTemplate]]:
    """Installations to copy, by kind of database and by what the copies are for: of each there is one at a time."""
    made: dict[tuple[str, str], InstallationTemplate] = {}

    def find(kind: str, purpose: str) -> InstallationTemplate:
        if (kind, purpose) not in made:
            folder = tmp_path_factory.mktemp("installation_template")
            sqlite = f"sqlite:///{folder}/template.sqlite3"
            database = sqlite if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
            made[kind, purpose] = InstallationTemplate(database, folder)
        return made[kind, purpose]

    yield find
    for one in made.values():
        one.original.close()


@pytest.fixture
def installation(
    kind: str, installation_template: Callable[..., InstallationTemplate], tmp_path: Path
) -> Iterator[Installation]:
    """A fresh installation with one tenant and API keys for every role."""
    made = installation_template(kind, "test").copy_to(tmp_path)
    yield made
    made.runtime.close()


@pytest.fixture
def caller(installation: Installation) -> Iterator[Caller]:
    """A native gRPC caller of a fresh installation."""
    with serving(installation) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_caller(
    request: pytest.FixtureRequest,
    installation_template: Callable[..., InstallationTemplate],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Caller]:
    """A caller of one installation for all tests of a module, which make tenants of their own in it."""
    with serving(installation_template(request.param, "module").copy_to(tmp_path_factory.mktemp("shared"))) as made:
        yield made


@pytest.fixture
def people(shared_caller: Caller) -> People:
    """The people of a new tenant."""
    return People(shared_caller)
