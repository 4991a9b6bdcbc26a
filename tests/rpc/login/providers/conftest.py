"""An OpenID provider that is another server, and a server of ours that may call it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.callers import Caller, serving
from kit.servers.installation import install
from kit.servers.openid import Provider, openid_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with openid_provider() as made:
        yield made


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """One server for the file; Google is where the provider is."""
    folder = tmp_path_factory.mktemp("providers")
    settings = {"outgoing_allow": "127.0.0.0/8", "google_url": provider.web.url}
    with serving(install(f"sqlite:///{folder}/ostiary.sqlite3", folder, **settings)) as made:
        provider.now_s = lambda: made.installation.clock.now_ms() // 1000
        yield made
