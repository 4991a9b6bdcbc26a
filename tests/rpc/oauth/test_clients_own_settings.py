"""Redirect URIs and lifetimes that a client has of its own, as one that was brought from another server may."""

from __future__ import annotations

import json

import pytest
from kit.browser import CALLBACK, Browser, redeem
from kit.oauth import Application, Runtime
from sqlalchemy import select

from ostiary.errors import DomainError
from ostiary.oauth.clients.clients import CONFIDENTIAL, NOTHING_OWN, OwnSettings, create_client, get_client
from ostiary.oauth.clients.sso import logout_redirect_uris_of
from ostiary.store.tables import Grant, table_of
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb

OWN = "https://own.example.com/callback"
GRANT = {"grant_type": "client_credentials"}


def brought(runtime: Runtime, own: OwnSettings) -> Application:
    made = runtime.made.runtime
    with made.store.write() as work:
        client, secret = create_client(
            work, made.sealing, made.entropy, runtime.tenant_id, "brought", CONFIDENTIAL, runtime.made.clock.now_ms(),
            own=own,
        )  # fmt: skip
    return Application(runtime.tenant_id, client.id, secret)


def lives_s(runtime: Runtime, app: Application) -> int:
    """The lifetime of an access token, of which the answer and the token say the same."""
    answer = runtime.token(GRANT, app.basic)
    _, claims = runtime.verified(answer["access_token"])
    assert claims["exp"] - claims["iat"] == answer["expires_in"]
    return int(answer["expires_in"])


@pytest.mark.parametrize(
    ("own", "goes", "stays"),
    [
        (NOTHING_OWN, CALLBACK, OWN),
        (OwnSettings(redirect_uris=(OWN,)), OWN, CALLBACK),
        (OwnSettings(redirect_uris=("https://own.example.com/a/*", OWN)), "https://own.example.com/a/b", CALLBACK),
    ],
)
def test_a_browser_is_sent_only_where_the_clients_own_uris_allow(
    runtime: Runtime, browser: Browser, own: OwnSettings, goes: str, stays: str
) -> None:
    app = brought(runtime, own)
    code = browser.sign_in(app, redirect_uri=goes)
    assert redeem(runtime, app, code, redirect_uri=goes)["id_token"]
    refused = browser.authorize(app, redirect_uri=stays)
    assert (refused.status, json.loads(refused.body)["error"]) == (400, "invalid_request")


def test_a_client_with_an_empty_list_of_its_own_sends_a_browser_nowhere(runtime: Runtime, browser: Browser) -> None:
    assert browser.authorize(brought(runtime, OwnSettings(redirect_uris=()))).status == 400


def test_the_lifetimes_of_a_client_are_its_own_and_else_the_tenants(runtime: Runtime) -> None:
    runtime.user()
    refresh = tokens_pb.RefreshTokenConfig(enabled=True, expires_in=100_000)
    runtime.settings(access=tokens_pb.AccessTokenConfig(expires_in=1_800), refresh=refresh)
    for own, access_s, refresh_s in (
        (NOTHING_OWN, 1_800, 100_000),
        (OwnSettings(access_lifetime_s=60), 60, 100_000),
        (OwnSettings(refresh_lifetime_s=600), 1_800, 600),
        (OwnSettings(access_lifetime_s=86_400, refresh_lifetime_s=7_776_000), 86_400, 7_776_000),
    ):
        app = brought(runtime, own)
        assert lives_s(runtime, app) == access_s
        tokens, grants = runtime.sign_in(app), table_of(Grant)
        assert tokens["expires_in"] == access_s
        assert runtime.refresh(app, tokens["refresh_token"])["expires_in"] == access_s
        with runtime.made.runtime.store.read() as work:
            row = work.row(select(grants.c.expires_at).where(grants.c.client_id == app.id))
        assert row is not None
        assert row.expires_at == runtime.made.clock.now_ms() + refresh_s * 1000


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (OwnSettings(redirect_uris=("*",)), "INVALID_REDIRECT_URI"),
        (OwnSettings(redirect_uris=("javascript:alert(1)",)), "INVALID_REDIRECT_URI"),
        (OwnSettings(logout_redirect_uris=("/relative",)), "INVALID_REDIRECT_URI"),
        (OwnSettings(redirect_uris=(OWN,) * 201), "TOO_MANY_REDIRECT_URIS"),
        (OwnSettings(access_lifetime_s=59), "EXPIRES_IN_OUT_OF_RANGE"),
        (OwnSettings(access_lifetime_s=86_401), "EXPIRES_IN_OUT_OF_RANGE"),
        (OwnSettings(refresh_lifetime_s=7_776_001), "EXPIRES_IN_OUT_OF_RANGE"),
    ],
)
def test_what_a_tenant_must_not_register_a_client_must_not_have_either(
    runtime: Runtime, own: OwnSettings, reason: str
) -> None:
    with pytest.raises(DomainError) as refused:
        brought(runtime, own)
    assert refused.value.reason == reason


def test_a_sign_out_leads_where_the_client_says_and_else_where_the_tenant_says(runtime: Runtime) -> None:
    made = runtime.made.runtime
    for own, uris in ((NOTHING_OWN, ()), (OwnSettings(logout_redirect_uris=(OWN,)), (OWN,))):
        app = brought(runtime, own)
        with made.store.read() as work:
            tenant = made.tenancy.find(work, runtime.tenant_id)
            assert tenant is not None
            assert logout_redirect_uris_of(work, tenant, get_client(work, tenant, app.id)) == uris
