"""Fixtures that every test may ask for. Tests that take `installation` or `caller` run on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from kit.callers import Caller, serving
from kit.databases import PostgresServer, postgres_server
from kit.directory import People
from kit.installation import Installation, Mould, install

# A busy machine is slow, and that is no fault of what is tested.
hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("busy")


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
def moulds() -> dict[str, Mould]:
    """Installations to copy, by kind of database; filled at first use."""
    return {}


@pytest.fixture
def installation(
    kind: str, moulds: dict[str, Mould], request: pytest.FixtureRequest, tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:  # fmt: skip
    """A fresh installation with one tenant and API keys for every role."""
    postgres = request.getfixturevalue("postgres") if kind == "postgresql" else None
    if kind not in moulds:
        folder = tmp_path_factory.mktemp("mould")
        moulds[kind] = Mould(postgres.new_database() if postgres else f"sqlite:///{folder}/mould.sqlite3", folder)
    made = moulds[kind].cast(tmp_path, postgres)
    yield made
    made.runtime.store.close()
    if postgres:
        postgres.drop(made.runtime.settings.database_url)


@pytest.fixture
def caller(installation: Installation) -> Iterator[Caller]:
    """A native gRPC caller of a fresh installation."""
    with serving(installation) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_caller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller of one installation for all tests of a module, which make tenants of their own in it."""
    folder = tmp_path_factory.mktemp("shared")
    sqlite = f"sqlite:///{folder}/ostiary.sqlite3"
    database = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    with serving(install(database, folder)) as made:
        yield made


@pytest.fixture
def people(shared_caller: Caller) -> People:
    """The people of a new tenant."""
    return People(shared_caller)
