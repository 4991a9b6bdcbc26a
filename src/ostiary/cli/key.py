"""`ostiary key`: the keys that sign tokens, and the one that seals secrets."""

from __future__ import annotations

import click

from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_json
from ostiary.config import Settings
from ostiary.directory.tenants import find_tenant
from ostiary.ids import SystemEntropy
from ostiary.keys.master_key import older_master_keys
from ostiary.keys.rewrap import rewrap
from ostiary.keys.rotation import rotate
from ostiary.keys.sealing import new_master_key
from ostiary.store.tenancy import SYSTEM_ID


@click.group("key", short_help="Rotate signing keys; seal everything under a new master key.")
def command() -> None:
    """Signing keys (one set a tenant, and the platform's) and the master key that seals them in the store."""


@command.command("rotate")
@click.argument("tenant", default="platform")
@click.option("--revoke", is_flag=True, help="Throw the old keys away, and with them every token they signed.")
@with_settings(*STORE)
@as_json
def rotate_(settings: Settings, tenant: str, revoke: bool, as_json: bool) -> None:
    """Signs with the next key from the next request on, and makes another next one. TENANT is an id, a name, or
    `platform` (the default) for the keys of platform tokens.

    Tokens that are out stay good: the retired key is published until the last of them has ended. For a key that
    leaked, add --revoke.
    """
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            tenant_id = SYSTEM_ID if tenant == "platform" else find_tenant(work, tenant).id
        kid = rotate(runtime.store, runtime.sealing, tenant_id, runtime.clock.now_ms(), revoke=revoke)
        with runtime.store.write() as work:
            recorded(runtime, work, "key.revoke" if revoke else "key.rotate", tenant_id, kid)
    if as_json:
        print_json({"tenantId": tenant_id, "kid": kid})
    else:
        click.echo(f"Signs now: {kid}")


@command.command("rewrap")
@with_settings(*STORE)
@as_json
def rewrap_(settings: Settings, as_json: bool) -> None:
    """Seals every secret of the store anew under the master key; the old one must be named beside it. A master key
    file that does not exist yet is made.

    \b
    With the server stopped
      mv var/master.key var/master.old.key
      ostiary key rewrap --old-master-key-file var/master.old.key
    \b
    Without stopping, on several replicas
      1. make the new key:     head -c 32 /dev/urandom | base64 > new.key; chmod 600 new.key
      2. restart each with     --master-key-file old.key --old-master-key-file new.key
      3. restart each with     --master-key-file new.key --old-master-key-file old.key
      4. run                   ostiary key rewrap --master-key-file new.key --old-master-key-file old.key
      5. restart each with     --master-key-file new.key
    Backups made before stay sealed under the old key: keep it as long as them.
    """
    if settings.master_key is None and not settings.key_file.exists() and older_master_keys(settings):
        new_master_key(settings.key_file, SystemEntropy())
    with operating(settings) as runtime:
        count = rewrap(runtime.store, runtime.sealing)
        with runtime.store.write() as work:
            recorded(runtime, work, "key.rewrap", SYSTEM_ID, runtime.sealing.key_id)
    if as_json:
        print_json({"keyId": runtime.sealing.key_id, "sealed": count})
    else:
        click.echo(f"{count} secrets are now sealed under the master key {runtime.sealing.key_id}.")
