"""Sealed values, the master key, and what tells a copy of a store from the original."""

from __future__ import annotations

import base64
import resource
from pathlib import Path

import pytest
from kit.servers.databases import PostgresServer, make_schema
from kit.servers.installation import ENTROPY, Installation
from sqlalchemy import text

from ostiary.config import Settings
from ostiary.keys.rewrap import rewrap, sealed_columns
from ostiary.keys.sealing import (
    MasterKeyError,
    SealBroken,
    SealedField,
    Sealing,
    decode_master_key,
    new_master_key,
    read_master_key,
)
from ostiary.oauth.clients.clients import CONFIDENTIAL, create_client, secret_place
from ostiary.runtime import open_runtime
from ostiary.store.copies import CopyError, check_original, declare_original
from ostiary.store.engine import Store
from ostiary.store.schema import SchemaError
from ostiary.store.tenancy import SYSTEM_ID

HERE = SealedField("tenant", "clients", "row", "sealed_secret")


def test_a_sealed_value_opens_in_its_place_only() -> None:
    sealing = Sealing(ENTROPY, b"k" * 32)
    sealed = sealing.seal(b"secret", HERE)
    assert sealing.open(sealed, HERE) == b"secret"
    elsewhere = [
        SealedField("other", "clients", "row", "sealed_secret"),
        SealedField("tenant", "signing_keys", "row", "sealed_secret"),
        SealedField("tenant", "clients", "other", "sealed_secret"),
        SealedField("tenant", "clients", "row", "name"),
    ]
    for place in elsewhere:
        with pytest.raises(SealBroken):
            sealing.open(sealed, place)


@pytest.mark.parametrize("change", ["", "1.x.y", "garbage", "flip", "2"])
def test_a_changed_value_does_not_open(change: str) -> None:
    sealing = Sealing(ENTROPY, b"k" * 32)
    version, key, body = sealing.seal(b"secret", HERE).split(".")
    flipped = body[:-6] + ("A" if body[-6] != "A" else "B") + body[-5:]
    changed = {"flip": f"{version}.{key}.{flipped}", "2": f"2.{key}.{body}"}.get(change, change)
    with pytest.raises(SealBroken):
        sealing.open(changed, HERE)


def test_a_value_of_another_master_key_does_not_open_and_of_an_older_one_does() -> None:
    old, new = b"o" * 32, b"n" * 32
    sealed = Sealing(ENTROPY, old).seal(b"secret", HERE)
    with pytest.raises(SealBroken):
        Sealing(ENTROPY, new).open(sealed, HERE)
    both = Sealing(ENTROPY, new, old)
    assert both.open(sealed, HERE) == b"secret"
    assert Sealing(ENTROPY, new).open(both.seal(b"secret", HERE), HERE) == b"secret"


def test_a_master_key_file_is_made_for_its_owner_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "new" / "master.key"
    key = new_master_key(path, ENTROPY)
    assert (path.stat().st_mode & 0o777, read_master_key(path)) == (0o600, key)
    with pytest.raises(FileExistsError):
        new_master_key(path, ENTROPY)
    assert read_master_key(path) == key


def test_of_a_master_key_that_the_disk_has_no_room_for_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(OSError, match="too large") as refused:
            new_master_key(path, ENTROPY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.value.filename == str(path)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_master_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    new_master_key(path, ENTROPY)
    path.chmod(mode)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        read_master_key(path)


@pytest.mark.parametrize(
    ("text", "says"), [("", "32 bytes"), ("%%%", "base64"), (base64.b64encode(b"x" * 16).decode(), "has 16")]
)
def test_what_is_no_master_key_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(MasterKeyError, match=says):
        decode_master_key(text)


def test_a_server_with_another_master_key_does_not_start(installation: Installation) -> None:
    settings = installation.runtime.settings
    other = Settings(
        database=settings.database, data=settings.data, master_key=base64.b64encode(b"x" * 32).decode()
    )  # fmt: skip
    with pytest.raises(MasterKeyError, match="not the one that seals this store") as refused:
        open_runtime(other)
    assert "\n" not in str(refused.value)


def test_a_server_does_not_start_on_an_empty_store(database: str, tmp_path: Path) -> None:
    make_schema(database)
    key = base64.b64encode(b"x" * 32).decode()
    with pytest.raises(SchemaError, match="ostiary init"):
        open_runtime(Settings(database=database, data=tmp_path, master_key=key))


def test_rewrapping_reaches_every_sealed_value_or_changes_none(installation: Installation) -> None:
    runtime, new = installation.runtime, b"n" * 32
    assert runtime.settings.master_key is not None
    old = base64.b64decode(runtime.settings.master_key.get_secret_value())
    with runtime.store.write() as work:
        client, secret = create_client(
            work, runtime.sealing, ENTROPY, installation.tenant_id, "app", CONFIDENTIAL, installation.clock.now_ms()
        )
        client_id = client.id
        _, foreign = create_client(
            work, runtime.sealing, ENTROPY, SYSTEM_ID, "app", CONFIDENTIAL, installation.clock.now_ms(),
            client_id=client_id,
        )  # fmt: skip

    def sealed(tenant_id: str = installation.tenant_id) -> str:
        with runtime.store.read() as work:
            row = work.row(text("SELECT sealed_secret FROM clients WHERE tenant_id = :of"), {"of": tenant_id})
        assert row is not None
        return str(row[0])

    before = sealed()
    with pytest.raises(SealBroken), runtime.store.write() as work:
        rewrap(work, Sealing(ENTROPY, new))
    assert sealed() == before
    with runtime.store.write() as work:
        assert rewrap(work, Sealing(ENTROPY, new, old)) == 6, "four signing keys, two secrets of clients with one id"
    place = secret_place(installation.tenant_id, client_id)
    assert Sealing(ENTROPY, new).open(sealed(), place).decode() == secret
    place = secret_place(SYSTEM_ID, client_id)
    assert Sealing(ENTROPY, new).open(sealed(SYSTEM_ID), place).decode() == foreign


def test_sealed_columns_stand_where_rewrapping_finds_them() -> None:
    found = {(table.name, column.name) for table, column in sealed_columns()}
    assert {("signing_keys", "sealed_private"), ("clients", "sealed_secret")} <= found
    for table, _ in sealed_columns():
        assert "tenant_id" in table.columns
        assert len([each for each in table.primary_key.columns if each.name != "tenant_id"]) == 1


@pytest.mark.parametrize("upkeep", ["VACUUM", "VACUUM FREEZE installation", "VACUUM FULL installation", "ANALYZE"])
def test_upkeep_of_postgresql_does_not_make_a_copy_of_the_original(postgres: PostgresServer, upkeep: str) -> None:
    url = postgres.new_database()
    make_schema(url)
    store = Store(url)
    with store.read() as work, pytest.raises(CopyError):
        check_original(work)
    with store.write() as work:
        declare_original(work)
    with store.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(upkeep))
    with store.read() as work:
        check_original(work)
    store.close()
