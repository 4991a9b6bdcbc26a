"""What tests of signing in begin with: a tenant's runtime, its users, a browser, two applications."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.accounts.people import Made, new_person
from kit.browser import CALLBACK, Browser
from kit.callers import Caller, serving
from kit.oauth import Application, Runtime
from kit.servers.installation import Installation, InstallationTemplate

from ostiary.oauth.clients.clients import PUBLIC


@pytest.fixture
def installation(
    request: pytest.FixtureRequest,
    shared_caller: Caller,
    installation_template: Callable[..., InstallationTemplate],
    tmp_path: Path,
) -> Iterator[Installation]:
    """A new tenant in the installation that the tests of a module share; a test that counts what the whole installation
    has, or names its tenants, is marked `own_installation` and gets a fresh one."""
    shared = shared_caller.installation
    if not request.node.get_closest_marker("own_installation"):
        yield shared.with_new_tenant()
        return
    kind = "sqlite" if shared.runtime.store.is_sqlite else "postgresql"
    made = installation_template(kind, "test").copy_to(tmp_path)
    yield made
    made.runtime.close()


@pytest.fixture
def caller(shared_caller: Caller, installation: Installation) -> Iterator[Caller]:
    """A native gRPC caller of the installation."""
    if installation.runtime is shared_caller.installation.runtime:
        yield Caller(shared_caller.channel, installation)
        return
    with serving(installation) as made:
        yield made


@pytest.fixture
def runtime(caller: Caller) -> Runtime:
    return Runtime(caller)


@pytest.fixture
def browser(runtime: Runtime) -> Browser:
    made = Browser(runtime)
    made.register(CALLBACK, "https://spa.example.com", "com.example.app:/done", "https://wild.example.com/a/*")
    runtime.user()
    return made


@pytest.fixture
def app(runtime: Runtime) -> Application:
    return runtime.application()


@pytest.fixture
def page_app(runtime: Runtime) -> Application:
    return runtime.application("page", PUBLIC)


NUMBERS = itertools.count()


@pytest.fixture
def ann(caller: Caller) -> Made:
    return new_person(caller.installation, caller.installation.tenant_id, "ann", "org_owner", "org_member")


@pytest.fixture
def someone(shared_caller: Caller) -> Made:
    """A user of the shared installation, another one for each test: tries are counted by user."""
    name = f"someone{next(NUMBERS)}"
    return new_person(shared_caller.installation, shared_caller.installation.tenant_id, name)
