"""What scripts, tutorials and editors send to App ID's management API, as they send it, on both databases."""

from __future__ import annotations

import base64
import codecs
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import bcrypt
import httpx
import pytest
from kit.patience import awaited
from kit.servers.command import ostiary_here
from kit.servers.served import Served, served

from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.built_in import ORG_OWNER
from ostiary.store.engine import Store

Json = dict[str, Any]
SECRET = "secret-of-a-script"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {}
    if request.param == "postgresql":
        settings["database"] = request.getfixturevalue("postgres").new_database()
    with served(tmp_path_factory.mktemp("clients"), workers=1, **settings) as running:
        for number in range(3):
            user = {"emails": [{"value": f"u{number}@example.com"}], "password": "difference engine"}
            path = f"{running.credentials['managementUrl']}/cloud_directory/Users"
            assert httpx.post(path, json=user, headers=running.manager()).status_code == 201
        yield running


@pytest.fixture(scope="module")
def management(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.credentials["managementUrl"], headers=server.manager(), timeout=20) as client:
        yield client


LISTS = {
    "/cloud_directory/Users": "Resources",
    "/cloud_directory/export?encryption_secret=" + SECRET: "users",
    "/users?dataScope=index": "users",
    "/users/export": "users",
}


@pytest.mark.parametrize(("path", "name"), LISTS.items())
def test_a_list_begins_with_the_first_whatever_a_client_counts_from(
    management: httpx.Client, path: str, name: str
) -> None:
    def page(**asked: Any) -> tuple[int, list[Json]]:
        pairs = "&".join(f"{key}={value}" for key, value in asked.items())
        answer = management.get(path + ("&" if "?" in path else "?") + pairs)
        return answer.status_code, [each.get("id") or each["scimUser"]["originalId"] for each in answer.json()[name]]

    first = page()
    for start in (0, -1, -(2**31), ""):
        assert page(startIndex=start) == first
        assert page(startIndex=start, count=1) == (200, first[1][:1])
        assert page(count="", startIndex=start) == first
    for start in (5, 2**30, 2**31 - 1):
        assert page(startIndex=start) == (200, [])
    assert page(count=0) == (200, [])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("asked", ["startIndex=one", "startIndex=1.5", "startIndex=99999999999", "count=-1",
                                   "count=99999", "count=all", "count=99999999999",
                                   "startIndex=0&startIndex=1", "count=1&count=1"])  # fmt: skip
def test_what_is_no_place_and_no_number_is_named(management: httpx.Client, path: str, asked: str) -> None:
    answer = management.get(path + ("&" if "?" in path else "?") + asked)
    assert answer.status_code == 400
    assert asked.partition("=")[0] in answer.json()["message"]


def test_scim_lists_are_as_lenient_as_the_rfc(server: Served) -> None:
    def page(query: str) -> tuple[int, Any]:
        answer = server.http.get(f"/scim/v2/Users?{query}", headers=server.manager())
        return answer.status_code, answer.json()

    _, all_of_them = page("")
    assert all_of_them["totalResults"] == 3
    for start in ("0", "-1", "", "-99999999999"):
        assert page(f"startIndex={start}") == (200, all_of_them)
    for count in ("0", "-1", "-99999999999"):
        status, empty = page(f"count={count}")
        assert (status, empty["totalResults"], empty["Resources"]) == (200, 3, [])
    assert page("count=") == (200, all_of_them)
    assert page("count=99999999999")[1]["Resources"] == all_of_them["Resources"]
    status, behind = page("startIndex=99999999999")
    assert (status, behind["totalResults"], behind["Resources"]) == (200, 3, [])
    for start in (2**30, 2**31 - 1, 2**31, 2**63 - 1):
        assert page(f"startIndex={start}&sortBy=id")[1]["Resources"] == []
    for name in ("startIndex", "count"):
        status, error = page(f"{name}=one")
        assert (status, name in error["detail"]) == (400, True)


def test_token_settings_are_taken_as_the_vendor_prints_them(management: httpx.Client) -> None:
    printed = {
        "access": {"expires_in": 3601}, "refresh": {"enabled": False, "expires_in": 2592001},
        "anonymousAccess": {"expires_in": 2592001},
    }  # fmt: skip
    for enabled in (False, True):
        answer = management.put("/config/tokens", json=printed)
        assert answer.status_code == 200
        assert answer.json()["anonymousAccess"] == {"expires_in": 2592001, "enabled": enabled}
        on = {"refresh": {"enabled": True}, "anonymousAccess": {"enabled": True}}
        assert management.put("/config/tokens", json=on).status_code == 200
    kept = management.put("/config/tokens", json={"refresh": {"expires_in": 90000}}).json()
    assert kept["refresh"] == {"expires_in": 90000, "enabled": True}


