"""Backup and restore, on both databases with their own tools: what was revoked since the backup stays dead."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf import json_format
from kit.callers import Caller, bearer, refusal
from kit.scim import find
from kit.servers.command import ostiary_here
from kit.servers.installation import ENTROPY
from kit.servers.place import Place
from sqlalchemy import select, update

from ostiary.clock import SystemClock
from ostiary.delivery.action_urls import ACTION_URLS
from ostiary.delivery.channels.email_dispatcher import EMAIL_DISPATCHER
from ostiary.directory.factors.ceremonies import Created
from ostiary.directory.factors.factors import (
    TOTP,
    NewFactor,
    add_factor,
    list_factors,
    remove_factor,
    secret_of,
    use_factor,
)
from ostiary.directory.factors.passkeys import add_passkey, list_passkeys
from ostiary.directory.factors.recovery_codes import new_recovery_codes, use_recovery_code
from ostiary.directory.signin.rate_limits import RATE_LIMITS
from ostiary.ids import SystemEntropy, new_id
from ostiary.mfa.settings import MFA
from ostiary.oauth.clients.redirect_uris import REDIRECT_URIS
from ostiary.settings.setting import Setting
from ostiary.store.copies import CopyError
from ostiary.store.replay import use_once
from ostiary.store.tables import (
    Client,
    Grant,
    OrganizationRole,
    Password,
    RoleBinding,
    Session,
    SignInTransaction,
    User,
    table_of,
)
from ostiary.upstream.custom import CUSTOM
from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub

LATER = 4_000_000_000_000


@pytest.fixture
def place(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    server = None if database.startswith("sqlite") else request.getfixturevalue("postgres")
    return Place(database, tmp_path, server)


@pytest.fixture
def made(place: Place) -> dict[str, str]:
    """The credentials of a fresh installation."""
    credentials: dict[str, str] = place.run("init", "--json").json()
    return credentials


def ask(caller: Caller, token: str) -> grpc.StatusCode:
    request = pb.GetTokensConfigRequest(tenant_id=caller.installation.tenant_id)
    return refusal(lambda: TokensServiceStub(caller.channel).GetTokensConfig(request, **bearer(token)))[0]


def exchange(caller: Caller, api_key: str) -> bool:
    taken = refusal(lambda: caller.token(api_key))[0]
    return taken is grpc.StatusCode.OK and ask(caller, caller.token(api_key)) is taken


def scim_token(place: Place, *arguments: str) -> dict[str, str]:
    return dict(place.run("scim-token", *arguments, "--tenant", "default", "--json").json())


def opens_scim(caller: Caller, token: dict[str, str]) -> bool:
    return refusal(lambda: find(caller, bearer(token["value"])))[0] is grpc.StatusCode.OK


def person(place: Place, tenant_id: str, name: str, hash: str) -> str:
    user_id = new_id(SystemEntropy())
    with place.store() as store, store.write() as work:
        work.add(User(id=user_id, tenant_id=tenant_id, user_name=name, user_name_key=name, created_at=1, modified_at=1))
        work.add(
            Password(tenant_id=tenant_id, user_id=user_id, hash=hash, changed_at=1),
            RoleBinding(tenant_id=tenant_id, holder_id=user_id, holder_type="User", role="org_owner", created_at=1),
            Session(id=new_id(SystemEntropy()), tenant_id=tenant_id, kind="browser", user_id=user_id, auth_time=1,
                    created_at=1, last_seen_at=1, expires_at=LATER),
            Grant(id=new_id(SystemEntropy()), tenant_id=tenant_id, kind="rotating", audience="appid", subject=user_id,
                  auth_time=1, created_at=1, expires_at=LATER),
            SignInTransaction(id=new_id(SystemEntropy()), tenant_id=tenant_id, subject=user_id, version=1,
                              expires_at=LATER),
        )  # fmt: skip
    return user_id


def test_what_was_revoked_since_the_backup_stays_dead(place: Place, made: dict[str, str]) -> None:
    tenant_id = made["tenantId"]
    other = place.run("apikey", "create", "default", "--json").json()
    old, rotated = (scim_token(place, "create", "--name", name) for name in ("old", "rotated"))
    place.run("tenant", "create", "paused")
    place.run("tenant", "create", "gone")
    left, stays = person(place, tenant_id, "left", "old"), person(place, tenant_id, "stays", "old")
    with place.serving(tenant_id) as caller:
        token = caller.token(made["apikey"])
        assert ask(caller, token) is grpc.StatusCode.OK
    place.back_up()

    place.run("apikey", "revoke", "default", other["id"])
    scim_token(place, "revoke", old["id"])
    renewed = scim_token(place, "rotate", rotated["id"], "--overlap-hours", "0")
    place.run("tenant", "disable", "paused")
    place.run("tenant", "delete", "gone", "--yes")
    users, passwords, members = table_of(User), table_of(Password), table_of(RoleBinding)
    with place.store() as store, store.write() as work:
        work.run(update(users).where(users.c.id == left).values(active=False))
        work.run(update(passwords).where(passwords.c.user_id == stays).values(hash="new", changed_at=2))
        work.run(members.delete().where(members.c.holder_id == stays))
        work.run(update(table_of(Client)).values(secret_digest="changed"))

    restored = place.put_back()
    assert restored.code == 0, restored.stderr
    assert set(restored.json()["carriedOver"]) == {
        "api_keys", "clients", "passwords", "role_bindings", "scim_tokens", "tenants", "users"
    }  # fmt: skip
    with place.serving(tenant_id) as caller:
        assert ask(caller, token) is grpc.StatusCode.UNAUTHENTICATED, "no token of before the restoration is alive"
        assert exchange(caller, made["apikey"]), "what was not revoked works"
        assert not exchange(caller, other["apikey"])
        assert [opens_scim(caller, each) for each in (old, rotated, renewed)] == [False, False, True]
    states = {tenant["name"]: tenant["state"] for tenant in place.run("tenant", "list", "--deleted", "--json").json()}
    assert states == {"System": "enabled", "default": "enabled", "paused": "disabled", "gone": "deleting"}
    assert place.rows(User, "user_name", "active") == [("left", False), ("stays", True)]
    assert place.rows(Password, "user_id", "hash") == sorted([(left, "old"), (stays, "new")])
    assert place.rows(RoleBinding, "holder_id") == [(left,)]
    assert place.rows(Client, "secret_digest") == [("changed",)]
    assert place.rows(Session, "id") == place.rows(Grant, "id") == place.rows(SignInTransaction, "id") == []


def test_roles_and_bindings_that_were_narrowed_since_the_backup_stay_narrow(place: Place, made: dict[str, str]) -> None:
    def binding(holder: str, expires_at: int | None) -> RoleBinding:
        return RoleBinding(
            tenant_id=made["tenantId"], holder_id=holder, holder_type="Group", role="auditor", created_at=1,
            expires_at=expires_at,
        )  # fmt: skip

    def role(name: str, permissions: str) -> OrganizationRole:
        return OrganizationRole(
            id=name, tenant_id=made["tenantId"], name=name, name_key=name, display_name=name, permissions=permissions,
            created_at=1, modified_at=1,
        )  # fmt: skip

    before = {"ended": None, "ends": None, "longer": 10, "shorter": 20, "same": 10}
    since = {"ends": 10, "longer": 20, "shorter": 10, "same": 10}
    with place.store() as store, store.write() as work:
        work.add(*(binding(name, end) for name, end in before.items()))
        work.add(role("kept", "tenant.read tenant.change"), role("gone", "tenant.read"))
    place.back_up()
    roles, bindings = table_of(OrganizationRole), table_of(RoleBinding)
    with place.store() as store, store.write() as work:
        work.run(bindings.delete().where(bindings.c.holder_id == "ended"))
        for name, end in since.items():
            work.run(update(bindings).where(bindings.c.holder_id == name).values(expires_at=end))
        work.run(roles.delete().where(roles.c.id == "gone"))
        work.run(update(roles).values(permissions="organization.read tenant.read"))
    restored = place.put_back()
    assert restored.code == 0, restored.stderr
    assert place.rows(RoleBinding, "holder_id", "expires_at") == [
        ("ends", 10), ("longer", 10), ("same", 10), ("shorter", 10),
    ]  # fmt: skip
    assert place.rows(OrganizationRole, "id", "permissions") == [("kept", "tenant.read")]


def test_what_was_used_once_stays_used(place: Place, made: dict[str, str]) -> None:
    def use(name: str) -> bool:
        with place.store() as store, store.write() as work:
            return use_once(work, made["tenantId"], "assertion", name, LATER)

    assert use("before")
    place.back_up()
    assert use("since")
    assert place.put_back().code == 0
    assert [use("before"), use("since"), use("new")] == [False, False, True]


def test_factors_are_as_they_were_in_the_replaced_store(place: Place, made: dict[str, str]) -> None:
    tenant_id, now_ms = made["tenantId"], SystemClock().now_ms()
    ann, made_here = person(place, tenant_id, "ann", "old"), Created("id", "key", -7, 0, True, False, "usb")
    with place.serving(tenant_id) as caller:
        runtime = caller.installation.runtime
        with runtime.store.write() as work:
            lost, kept = (
                add_factor(work, runtime.sealing, tenant_id, ann, NewFactor(TOTP, secret=secret), ENTROPY, now_ms)
                for secret in ("lost", "kept")
            )
            paper, codes = new_recovery_codes(work, runtime.sealing, tenant_id, ann, SystemEntropy(), now_ms)
    place.back_up()
    with place.serving(tenant_id) as caller:
        runtime = caller.installation.runtime
        with runtime.store.write() as work:
            remove_factor(work, tenant_id, ann, lost)
            assert use_factor(work, tenant_id, ann, kept, now_ms, counter=7)
            assert use_recovery_code(work, runtime.sealing, tenant_id, ann, codes[0], now_ms)
            added = add_passkey(work, runtime.sealing, tenant_id, ann, made_here, "new", ENTROPY, now_ms)
    restored = place.put_back()
    assert restored.json()["carriedOver"]["factors"] == 5, "one gone, two used, and one that is a factor and a passkey"
    with place.serving(tenant_id) as caller:
        runtime = caller.installation.runtime
        with runtime.store.write() as work:
            found = {factor.id: factor for factor in list_factors(work, tenant_id, ann)}
            assert found.keys() == {kept, paper, added}
            assert secret_of(runtime.sealing, tenant_id, found[kept]) == "kept"
            assert [one.factor_id for one in list_passkeys(work, tenant_id, ann)] == [added]
            assert not use_factor(work, tenant_id, ann, kept, now_ms, counter=7), "a proof that has counted"
            used = [use_recovery_code(work, runtime.sealing, tenant_id, ann, code, now_ms) for code in codes[:2]]
            assert used == [False, True]


def test_what_settings_no_longer_let_in_stays_out(place: Place, made: dict[str, str]) -> None:
    tenant_id = made["tenantId"]
    kept, removed, added = (f"https://{name}.example/cb" for name in ("kept", "removed", "added"))
    key, other_key = (public(rsa.generate_private_key(65537, 2048)) for _ in range(2))
    page, dispatcher = {"on_user_verified": "https://old.example"}, {"url": "https://old.example"}

    def put(setting: Setting[Any, Any], document: dict[str, Any]) -> None:
        message = json_format.ParseDict(document, type(setting.default_document())())
        with place.store() as store, store.write() as work:
            setting.replace(work, tenant_id, message, 1)

    def custom(key: str) -> dict[str, Any]:
        return {"isActive": True, "config": {"publicKey": key}}

    put(REDIRECT_URIS, {"redirectUris": [kept, removed]})
    put(CUSTOM, custom(key))
    put(ACTION_URLS, page)
    put(EMAIL_DISPATCHER, {"provider": "custom", "custom": {**dispatcher, "authorization": {"type": "none"}}})
    put(RATE_LIMITS, {"signInLimitPerMinute": 7, "signUpLimitPerMinute": 0})
    place.back_up()
    put(REDIRECT_URIS, {"redirectUris": [kept, added]})
    put(CUSTOM, custom(other_key))
    put(ACTION_URLS, {"on_user_verified": "https://new.example"})
    put(EMAIL_DISPATCHER, {"provider": "appid"})
    put(MFA, {"isActive": True})
    put(RATE_LIMITS, {"signInLimitPerMinute": 9, "signUpLimitPerMinute": 0})

    restored = place.put_back()
    assert restored.code == 0, restored.stderr
    assert restored.json()["carriedOver"] == {"settings": 5}
    with place.store() as store, store.read() as work:
        assert REDIRECT_URIS.load(work, tenant_id) == (kept,)
        assert not CUSTOM.load(work, tenant_id).is_active
        assert not ACTION_URLS.load(work, tenant_id).on_user_verified
        assert EMAIL_DISPATCHER.load(work, tenant_id).provider == "appid"
        assert MFA.load(work, tenant_id)
        assert RATE_LIMITS.load(work, tenant_id).sign_ins_per_minute == 7, "what lets nobody in is the backup's"


def public(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_no_server_starts_on_a_copy_until_it_is_settled(place: Place, made: dict[str, str]) -> None:
    place.back_up()
    place.put_back_unsettled()
    with pytest.raises(CopyError, match="ostiary restore"), place.serving(made["tenantId"]):
        pass
    refused = place.run("tenant", "list")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert place.run("restore", "--since", "moved").code == 0
    assert place.run("tenant", "list").code == 0


def test_without_the_replaced_store_somebody_must_say_what_to_trust(place: Place, made: dict[str, str]) -> None:
    place.back_up()
    place.put_back_unsettled()
    refused = place.run("restore")
    assert (refused.code, refused.stderr.count("\n")) == (2, 1)
    assert "--since" in refused.stderr
    assert place.run("restore", "--since", "revoke-api-keys").code == 0
    with place.serving(made["tenantId"]) as caller:
        assert not exchange(caller, made["apikey"])
        assert not exchange(caller, made["operatorApikey"])


def test_a_store_of_another_installation_is_no_help(place: Place, made: dict[str, str], tmp_path: Path) -> None:
    del made
    place.back_up()
    place.put_back_unsettled()
    foreign = f"sqlite:///{tmp_path}/foreign/ostiary.sqlite3"
    assert ostiary_here("init", cwd=tmp_path, OSTIARY_DATABASE=foreign).code == 0
    refused = place.run("restore", "--replaced", foreign)
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert "does not belong" in refused.stderr


class TestEmbedded:
    """What concerns the embedded store only."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(f"sqlite:///{tmp_path}/ostiary.sqlite3", tmp_path, None)

    def test_a_backup_is_private_and_overwrites_nothing(self, place: Place, made: dict[str, str]) -> None:
        del made
        place.back_up()
        assert (place.folder / "store.backup").stat().st_mode & 0o777 == 0o600
        before = (place.folder / "store.backup").read_bytes()
        refused = place.run("backup", "store.backup")
        assert (refused.code, refused.stderr.count("\n")) == (1, 1)
        assert (place.folder / "store.backup").read_bytes() == before
        assert sorted(path.name for path in place.folder.glob("store*")) == ["store.backup"]

    def test_a_backup_holds_what_was_committed_and_waits_for_no_writer(
        self, place: Place, made: dict[str, str]
    ) -> None:
        with place.store() as store, store.read() as held:  # a server's connection: the journal is not taken in
            held.rows(select(table_of(Client)))
            with store.write() as work:
                work.run(update(table_of(Client)).values(name="committed"))
            with contextlib.suppress(InterruptedError), store.write() as work:
                work.run(update(table_of(Client)).values(name="not committed"))
                place.back_up()
                raise InterruptedError
        assert place.put_back().code == 0
        assert place.rows(Client, "id", "name") == [(made["clientId"], "committed")]

    def test_a_store_in_use_is_not_replaced(self, place: Place, made: dict[str, str]) -> None:
        place.back_up()
        with place.serving(made["tenantId"]) as caller:
            assert exchange(caller, made["apikey"])
            refused = place.put_back()
            assert (refused.code, refused.stdout) == (1, "")
            assert "stop every server first" in refused.stderr
            assert exchange(caller, made["apikey"])
        assert place.put_back().code == 0
        assert len(list(place.folder.glob("ostiary.sqlite3.replaced-*"))) == 1, "the replaced store is kept"
        assert list(place.folder.glob("*.restoring*")) == []

    def test_what_is_said_is_what_was_done(self, place: Place, made: dict[str, str]) -> None:
        del made
        said = {}
        scim_token(place, "create", "--name", "Entra")
        for since in ("carry-over", "revoke-api-keys", "keep-api-keys", "moved"):
            (place.folder / "store.backup").unlink(missing_ok=True)
            place.back_up()
            said[since] = place.run("restore", "store.backup", "--since", since).stdout
        assert "people sign in again" not in said["moved"]
        assert "Nothing was ended" in said["moved"]
        assert all("people sign in again" in text for since, text in said.items() if since != "moved")
        assert "No API key works" in said["revoke-api-keys"]
        assert "2 of api_keys were revoked now" in said["revoke-api-keys"]
        assert "1 of scim_tokens were revoked now" in said["revoke-api-keys"]
        assert "All API keys and SCIM tokens of the backup work" in said["keep-api-keys"]

    @pytest.mark.parametrize("content", [b"", b"not a database at all" * 400])
    def test_what_is_no_backup_changes_nothing(self, place: Place, made: dict[str, str], content: bytes) -> None:
        del made
        (place.folder / "store.backup").write_bytes(content)
        refused = place.put_back()
        assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert place.run("tenant", "list").code == 0
        assert list(place.folder.glob("*.restoring*")) == []

    def test_a_damaged_store_is_replaced_when_somebody_says_what_to_trust(
        self, place: Place, made: dict[str, str]
    ) -> None:
        place.back_up()
        (place.folder / "ostiary.sqlite3").write_bytes(b"x" * 8192)
        refused = place.put_back()
        assert (refused.code, refused.stderr.count("\n")) == (1, 1)
        assert place.put_back("--since", "keep-api-keys").code == 0
        with place.serving(made["tenantId"]) as caller:
            assert exchange(caller, made["apikey"])
