"""Settings: what a reader gets cannot be changed, and what a servicer changes is a copy."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from kit.servers.installation import ENTROPY
from kit.stored.rows import TENANT

import ostiary
from ostiary.clock import SystemClock
from ostiary.errors import DomainError
from ostiary.keys.sealing import Sealing
from ostiary.mfa.settings import MFA_EXTENSIONS
from ostiary.oauth.token.settings import TOKENS, TokenSettings
from ostiary.settings.setting import Setting
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work
from ostiary.upstream.social import SOCIAL
from ostiary_api.appid.management.v4.mfa_pb2 import StoredMfaExtension
from ostiary_api.appid.management.v4.tokens_pb2 import TokensConfig

TIMES = 8
PLAIN = frozenset({bool, float, int, str, type(None)})


def settings() -> Iterator[Setting[Any, Any]]:
    """Every setting of the source, whether it is alone in its module or one of several by name."""
    for module in pkgutil.walk_packages(ostiary.__path__, "ostiary."):
        if not module.name.startswith(("ostiary.store.migrations", "ostiary.__main__", "ostiary.openapi.__main__")):
            for found in vars(importlib.import_module(module.name)).values():
                yield from (one for one in among(found) if isinstance(one, Setting))


def among(found: Any) -> Iterator[Any]:
    yield from found.values() if isinstance(found, dict) else (found,)


SETTINGS = {setting.name: setting for setting in settings()}


def test_every_setting_is_found() -> None:
    assert {"tokens", "cloud_directory", "saml", "google", "mfa_premfa", "theme_color"} <= SETTINGS.keys()


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_value_of_a_setting_is_immutable_through_and_through(name: str) -> None:
    assert list(mutable(type(SETTINGS[name].value_of(SETTINGS[name].default_document())))) == []


def mutable(kind: Any) -> Iterator[Any]:
    """The types below a value's type that its reader could change."""
    if dataclasses.is_dataclass(kind):
        if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            yield kind
        for hint in get_type_hints(kind).values():
            yield from mutable(hint)
    elif get_origin(kind) in (tuple, frozenset, types.UnionType):
        for part in get_args(kind):
            yield from mutable(part) if part is not Ellipsis else ()
    elif kind not in PLAIN and kind is not tuple:
        yield kind


@dataclasses.dataclass
class Open:
    part: list[str]


@dataclasses.dataclass(frozen=True)
class Half:
    parts: tuple[Open | None, ...]
    by_name: dict[str, str]


def test_what_would_be_mutable_is_noticed() -> None:
    assert list(mutable(Half)) == [Open, list[str], dict[str, str]]


@pytest.fixture
def tenancy() -> Tenancy:
    return Tenancy(SystemClock())


def view(tenancy: Tenancy, work: Work) -> TenantView:
    found = tenancy.find(work, TENANT)
    assert found is not None
    return found


def test_a_reader_cannot_change_what_others_read(store: Store, tenancy: Tenancy) -> None:
    with store.read() as work:
        read = TOKENS.read(work, view(tenancy, work))
        with pytest.raises(dataclasses.FrozenInstanceError):
            read.refresh_enabled = True  # type: ignore[misc]
        assert TOKENS.read(work, view(tenancy, work)) is read, "decoded once under each generation"


@pytest.mark.parametrize("stored", [False, True])
def test_a_servicer_that_changes_its_document_changes_nothing_else(
    store: Store, tenancy: Tenancy, stored: bool
) -> None:  # fmt: skip
    if stored:
        with store.write() as work:
            document = TOKENS.default_document()
            document.refresh.enabled = True
            TOKENS.replace(work, TENANT, document, 1)
    with store.read() as work:
        tenant = view(tenancy, work)
        for take in (
            lambda: TOKENS.document(work, tenant), lambda: TOKENS.load_document(work, TENANT), TOKENS.default_document,
        ):  # fmt: skip
            before = take().SerializeToString()
            spoilt = take()
            spoilt.access.expires_in = 1
            spoilt.id_token_claims.add(source="roles")
            assert take().SerializeToString() == before
        assert TOKENS.read(work, tenant) == TokenSettings(3_600, stored, 2_592_000, False, 2_592_000, (), ())


def test_the_default_with_secrets_is_a_copy_too(store: Store) -> None:
    setting, sealing = SOCIAL["google"], Sealing(ENTROPY, b"k" * 32)
    with store.read() as work:
        setting.opened_document(work, sealing, TENANT).config.secret = "changed"
        assert not setting.opened(work, sealing, TENANT).secret


def test_a_change_is_decoded_anew_and_the_value_before_stays_as_it_was(store: Store, tenancy: Tenancy) -> None:
    with store.read() as work:
        before = TOKENS.read(work, view(tenancy, work))
    with store.write() as work:
        document = TOKENS.load_document(work, TENANT)
        document.access.expires_in = 300
        mapping = {"source": "attributes", "source_claim": "a.b"}
        document.access_token_claims.add(**mapping)
        TOKENS.replace(work, TENANT, document, 1)
        document.access_token_claims[0].source = "roles"  # after it was stored: of no effect
    with store.read() as work:
        after = TOKENS.read(work, view(tenancy, work))
    assert (before.access_lifetime_s, after.access_lifetime_s) == (3_600, 300)
    assert [(one.source, one.destination) for one in after.access_claims] == [("attributes", "a.b")]


def at_once(store: Store, change: Callable[[Work], object]) -> None:
    def run(_: int) -> None:
        with store.write() as work:
            change(work)

    with ThreadPoolExecutor(TIMES) as threads:
        list(threads.map(run, range(TIMES)))


def test_of_changes_at_once_none_is_lost(store: Store) -> None:
    def more(document: TokensConfig) -> None:
        document.id_token_claims.add(source="roles")

    at_once(store, lambda work: TOKENS.change(work, TENANT, more, 1))
    with store.read() as work:
        assert len(TOKENS.load(work, TENANT).identity_claims) == TIMES


def test_of_changes_at_once_to_a_setting_with_secrets_none_is_lost(store: Store) -> None:
    setting, sealing = MFA_EXTENSIONS["premfa"], Sealing(ENTROPY, b"k" * 32)

    def more(document: StoredMfaExtension) -> None:
        document.url += "x"
        document.headers = json.dumps({**json.loads(document.headers or "{}"), document.url: "y"})

    at_once(store, lambda work: setting.change_sealed(work, sealing, ENTROPY, TENANT, more, 1))
    with store.read() as work:
        stored = setting.opened(work, sealing, TENANT)
        assert (stored.url, len(stored.headers)) == ("x" * TIMES, TIMES)
        assert setting.load(work, TENANT).headers == (), "the headers are a secret"


def test_an_edit_that_is_refused_stores_nothing(store: Store) -> None:
    def no_claim(document: TokensConfig) -> None:
        document.access_token_claims.add(source="attributes")

    with pytest.raises(DomainError, match="sourceClaim"), store.write() as work:
        TOKENS.change(work, TENANT, no_claim, 1)
    with store.read() as work:
        assert TOKENS.load(work, TENANT).access_claims == ()