def test_base64_may_have_lines(management: httpx.Client) -> None:
    html = "<p>Grüezi %{user.displayName}</p>\n" * 10
    path = "/config/cloud_directory/templates/WELCOME/en"
    for encoded in (base64.encodebytes(html.encode()).decode(),
                    base64.encodebytes(html.encode()).decode().replace("\n", "\r\n")):  # fmt: skip
        answer = management.put(path, json={"subject": "Hello", "base64_encoded_html_body": encoded})
        assert answer.status_code in (200, 201)
        assert management.get(path).json()["html_body"] == html
    bad = management.put(path, json={"subject": "Hello", "base64_encoded_html_body": "a-_b"})
    assert (bad.status_code, bad.json()["errorCode"]) == (400, "INVALID_BASE64")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_may_begin_with_a_byte_order_mark(management: httpx.Client, pack: Callable[[bytes], bytes]) -> None:
    scim = {"emails": [{"value": f"marked-{pack.__name__}@example.com"}]}
    file = codecs.BOM_UTF8 + json.dumps({"users": [{"scimUser": scim}]}).encode()

    def ended(content: bytes) -> Json:
        begun = management.post(
            "/cloud_directory/import/all", data={"encryptionSecret": SECRET}, files={"file": ("users.json", content)}
        )

        def status() -> Json | None:
            told: Json = management.get("/cloud_directory/import/status", params=begun.json()).json()
            return told if told["status"] != "IN_PROGRESS" else None

        return awaited(status) or {}

    done = ended(pack(file))
    assert (done["status"], done["added"], done["failed"]) == ("COMPLETED", 1, 0)
    failed = ended(pack(json.dumps({"users": []}).encode("utf-16")))
    assert (failed["status"], "UTF-16" in failed["error"]) == ("FAILED", True)


@pytest.mark.parametrize(
    ("path", "sent", "kept"),
    [
        ("config/idps/google", {"isActive": False, "config": {"idpId": "", "secret": ""}}, {"isActive": False}),
        ("config/idps/facebook", {"isActive": False, "config": {}}, {"isActive": False}),
        ("config/idps/saml", {"isActive": False, "config": {"entityID": "", "certificates": [], "authnContext": {}}},
         {"isActive": False}),
        ("config/cloud_directory/mfa/channels/nexmo", {"isActive": False, "config": {}}, {"isActive": False}),
    ],
)  # fmt: skip
def test_what_is_off_may_be_sent_with_empty_fields(
    management: httpx.Client, path: str, sent: Json, kept: Json
) -> None:  # fmt: skip
    answer = management.put(path, json=sent)
    assert answer.status_code == 200, answer.text
    read = management.get(path).json()
    assert {name: read[name] for name in kept} == kept
    assert "config" not in read
    assert management.put(path, json={**sent, "isActive": True}).status_code == 400


def test_null_in_a_form_is_a_field_left_out(management: httpx.Client) -> None:
    user = management.get("/cloud_directory/Users?count=1").json()["Resources"][0]
    changed = {"uuid": user["id"], "newPassword": "another engine", "changedIpAddress": None}
    assert management.post("/cloud_directory/change_password", json=changed).status_code == 200
    missing = management.post("/cloud_directory/change_password", json={**changed, "newPassword": None})
    assert (missing.status_code, missing.json()["errorCode"]) == (400, "MISSING_FIELD")


def refusals(management: httpx.Client, users: list[Json]) -> list[Json]:
    """What an import of a page, and one of a file, say of these users: the same."""
    asked = {"encryption_secret": SECRET}
    page = management.post("/cloud_directory/import", params=asked, json={"users": users}).json()
    begun = management.post(
        "/cloud_directory/import/all", data={"encryptionSecret": SECRET},
        files={"file": ("users.json", json.dumps({"users": users}).encode())},
    ).json()  # fmt: skip

    def ended() -> Json | None:
        told: Json = management.get("/cloud_directory/import/status", params=begun).json()
        return told if told["status"] != "IN_PROGRESS" else None

    told = awaited(ended)
    assert told is not None
    assert (told["added"], told["failed"]) == (page["added"], page["failed"]) == (0, len(users))
    assert told["failReasons"] == page["failReasons"]
    reasons: list[Json] = page["failReasons"]
    return reasons


