"""`ostiary key`: the keys that sign tokens, and the one that seals secrets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_json
from ostiary.config import Settings
from ostiary.directory.tenants.tenants import get_tenant
from ostiary.ids import SystemEntropy
from ostiary.keys.keyring import SAML_ENCRYPT, SAML_SIGN, TOKEN, first_keys, new_key
from ostiary.keys.master_key import older_master_keys
from ostiary.keys.rewrap import rewrap
from ostiary.keys.rotation import announce_or_rotate, revoke, rotate
from ostiary.keys.sealing import new_master_key
from ostiary.store.tenancy import SYSTEM_ID

if TYPE_CHECKING:  # see ostiary.cli.operating
    from ostiary.runtime import Runtime


@click.group("key")
def command() -> None:
    """Signing keys (one set a tenant, and the platform's) and the master key that seals them in the store."""


@command.command("rotate")
@click.argument("tenant", default="platform")
@click.option(
    "--revoke", "leaked", is_flag=True, help="Throw the old keys away, and with them every token they signed."
)
@click.option("--now", is_flag=True, help="Also when caches may not know the next key yet.")
@with_settings(*STORE)
@as_json
def rotate_(settings: Settings, tenant: str, leaked: bool, now: bool, as_json: bool) -> None:
    """Signs with the next key from the next request on, and makes another next one. TENANT is an id, a name, or
    `platform` (the default) for the keys of platform tokens.

    Tokens that are out stay good: the retired key is published until the last of them has ended. A second rotation
    within five minutes is refused, since caches may hold a key set without the key that would sign. For a key that
    leaked, add --revoke, which waits for nothing.

    \b
    Examples
      ostiary key rotate acme
      ostiary key rotate platform --revoke --json | jq -r .kid
    """
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            tenant_id = SYSTEM_ID if tenant == "platform" else get_tenant(work, tenant).id
        kid = (_revoke if leaked else partial(_rotate, at_once=now))(runtime, tenant_id)
    if as_json:
        print_json({"tenantId": tenant_id, "kid": kid})
    else:
        click.echo(f"Signs now: {kid}")


def _rotate(runtime: Runtime, tenant_id: str, *, at_once: bool) -> str:
    runtime.keys.ensure(tenant_id)
    fresh = new_key(runtime.sealing, tenant_id, TOKEN, runtime.clock.now_ms(), "next")  # slow: outside the transaction
    with runtime.store.write() as work:
        kid = rotate(work, fresh, runtime.clock.now_ms(), at_once=at_once)
        recorded(runtime, work, "key.rotate", tenant_id, kid)
        return kid


def _revoke(runtime: Runtime, tenant_id: str) -> str:
    fresh = first_keys(runtime.sealing, tenant_id, TOKEN, runtime.clock.now_ms())
    with runtime.store.write() as work:
        kid = revoke(work, fresh)
        recorded(runtime, work, "key.revoke", tenant_id, kid)
        return kid


@command.command("rotate-saml")
@click.argument("tenant")
@with_settings(*STORE)
@as_json
def rotate_saml_(settings: Settings, tenant: str, as_json: bool) -> None:
    """Changes the keys with which a tenant signs requests to its SAML identity provider, and to which that encrypts
    assertions, in two runs. TENANT is an id or a name.

    The first run makes new keys: the metadata of the tenant hold both certificates from then on, and nothing else
    changes. Give the metadata to the identity provider. The second run takes the new keys into use. What is encrypted
    to the old certificate is read for another 90 days.

    \b
    Examples
      ostiary key rotate-saml acme
      ostiary key rotate-saml acme --json | jq -r .state
    """
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            tenant_id = get_tenant(work, tenant).id
        in_use = _rotate_saml(runtime, tenant_id)
    if as_json:
        print_json({"tenantId": tenant_id, "state": "in use" if in_use else "announced"})
    else:
        click.echo(_IN_USE if in_use else _ANNOUNCED)


_ANNOUNCED = "The metadata hold new certificates, too: give them to the identity provider, and run this once more."
_IN_USE = "The new keys are in use; the metadata hold only their certificates."


def _rotate_saml(runtime: Runtime, tenant_id: str) -> bool:
    now_ms = runtime.clock.now_ms()
    # Slow, so outside the transaction.
    fresh = [new_key(runtime.sealing, tenant_id, use, now_ms, "next") for use in (SAML_SIGN, SAML_ENCRYPT)]
    with runtime.store.write() as work:
        in_use = announce_or_rotate(work, fresh, now_ms)
        recorded(runtime, work, "key.rotate", tenant_id, "saml")
        return in_use


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
    with operating(settings) as runtime, runtime.store.write() as work:
        count = rewrap(work, runtime.sealing)
        recorded(runtime, work, "key.rewrap", SYSTEM_ID, runtime.sealing.key_id)
    if as_json:
        print_json({"keyId": runtime.sealing.key_id, "sealed": count})
    else:
        click.echo(f"{count} secrets are now sealed under the master key {runtime.sealing.key_id}.")
