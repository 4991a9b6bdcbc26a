"""An installation for tests: a store with its schema, tenants, keys and API keys, and a runtime around it."""

from __future__ import annotations

import base64
import functools
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kit.servers.databases import Original, make_schema
from pydantic import SecretStr

from ostiary.access.api_keys import create_api_key
from ostiary.clock import FixedClock, SystemClock
from ostiary.config import Settings
from ostiary.directory.tenants.tenants import create_system, create_tenant
from ostiary.ids import SystemEntropy
from ostiary.keys.sealing import key_id
from ostiary.runtime import Runtime, open_runtime
from ostiary.store.copies import declare_original
from ostiary.store.engine import Store
from ostiary.store.installation import MASTER_KEY, record_fact
from ostiary.store.tenancy import SYSTEM_ID

ENTROPY = SystemEntropy()


@dataclass
class Installation:
    """A runtime, its first tenant, and API keys for every role."""

    runtime: Runtime
    clock: FixedClock
    tenant_id: str
    api_keys: dict[str, str]

    def new_tenant(self, name: str) -> str:
        """One more tenant. Its signing key, which takes longer to make than most tests run, comes at its first use."""
        with self.runtime.store.write() as work:
            return create_tenant(work, name, ENTROPY, self.clock.now_ms()).id

    def new_api_key(self, tenant_id: str, role: str) -> str:
        """One more API key; its secret."""
        with self.runtime.store.write() as work:
            return create_api_key(work, tenant_id, f"test {role}", role, ENTROPY, self.clock.now_ms())[1]

    def with_new_tenant(self) -> Installation:
        """The same installation as another tenant of it sees it: a new one, with API keys of its own."""
        tenant_id = self.new_tenant(f"acme-{uuid.uuid4().hex}")
        kept = {"operator": self.api_keys["operator"]}
        return Installation(self.runtime, self.clock, tenant_id, _ApiKeys(partial(self.new_api_key, tenant_id), kept))

    def with_settings(self, **settings: Any) -> Installation:
        """The same installation as a process with other settings serves it."""
        given = self.runtime.settings
        assert given.master_key is not None
        runtime = _open(given.database, given.data, given.master_key.get_secret_value(), self.clock, settings)
        return Installation(runtime, self.clock, self.tenant_id, self.api_keys)


class _ApiKeys(dict[str, str]):
    """API keys by role, each made when it is first asked for."""

    def __init__(self, make: Callable[[str], str], made: dict[str, str]) -> None:
        super().__init__(made)
        self._make = make

    def __missing__(self, role: str) -> str:
        return self.setdefault(role, self._make(role))


def install(database: str, folder: Path, **settings: Any) -> Installation:
    """Makes an installation in an empty database."""
    key = base64.b64encode(ENTROPY.token_bytes(32)).decode()
    clock = FixedClock(SystemClock().now_ms())
    make_schema(database)
    with closing(Store(database)) as store, store.write() as work:
        record_fact(work, MASTER_KEY, key_id(base64.b64decode(key)))
        declare_original(work)
    runtime = _open(database, folder, key, clock, settings)
    with runtime.store.write() as work:
        create_system(work, clock.now_ms())
        tenant = create_tenant(work, "acme", ENTROPY, clock.now_ms(), is_default=True)
    for tenant_id in (SYSTEM_ID, tenant.id):
        runtime.keys.ensure(tenant_id)
    installation = Installation(runtime, clock, tenant.id, {})
    for role in ("reader", "writer", "manager"):
        installation.api_keys[role] = installation.new_api_key(tenant.id, role)
    installation.api_keys["operator"] = installation.new_api_key(SYSTEM_ID, "platform_operator")
    return installation


def _open(database: str, folder: Path, key: str, clock: FixedClock, settings: dict[str, Any]) -> Runtime:
    given = {"database": database, "data": folder, "master_key": key, "argon2_memory_kib": 64, "argon2_passes": 1}
    if settings:
        return open_runtime(Settings(**{**given, **settings}), clock=clock)
    return open_runtime(_usual_settings().model_copy(update={**given, "master_key": SecretStr(key)}), clock=clock)


@functools.cache
def _usual_settings() -> Settings:
    """Settings to copy: to read them from the environment costs as much as to open the store."""
    return Settings()


class InstallationTemplate:
    """An installation that was made once and is copied for tests: keys and schema cost more than most tests do."""

    def __init__(self, database: str, folder: Path) -> None:
        made = install(database, folder)
        made.runtime.close()
        master_key = made.runtime.settings.master_key
        assert master_key is not None
        self.original = Original(database)
        self._key = master_key.get_secret_value()
        self._now_ms = made.clock.now_ms()
        self._tenant_id = made.tenant_id
        self._api_keys = made.api_keys

    def copy_to(self, folder: Path) -> Installation:
        """A copy, with a clock of its own, whose files are in `folder`; on PostgreSQL the one before it is gone."""
        clock = FixedClock(self._now_ms)
        runtime = _open(self.original.anew(folder), folder, self._key, clock, {})
        return Installation(runtime, clock, self._tenant_id, dict(self._api_keys))
