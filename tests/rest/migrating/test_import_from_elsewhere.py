"""`ostiary import appid` from a server that is not ours: the vendor's habits, hidden secrets, hashes that nobody else
can open, limits, a token that ends, a source that breaks down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kit.servers.command import Ended, ostiary, ostiary_here
from kit.servers.served import Served, served
from kit.servers.web import Site, site

Json = dict[str, Any]
CD = "config/cloud_directory"
KEY = "planted-api-key"
DOCUMENTS: dict[str, Any] = {
    "config/ui/languages": {"languages": ["en", "de"]},
    "config/tokens": {
        "access": {"enabled": True, "expires_in": 3600}, "refresh": {"enabled": False, "expires_in": 2_592_000},
        "anonymousAccess": {"enabled": True, "expires_in": 2_592_000}, "idTokenClaims": None, "accessTokenClaims": None,
    },
    "config/redirect_uris": {"redirectUris": [], "trustCloudIAMRedirectUris": True},
    f"{CD}/sender_details": {"senderDetails": {"from": {"name": "", "email": "no-reply@appid.cloud.net"}}},
    f"{CD}/email_dispatcher": {"provider": "sendgrid", "sendgrid": {"apiKey": "**********"}},
    f"{CD}/password_regex": {"regex": "^(?!.*(.)\\1).*$", "error_message": "no two alike"},
    f"{CD}/rate_limit": {"signUpLimitPerMinute": None, "signInLimitPerMinute": 30},
    f"{CD}/mfa/channels/nexmo": [
        {"isActive": True, "type": "sms", "config": {"key": "k", "secret": "***", "from": 1, "provider": "nexmo"}}
    ],
    "config/idps/custom": {"isActive": False, "config": {"publicKey": ""}},
    "config/idps/saml": {"isActive": False, "config": None},
    "config/idps/facebook": {"isActive": True, "redirectURL": "https://elsewhere.example/cb"},
    "config/idps/cloud_directory": {
        "isActive": True,
        "config": {
            "selfServiceEnabled": True, "signupEnabled": None, "identityField": "userName",
            "interactions": {
                "identityConfirmation": {"accessMode": "OFF", "methods": ["email"]}, "welcomeEnabled": False,
                "resetPasswordEnabled": True, "resetPasswordNotificationEnable": True,
            },
        },
    },
    f"{CD}/templates/WELCOME/en": {"subject": "Welcome", "plain_text_body": "Hello"},
    f"{CD}/templates/WELCOME/de": {"subject": "Welcome", "plain_text_body": "Hello"},
    "applications": {
        "applications": [{"clientId": "an-older-id", "secret": "***", "name": "old shop", "type": "regularwebapp"}]
    },
    "applications/an-older-id/scopes": {"scopes": ["read"]},
    "roles": {
        "roles": [{"id": "r1", "name": "Clerk", "access": [{"application_id": "an-older-id", "scopes": ["read"]}]}]
    },
}  # fmt: skip
USERS = [  # of whom two at once are too much for the goal
    {
        "scimUser": {
            "originalId": f"old-{number}", "userName": f"user{number}", "displayName": "U", "active": True,
            "emails": [{"value": f"user{number}@example.com", "primary": True}], "status": "CONFIRMED",
            "passwordHistory": [{"passwordHash": "AAAA", "hashAlgorithm": "PBKDF2WithHmacSHA512"}],
        },
        "passwordHash": "c2VhbGVkIGJ5IHNvbWVib2R5IGVsc2U=", "passwordHashAlg": "PBKDF2WithHmacSHA512",
        "profile": {"attributes": {"points": number, "note": "x" * 700}}, "roles": ["Clerk"],
    }
    for number in range(3)
]  # fmt: skip


@dataclass
class Vendor:
    """A scripted server in the vendor's manner. `busy` paths answer 429 once; a token is good for `patience` calls; the
    export breaks down once, at user `breaks_at`."""

    busy: set[str] = field(default_factory=lambda: {"config/tokens", "roles"})
    patience: int = 12
    breaks_at: int = 0
    users: list[Json] = field(default_factory=lambda: USERS)
    calls: int = 0
    issued: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path == "/identity/token":
            self.issued, self.calls = self.issued + 1, 0
            return reply(request, 200, {"access_token": f"token-{self.issued}", "expires_in": 3600})
        self.calls += 1
        if request.headers["authorization"] != f"Bearer token-{self.issued}" or self.calls > self.patience:
            return reply(request, 401, {"error": "expired"})
        path = parts.path.removeprefix("/management/v4/elsewhere/")
        self.asked[path] += 1
        if path in self.busy:
            self.busy.remove(path)
            return reply(request, 429, {"message": "slow down"}, {"retry-after": "1"})
        if path == "cloud_directory/export":
            start = int(parse_qs(parts.query).get("startIndex", ["1"])[0])
            if start == self.breaks_at:
                self.breaks_at = 0
                return reply(request, 500, {"message": "out of order"})
            page = self.users[start - 1 : start + 1]  # pages of two, whatever was asked for
            return reply(request, 200, {"itemsPerPage": len(page), "totalResults": len(self.users), "users": page})
        if path in DOCUMENTS:
            return reply(request, 200, DOCUMENTS[path])
        return reply(request, 404, {"errorCode": "NOT_FOUND", "message": "Not Found"})


def reply(request: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    data = json.dumps(body).encode()
    request.send_response(status)
    length = {"content-type": "application/json", "content-length": str(len(data))}
    for name, value in {**length, **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(data)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def elsewhere(vendor: Vendor) -> Iterator[Site]:
    with site(vendor.serve) as made:
        yield made


@pytest.fixture(scope="module")
def goal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("goal"), workers=1, max_body_bytes=2_048) as server:
        yield server


def run(goal: Served, elsewhere: Site, *arguments: str, command: Callable[..., Ended] = ostiary_here) -> Ended:
    return command(
        "import", "appid", "--url", f"http://127.0.0.1:{elsewhere.port}/management/v4/elsewhere", *arguments,
        cwd=goal.folder, **goal.variables, APPID_APIKEY=KEY,
    )  # fmt: skip


def notes(report: Json, part: str) -> dict[str, str]:
    return {note["item"]: note["why"] for note in report["notes"] if note["part"] == part}


def test_what_the_vendor_hides_or_only_the_vendor_has_is_named_and_the_rest_arrives(
    goal: Served, elsewhere: Site, vendor: Vendor
) -> None:
    ended = run(goal, elsewhere, "--tenant", "moved", "--json")
    report = ended.json()
    told = notes(report, "settings")
    assert "vendor's own address" in told.pop("sender of mails")
    assert "hides the API key of SendGrid" in told.pop("mail dispatcher")
    assert "hides the account at Vonage" in told.pop("text messages")
    assert "demonstration credentials" in told.pop("Facebook")
    assert "the target refuses it" in told.pop("password rule"), "RE2 has no back-references"
    assert not told
    assert ended.code == 1, "a refusal is a failure; what is hidden is none"
    (application,) = report["applications"]
    assert application["newClientId"] == "an-older-id", "an id may be any text"
    assert "has a new secret" in notes(report, "applications")["old shop (an-older-id)"]
    assert report["parts"]["roles"] == {"created": 1}
    assert report["parts"]["users"] == {"notCarried": 3}
    assert all("--reset-passwords" in why for why in notes(report, "users").values())
    assert notes(report, "profiles") == {"all": "the source has no such export"}
    assert vendor.asked["config/tokens"] == 2, "429 with Retry-After was waited for"
    assert vendor.issued > 2, "tokens ended meanwhile and were renewed"
    again = run(goal, elsewhere, "--tenant", "moved", "--json").json()["parts"]
    written = {part for part, counts in again.items() if counts.keys() & {"created", "changed"}}
    assert not written, "a repetition writes nothing"
    shown = ostiary_here("tenant", "show", "moved", "--json", cwd=goal.folder, **goal.variables).json()
    assert (shown["users"], shown["applications"]) == (0, 1)


def test_users_whose_hash_nobody_can_open_come_without_a_password_where_that_is_wanted(
    goal: Served, elsewhere: Site
) -> None:
    report = run(goal, elsewhere, "--tenant", "reset", "--reset-passwords", "--json").json()
    assert report["parts"]["users"] == {"created": 3}
    assert report["parts"]["passwords"] == {"notCarried": 3}
    again = run(goal, elsewhere, "--tenant", "reset", "--reset-passwords", "--json").json()
    assert again["parts"]["users"] == {"unchanged": 3}
    assert "passwords" not in again["parts"]


def test_a_past_password_that_nobody_can_open_is_named_and_its_user_comes_with_the_present_one(
    goal: Served, elsewhere: Site, vendor: Vendor
) -> None:
    user = {**USERS[0], "passwordHash": "$2b$04$" + "C" * 53, "passwordHashAlg": "bcrypt"}
    vendor.users = [user]
    report = run(goal, elsewhere, "--tenant", "past", "--json").json()
    assert report["parts"]["users"] == {"created": 1}
    assert report["parts"]["past passwords"] == {"notCarried": 1}
    assert "UNKNOWN_HASH" in notes(report, "past passwords")["old-0"]


def test_a_copy_that_was_interrupted_goes_on_when_it_is_repeated(goal: Served, elsewhere: Site, vendor: Vendor) -> None:
    vendor.breaks_at = 2
    arguments = ("--tenant", "resumed", "--reset-passwords", "--json")
    interrupted = run(goal, elsewhere, *arguments)
    assert interrupted.code == 1
    assert interrupted.stderr == "ostiary: out of order. Repeat the same command: what was copied is left alone.\n"
    assert interrupted.json()["parts"]["users"] == {"created": 2}
    assert run(goal, elsewhere, *arguments).json()["parts"]["users"] == {"unchanged": 2, "created": 1}


def test_without_its_server_nothing_is_made(goal: Served, elsewhere: Site) -> None:
    arguments = ("--tenant", "unmade", "--listen", "127.0.0.1:9", "--public-url", "http://127.0.0.1:9")
    ended = run(goal, elsewhere, *arguments)
    assert (ended.code, ended.stderr.count("\n")) == (1, 1)
    assert "start `ostiary serve`" in ended.stderr
    assert ostiary_here("tenant", "show", "unmade", cwd=goal.folder, **goal.variables).code == 1


def test_people_see_a_table_and_bars_and_no_secret(goal: Served, elsewhere: Site) -> None:
    ended = run(goal, elsewhere, "--tenant", "seen", "--dry-run", command=ostiary)
    assert ended.code == 0, ended.stderr
    assert "Would be copied into tenant (a new one)" in ended.stdout
    assert "PART" in ended.stdout
    assert "settings" in ended.stderr
    assert KEY not in ended.stdout + ended.stderr
