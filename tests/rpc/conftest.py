"""What tests of signing in begin with: a tenant's runtime, its users, a browser, two applications."""

from __future__ import annotations

import itertools

import pytest
from kit.accounts.people import Made, new_person
from kit.browser import CALLBACK, Browser
from kit.callers import Caller
from kit.oauth import Application, Runtime

from ostiary.oauth.clients.clients import PUBLIC


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
