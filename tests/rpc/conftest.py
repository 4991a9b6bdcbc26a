"""What tests of the authorization code flow begin with: a tenant's runtime, a user, a browser, two applications."""

from __future__ import annotations

import pytest
from kit.browser import CALLBACK, Browser
from kit.callers import Caller
from kit.oauth import Application, Runtime

from ostiary.oauth.clients import PUBLIC


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
