"""App ID management through the real gateway: documented paths, bodies and statuses, as curl and SDKs see them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kit.servers.served import Served, served
from PIL import Image

Json = dict[str, Any]
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("management"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def management(server: Served) -> Iterator[httpx.Client]:
    base = f"{server.url}/management/v4/{server.credentials['tenantId']}"
    with httpx.Client(base_url=base, headers=server.manager(), timeout=20) as client:
        yield client


DIRECTORY: Json = {
    "isActive": True,
    "config": {
        "selfServiceEnabled": True,
        "signupEnabled": False,
        "interactions": {
            "identityConfirmation": {"accessMode": "OFF", "methods": ["email"]},
            "welcomeEnabled": False,
            "resetPasswordEnabled": False,
            "resetPasswordNotificationEnable": True,
        },
        "identityField": "userName",
    },
}
RULE = {"base64_encoded_regex": "LipbYS16XS4q", "error_message": "One of a to z", "regex": ".*[a-z].*"}
LIMITS = {"signUpLimitPerMinute": 50, "signInLimitPerMinute": 60}
TOKENS: Json = {
    "idTokenClaims": [{"source": "roles"}],
    "accessTokenClaims": [{"source": "saml", "sourceClaim": "user_type", "destinationClaim": "type"}],
    "access": {"expires_in": 3600},
    "refresh": {"expires_in": 2592000, "enabled": True},
    "anonymousAccess": {"expires_in": 2592000, "enabled": False},
}


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("config/idps/cloud_directory", DIRECTORY, 200),
        ("config/tokens", TOKENS, 200),
        ("config/redirect_uris", {"redirectUris": ["https://example.com/oauth-callback"]}, 204),
        ("config/users_profile", {"isActive": False}, 204),
        ("config/capture_runtime_activity", {"isActive": True}, 204),
        ("config/cloud_directory/password_regex", RULE, 200),
        ("config/cloud_directory/rate_limit", LIMITS, 201),
    ],
)
def test_a_setting_is_put_with_its_documented_status_and_read_back_as_written(
    management: httpx.Client, path: str, document: Json, status: int
) -> None:
    put = management.put(path, json=document)
    assert (put.status_code, put.content if status == 204 else put.json()) == (
        status,
        b"" if status == 204 else document,
    )
    got = management.get(path)
    assert (got.status_code, got.json()) == (200, document)


def test_applications_and_roles_answer_as_documented(management: httpx.Client, server: Served) -> None:
    made = management.post("applications", json={"name": "Shop", "clientId": NOBODY, "unknown": 1})
    shop = made.json()
    issuer = f"{server.url}/oauth/v4/{server.credentials['tenantId']}"
    assert made.status_code == 200
    assert {name: shop[name] for name in ("name", "type", "oAuthServerUrl", "profilesUrl", "discoveryEndpoint")} == {
        "name": "Shop", "type": "regularwebapp", "oAuthServerUrl": issuer, "profilesUrl": server.url,
        "discoveryEndpoint": f"{issuer}/.well-known/openid-configuration",
    }  # fmt: skip
    path = f"applications/{shop['clientId']}"
    scopes = management.put(f"{path}/scopes", json={"scopes": ["read", "write"]})
    assert (scopes.status_code, scopes.json()) == (200, {"scopes": ["read", "write"]})
    renamed = management.put(path, json={"name": "Market"})
    assert (renamed.status_code, renamed.json()) == (201, {**shop, "name": "Market", "scopes": ["read", "write"]})
    assert renamed.json() in management.get("applications").json()["applications"]
    role = {"name": "Buyer", "description": "", "access": [{"application_id": shop["clientId"], "scopes": ["read"]}]}
    created = management.post("roles", json=role)
    assert (created.status_code, created.json()) == (201, {**role, "id": created.json()["id"]})
    taken = management.post("roles", json=role)
    assert (taken.status_code, taken.json()) == (
        409, {"errorCode": "ROLE_NAME_TAKEN", "message": "There is a role named Buyer already."}
    )  # fmt: skip
    role_path = f"roles/{created.json()['id']}"
    assert management.get(role_path).json() == created.json()
    held = management.put(f"{path}/roles", json={"roles": {"ids": [created.json()["id"]]}})
    assert (held.status_code, held.json()) == (200, {"roles": [{"id": created.json()["id"], "name": "Buyer"}]})
    deleted = management.delete(role_path)
    assert (deleted.status_code, deleted.json()) == (202, {})
    assert management.get(role_path).status_code == 404
    assert management.get(f"{path}/roles").json() == {"roles": []}
    gone = management.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    unknown = management.get(path)
    assert (unknown.status_code, unknown.json()["errorCode"]) == (404, "APPLICATION_NOT_FOUND")


def test_the_application_that_init_printed_is_there_with_its_secret(management: httpx.Client, server: Served) -> None:
    found = management.get(f"applications/{server.credentials['clientId']}").json()
    assert found["secret"] == server.credentials["secret"]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("config/users_profile", "{}", "IS_ACTIVE_MISSING"),
        ("config/redirect_uris", '{"redirectUris": ["data:text/html,x"]}', "INVALID_REDIRECT_URI"),
        ("config/cloud_directory/rate_limit", '{"signUpLimitPerMinute": -1, "signInLimitPerMinute": 1}',
         "RATE_LIMIT_OUT_OF_RANGE"),
        ("config/cloud_directory/password_regex", '{"regex": "(?=x)"}', "INVALID_REGEX"),
        ("config/tokens", '{"access": {"expires_in": 1}}', "EXPIRES_IN_OUT_OF_RANGE"),
        ("config/idps/cloud_directory", '{"isActive": true}', "CONFIG_MISSING"),
    ],
)  # fmt: skip
def test_a_bad_document_is_400_with_a_reason(management: httpx.Client, path: str, body: str, reason: str) -> None:
    refused = management.put(path, content=body, headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["errorCode"]) == (400, reason)
    assert refused.json().keys() == {"errorCode", "message"}


def test_a_foreign_tenant_is_the_vendors_plain_not_found(management: httpx.Client, server: Served) -> None:
    refused = management.get(f"{server.url}/management/v4/{NOBODY}/applications")
    assert (refused.status_code, refused.text) == (404, "Not Found")


def test_a_logo_is_uploaded_as_a_form_and_shown_to_everybody_as_nothing_but_a_picture(
    management: httpx.Client, server: Served
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    files = {"file": ("logo.html", out.getvalue(), "text/html")}
    posted = management.post("config/ui/media?mediaType=logo", files=files)
    assert (posted.status_code, posted.content) == (204, b"")
    image = management.get("config/ui/media").json()["image"]
    shown = httpx.get(image)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in shown.headers["content-security-policy"]
    refused = management.post("config/ui/media?mediaType=logo", files={"file": ("logo.png", b"<svg/>", "image/png")})
    assert (refused.status_code, refused.json()["errorCode"]) == (400, "INVALID_PICTURE")


def test_the_saml_metadata_is_xml(management: httpx.Client) -> None:
    answer = management.get("config/saml_metadata")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.text.startswith("<?xml")


def test_colours_may_be_posted_as_older_clients_do(management: httpx.Client) -> None:
    assert management.post("config/ui/theme_color", json={"headerColor": "#102030"}).status_code == 204
    assert management.get("config/ui").json()["headerColor"] == "#102030"


def test_a_sender_may_be_a_number(management: httpx.Client) -> None:
    config = {"key": "k", "secret": "s", "from": 1234567890}
    put = management.put("config/cloud_directory/mfa/channels/nexmo", json={"isActive": True, "config": config})
    assert (put.status_code, put.json()["config"]) == (200, {**config, "from": "1234567890", "provider": "nexmo"})
