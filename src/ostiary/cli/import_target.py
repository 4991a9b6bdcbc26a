"""This installation as the target of `ostiary import`: one of its tenants, written through the running server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import click

from ostiary.access.api_keys import create_api_key, revoke_api_key
from ostiary.cli.operating import operating, recorded
from ostiary.config import Settings
from ostiary.directory.tenants.tenants import create_tenant, get_tenant
from ostiary.errors import DomainError
from ostiary.migrating.copying import is_masked
from ostiary.migrating.management import Json, ManagementApi
from ostiary.migrating.target import Target
from ostiary.oauth.clients.clients import OwnSettings, check_client_id, create_client
from ostiary.store.tables import Client, Tenant
from ostiary.store.work import Work

if TYPE_CHECKING:  # see ostiary.cli.operating
    from ostiary.runtime import Runtime

KEY_NAME = "ostiary import"


@contextmanager
def local_target(settings: Settings, source: ManagementApi, named: str, *, dry_run: bool) -> Iterator[Target]:
    """The tenant `named`, else the one with the source's id, else a new one with that id; and an API key of it, for as
    long as the copy takes. In a dry run nothing is made but the key, and without a tenant not even that."""
    _check_running(settings.base_url)
    with operating(settings) as runtime:
        tenant_id = _tenant(runtime, source, named, dry_run=dry_run)
        if not tenant_id:
            yield Target(None, lambda application: application)
            return
        with _api_key(runtime, tenant_id) as secret:
            api = ManagementApi(f"{settings.base_url}/management/v4/{tenant_id}", secret)
            try:
                yield Target(api, partial(_make_application, runtime, tenant_id))
            finally:
                api.close()


def _check_running(url: str) -> None:
    """Checks that the server runs, before anything is created in the store: the copy is written through the server."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)), 5).close()
    except OSError as error:
        message = f"the server of this installation does not answer at {url}: start `ostiary serve` ({error.strerror})"
        raise click.ClickException(message) from error


def _tenant(runtime: Runtime, source: ManagementApi, named: str, *, dry_run: bool) -> str:
    """The tenant's id; empty when a dry run would have to make it."""
    if not named and source.origin == runtime.settings.base_url:
        raise click.UsageError("the source is this installation itself: name another tenant with --tenant")
    name = named or f"appid-{source.tenant_id[:8]}"
    with runtime.store.read() as work:
        wanted = [named] if named else [source.tenant_id, name]
        found = next(filter(None, (_find(work, each) for each in wanted)), None)
    if found is not None or dry_run:
        return found.id if found is not None else ""
    with runtime.store.write() as work:
        tenant_id = _kept(work, source.tenant_id)
        tenant = create_tenant(work, name, runtime.entropy, runtime.clock.now_ms(), tenant_id=tenant_id)
        recorded(runtime, work, "tenant.create", tenant.id)
        made = tenant.id
    runtime.keys.ensure(made)
    return made


def _find(work: Work, named: str) -> Tenant | None:
    try:
        return get_tenant(work, named)
    except DomainError:
        return None


def _kept(work: Work, identifier: str) -> str:
    """Returns an id of the source, if it is a GUID and is not and never was in use here; else empty."""
    try:
        kept = str(UUID(identifier))
    except ValueError:
        return ""
    return kept if kept == identifier and work.get(Tenant, kept) is None else ""


def _kept_client_id(work: Work, tenant_id: str, client_id: str) -> str:
    """Returns the client id of the source, if no other application of the tenant has it; else empty."""
    try:
        taken = work.get(Client, (tenant_id, check_client_id(client_id))) is not None
    except DomainError:
        return ""
    return "" if taken else client_id


@contextmanager
def _api_key(runtime: Runtime, tenant_id: str) -> Iterator[str]:
    with runtime.store.write() as work:
        now_ms = runtime.clock.now_ms()
        key, secret = create_api_key(work, tenant_id, KEY_NAME, "manager", runtime.entropy, now_ms)
        recorded(runtime, work, "apikey.create", tenant_id, key.id)
        key_id = key.id
    try:
        yield secret
    finally:
        with runtime.store.write() as work:
            revoke_api_key(work, tenant_id, key_id, runtime.clock.now_ms())
            recorded(runtime, work, "apikey.revoke", tenant_id, key_id)


def _own_settings(application: Json) -> OwnSettings:
    """Settings that some servers keep with each application; App ID keeps them with the tenant."""
    uris, logout_uris = application.get("redirectUris"), application.get("logoutRedirectUris")
    return OwnSettings(
        None if uris is None else tuple(uris),
        None if logout_uris is None else tuple(logout_uris),
        application.get("accessTokenLifetime"),
        application.get("refreshTokenLifetime"),
    )


def _make_application(runtime: Runtime, tenant_id: str, application: Json) -> Json:
    """An application with the client id and secret that it had, so that it needs no change but the server's address."""
    given = str(application.get("secret") or "")
    with runtime.store.write() as work:
        client, secret = create_client(
            work, runtime.sealing, runtime.entropy, tenant_id, str(application.get("name")),
            str(application.get("type")), runtime.clock.now_ms(),
            client_id=_kept_client_id(work, tenant_id, str(application.get("clientId"))),
            secret="" if is_masked(given) else given, own=_own_settings(application),
        )  # fmt: skip
        recorded(runtime, work, "application.import", tenant_id, client.id)
        return {"clientId": client.id, "name": client.name, "type": client.type, "secret": secret}