def test_who_could_never_sign_in_is_not_taken_in(management: httpx.Client) -> None:
    mail = [{"value": "kim@example.com"}]
    users = [
        {"scimUser": {"userName": "kim", "originalId": "1"}},
        {"scimUser": {"emails": [], "userName": "kim", "originalId": "2"}},
        {"scimUser": {"emails": [{"value": "kim"}], "originalId": "3"}},
        {"scimUser": {"emails": mail, "status": "WAITING", "originalId": "4"}},
        {"scimUser": {"emails": mail, "userName": "x" * 300, "originalId": "5"}},
        {"scimUser": {"emails": mail, "originalId": "6"}, "roles": ["No such role"]},
    ]
    reasons = refusals(management, users)
    assert {reason["originalId"]: reason["error"]["code"] for reason in reasons} == {
        "1": "EMAIL_MISSING", "2": "EMAIL_MISSING", "3": "INVALID_EMAIL", "4": "INVALID_STATUS",
        "5": "INVALID_USERNAME", "6": "ROLE_NOT_FOUND",
    }  # fmt: skip


def test_a_temporary_password_must_be_changed(server: Served, management: httpx.Client) -> None:
    phc = bcrypt.hashpw(b"difference engine", bcrypt.gensalt(4)).decode()
    scim = {"emails": [{"value": "tmp@example.com"}], "status": "CONFIRMED", "passwordExpirationTimestamp": 1}
    user = {"scimUser": scim, "passwordHash": phc}
    added = management.post(
        "/cloud_directory/import", params={"encryption_secret": SECRET}, json={"users": [user]}
    ).json()["added"]
    assert added == 1
    application = management.post("/applications", json={"name": "temporary"}).json()
    oauth = httpx.Client(
        base_url=server.credentials["oauthServerUrl"], auth=(application["clientId"], application["secret"]), timeout=20
    )
    signing_in = {"grant_type": "password", "username": "tmp@example.com", "password": "difference engine"}
    with oauth:
        refused = oauth.post("/token", data=signing_in)
        assert (refused.status_code, refused.json()["error_description"]) == (400, "Password expired")
        csp = {"username": "tmp@example.com", "password": "difference engine"}
        assert server.http.post("/csp/gateway/am/api/login?access_token", json=csp).status_code == 401
        new = {"uuid": refused.json()["user_id"], "newPassword": "analytical engine"}
        assert management.post("/cloud_directory/change_password", json=new).status_code == 200
        assert oauth.post("/token", data={**signing_in, "password": "analytical engine"}).status_code == 200


def test_a_writer_does_not_become_the_owner(server: Served, management: httpx.Client) -> None:
    user = {"emails": [{"value": "owner@example.com"}], "password": "difference engine", "status": "CONFIRMED"}
    owner = management.post("/cloud_directory/Users", json=user).json()["id"]
    tenant_id = server.credentials["tenantId"]
    with closing(Store(server.database)) as store, store.write() as work:
        bind_role(work, tenant_id, owner, ORG_OWNER, 0)
    made = ostiary_here(
        "apikey", "create", tenant_id, "--role", "writer", "--json", cwd=server.folder, **server.variables
    ).json()
    writer = httpx.Client(
        base_url=server.credentials["managementUrl"], timeout=20,
        headers={"authorization": f"Bearer {server.token(made['apikey'])}"},
    )  # fmt: skip
    paths: list[tuple[str, str, Json | None]] = [
        ("POST", "/cloud_directory/change_password", {"uuid": owner, "newPassword": "taken over"}),
        ("POST", "/cloud_directory/forgot_password", {"user": "owner@example.com"}),
        ("POST", "/cloud_directory/resend/RESET_PASSWORD", {"uuid": owner}),
        ("PUT", f"/cloud_directory/Users/{owner}", {"emails": user["emails"], "active": False}),
        ("POST", f"/cloud_directory/Users/{owner}/sso/logout", None),
        ("POST", "/cloud_directory/bulk_remove", {"ids": [owner]}),
        ("DELETE", f"/cloud_directory/remove/{owner}", None),
        ("DELETE", f"/cloud_directory/Users/{owner}", None),
    ]
    with writer:
        for verb, path, body in paths:
            answer = writer.request(verb, path, json=body) if body else writer.request(verb, path)
            assert (answer.status_code, answer.json()["errorCode"]) == (403, "FORBIDDEN"), path
        form = writer.post("/cloud_directory/change_password", data={"uuid": owner, "newPassword": "taken over"})
        assert form.status_code == 403
        assert writer.get(f"/cloud_directory/Users/{owner}").status_code == 200, "who may read it, still may"
    login = "/csp/gateway/am/api/login?access_token"
    taken = {"username": "owner@example.com", "password": "taken over"}
    assert server.http.post(login, json=taken).status_code == 401
    assert server.http.post(login, json={**taken, "password": "difference engine"}).status_code == 200
    changed = {"uuid": owner, "newPassword": "analytical engine"}
    assert management.post("/cloud_directory/change_password", json=changed).status_code == 200, "a Manager may"
