"""`ostiary import appid`, server to server: a whole tenant arrives, once; a dry run writes nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from kit.servers.command import Ended, ostiary_here
from kit.servers.served import Served, served
from PIL import Image

Json = dict[str, Any]
PASSWORD = "correct horse 1"
CD = "config/cloud_directory"


@dataclass
class Tenant:
    """A tenant of a running server, over REST."""

    server: Served
    url: str
    headers: dict[str, str]

    def ask(self, verb: str, path: str, body: Any = None, **parts: Any) -> Any:
        answer = self.server.http.request(verb, f"{self.url}/{path}", json=body, headers=self.headers, **parts)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else {}

    def token(self, application: Json, **form: str) -> httpx.Response:
        oauth = self.url.replace("/management/", "/oauth/")
        return self.server.http.post(f"{oauth}/token", data=form, auth=(application["clientId"], application["secret"]))


def first_tenant(server: Served) -> Tenant:
    return Tenant(server, server.credentials["managementUrl"], server.manager())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A server with a tenant in which nearly everything is set."""
    with served(tmp_path_factory.mktemp("source"), workers=1, outgoing_allow="127.0.0.0/8") as server:
        tenant = first_tenant(server)
        furnish(tenant)
        yield tenant


@pytest.fixture(scope="module")
def goal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Another server, with a tenant of its own."""
    with served(tmp_path_factory.mktemp("goal"), workers=1, outgoing_allow="127.0.0.0/8") as server:
        yield server


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (40, 20), "#336699").save(made, "PNG")
    return made.getvalue()


SETTINGS: dict[str, Json] = {
    "config/ui/languages": {"languages": ["en", "de"]},
    "config/tokens": {
        "access": {"expires_in": 1800}, "refresh": {"enabled": True, "expires_in": 172_800},
        "anonymousAccess": {"enabled": False, "expires_in": 172_800},
        "accessTokenClaims": [{"source": "roles"}], "idTokenClaims": [],
    },
    "config/redirect_uris": {"redirectUris": ["https://shop.example.com/cb"]},
    "config/users_profile": {"isActive": True},
    "config/ui/theme_text": {"tabTitle": "Shop", "footnote": "Acme"},
    "config/ui/theme_color": {"headerColor": "#112233"},
    f"{CD}/sender_details": {
        "senderDetails": {"from": {"name": "Shop", "email": "shop@example.com"}, "linkExpirationSec": 3600}
    },
    f"{CD}/email_dispatcher": {"provider": "sendgrid", "sendgrid": {"apiKey": "SG.key"}},
    f"{CD}/password_regex": {"regex": "^.{12,}$", "error_message": "Twelve at least."},
    f"{CD}/advanced_password_management": {
        "advancedPasswordManagement": {
            "enabled": True, "passwordReuse": {"enabled": True, "config": {"maxPasswordReuse": 3}},
            "preventPasswordWithUsername": {"enabled": True},
            "passwordExpiration": {"enabled": False, "config": {"daysToExpire": 30}},
            "lockOutPolicy": {"enabled": True, "config": {"lockOutTimeSec": 600, "numOfAttempts": 5}},
            "minPasswordChangeInterval": {"enabled": False, "config": {"minHoursToChangePassword": 0}},
        }
    },
    "config/capture_runtime_activity": {"isActive": True},
    f"{CD}/sso": {"isActive": True, "inactivityTimeoutSeconds": 600, "logoutRedirectUris": ["https://a.example/out"]},
    f"{CD}/rate_limit": {"signUpLimitPerMinute": 500, "signInLimitPerMinute": 60},
    "config/idps/google": {"isActive": True, "config": {"idpId": "google-id", "secret": "google-secret"}},
    f"{CD}/mfa/channels/nexmo": {"isActive": True, "config": {"key": "k", "secret": "s", "from": "Acme"}},
    f"{CD}/mfa/extensions/premfa": {
        "isActive": False, "config": {"url": "http://127.0.0.1:9/premfa", "headers": {"authorization": "Bearer x"}}
    },
    f"{CD}/action_url/on_user_verified": {"actionUrl": "https://shop.example.com/thanks"},
}  # fmt: skip
"""What `furnish` sets, and what must be found again, word for word."""
GERMAN = {"subject": "Willkommen", "base64_encoded_html_body": base64.b64encode(b"<p>Hallo</p>").decode()}


def furnish(tenant: Tenant) -> None:
    for path, document in SETTINGS.items():
        tenant.ask("PUT", path, document)
    tenant.ask("PUT", f"{CD}/templates/WELCOME/de", GERMAN)
    tenant.ask("POST", "config/ui/media?mediaType=logo", files={"file": ("logo.png", picture(), "image/png")})
    shop = tenant.ask("POST", "applications", {"name": "shop", "type": "regularwebapp"})
    tenant.ask("POST", "applications", {"name": "page", "type": "singlepageapp"})
    tenant.ask("PUT", f"applications/{shop['clientId']}/scopes", {"scopes": ["orders.read", "orders.write"]})
    access = [{"application_id": shop["clientId"], "scopes": ["orders.read"]}]
    role = tenant.ask("POST", "roles", {"name": "Clerk", "description": "sells", "access": access})
    tenant.ask("PUT", f"applications/{shop['clientId']}/roles", {"roles": {"ids": [role["id"]]}})
    wanted = {"idp": "saml", "idp-identity": "kim@example.com", "profile": {"attributes": {"points": 9}}}
    tenant.ask("POST", "users", wanted)
    for number in range(60):  # more than a page
        user = {"emails": [{"value": f"user{number}@example.com"}], "password": PASSWORD, "status": "CONFIRMED"}
        made = tenant.ask("POST", "cloud_directory/sign_up?shouldCreateProfile=true", user)
        if number == 0:
            tenant.ask("PUT", f"users/{made['profileId']}/roles", {"roles": {"ids": [role["id"]]}})
            tenant.ask("PUT", f"users/{made['profileId']}/profile", {"attributes": {"points": 7}})


def run(goal: Served, source: Tenant, *arguments: str) -> Ended:
    """The command, on the machine of the goal."""
    return ostiary_here(
        "import", "appid", "--url", source.url, *arguments, "--json", cwd=goal.folder, **goal.variables,
        APPID_APIKEY=source.server.credentials["apikey"],
    )  # fmt: skip


def arrived(goal: Served, tenant_id: str) -> Tenant:
    """The tenant that was made, as a Manager of it sees it."""
    made = ostiary_here("apikey", "create", tenant_id, "--json", cwd=goal.folder, **goal.variables).json()
    token = goal.token(made["apikey"])
    return Tenant(goal, f"{goal.url}/management/v4/{tenant_id}", {"authorization": f"Bearer {token}"})


def written(report: Json) -> Json:
    """What a copy wrote, by part."""
    quiet = ("unchanged", "notCarried")
    return {part: counts for part, counts in report["parts"].items() if any(name not in quiet for name in counts)}


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(goal: Served, source: Tenant) -> None:
    before = ostiary_here("tenant", "list", "--json", cwd=goal.folder, **goal.variables).json()
    ended = run(goal, source, "--dry-run")
    assert ended.code == 0, ended.stdout + ended.stderr
    report = ended.json()
    assert report["dryRun"] is True
    assert report["parts"]["users"] == {"found": 60}
    assert report["parts"]["applications"] == {"created": 3}
    assert ostiary_here("tenant", "list", "--json", cwd=goal.folder, **goal.variables).json() == before


def test_a_whole_tenant_arrives_and_arrives_only_once(goal: Served, source: Tenant) -> None:
    ended = run(goal, source)
    assert ended.code == 0, ended.stdout + ended.stderr
    report = ended.json()
    assert (report["parts"]["users"], report["parts"]["profiles"]) == ({"created": 60}, {"created": 1})
    tenant_id = source.url.rpartition("/")[2]
    assert report["tenantId"] == tenant_id, "the tenant keeps its id, so that applications change a host name only"
    there = arrived(goal, tenant_id)
    for path, document in SETTINGS.items():
        assert says(there.ask("GET", path), document), path
    assert says(there.ask("GET", f"{CD}/templates/WELCOME/de"), GERMAN)
    assert goal.http.get(there.ask("GET", "config/ui/media")["image"]).content
    shops = [each.ask("GET", "applications")["applications"] for each in (source, there)]
    wanted = [{name: app.get(name) for name in ("clientId", "secret", "name", "type")} for app in shops[0]]
    assert [{name: app.get(name) for name in ("clientId", "secret", "name", "type")} for app in shops[1]] == wanted

    (kim,) = there.ask("GET", "users/export")["users"]
    assert (kim["attributes"], kim["identities"][0]["provider"]) == ({"points": 9}, "saml")

    subs = [{user["email"]: user["id"] for user in each.ask("GET", "users")["users"]} for each in (source, there)]
    assert len(subs[0]) > 60
    assert subs[0] == subs[1], "applications know people by `sub`"

    shop = next(app for app in shops[1] if app["name"] == "shop")
    signed_in = there.token(shop, grant_type="password", username="user0@example.com", password=PASSWORD)
    assert signed_in.status_code == httpx.codes.OK, "the old password signs in"
    assert "orders.read" in signed_in.json()["scope"], "the role came along"
    assert "orders.read" in there.token(shop, grant_type="client_credentials").json()["scope"]

    again = run(goal, source)
    assert again.code == 0, again.stderr
    assert not written(again.json())
    repeated = again.json()["parts"]
    assert (repeated["users"], repeated["profiles"]) == ({"unchanged": 60}, {"unchanged": 1})
    assert len(there.ask("GET", "applications")["applications"]) == len(wanted)
    keys = ostiary_here("apikey", "list", tenant_id, "--json", cwd=goal.folder, **goal.variables).json()
    assert [bool(key["revokedAt"]) for key in keys if key["name"] == "ostiary import"] == [True, True]


def test_what_changed_at_the_source_follows_and_what_was_added_here_stays(goal: Served, source: Tenant) -> None:
    name = "follow"
    assert run(goal, source, "--tenant", name).code == 0
    there = arrived(goal, name_to_id(goal, name))
    there.ask("POST", "applications", {"name": "ours"})
    source.ask("PUT", "config/ui/theme_text", {"tabTitle": "Other", "footnote": "Acme"})
    try:
        report = run(goal, source, "--tenant", name).json()
    finally:
        source.ask("PUT", "config/ui/theme_text", SETTINGS["config/ui/theme_text"])
    assert report["parts"]["settings"]["changed"] == 1
    assert there.ask("GET", "config/ui/theme_text")["tabTitle"] == "Other"
    assert "ours" in [app["name"] for app in there.ask("GET", "applications")["applications"]]


def name_to_id(goal: Served, name: str) -> str:
    return str(ostiary_here("tenant", "show", name, "--json", cwd=goal.folder, **goal.variables).json()["id"])


def test_another_server_gets_it_over_its_api_with_new_client_ids(goal: Served, source: Tenant) -> None:
    to = ("--to-url", goal.credentials["managementUrl"], "--to-apikey", goal.credentials["apikey"])
    ended = run(goal, source, *to)
    assert ended.code == 0, ended.stdout + ended.stderr
    applications = ended.json()["applications"]
    assert all(app["clientId"] != app["newClientId"] for app in applications)
    shop = next(app["newClientId"] for app in applications if app["name"] == "shop")
    there = first_tenant(goal)
    assert there.ask("GET", f"applications/{shop}/scopes") == {"scopes": ["orders.read", "orders.write"]}
    assert [role["name"] for role in there.ask("GET", f"applications/{shop}/roles")["roles"]] == ["Clerk"]
    assert not written(run(goal, source, *to).json())


Arguments = Callable[[Served, Tenant], tuple[str, ...]]
REFUSED: dict[str, tuple[Arguments, str]] = {
    "a wrong key": (lambda goal, source: ("--apikey", "wrong"), "refuses the API key"),
    "no tenant's URL": (lambda goal, source: ("--url", source.server.url), "managementUrl"),
    "plain http": (lambda goal, source: ("--url", "http://example.com/management/v4/x"), "https only"),
    "nobody there": (lambda goal, source: ("--url", "http://127.0.0.1:9/management/v4/x"), "cannot be reached"),
    "two goals": (lambda goal, source: ("--tenant", "x", "--to-url", "y"), "--to-url names its tenant"),
    "half a goal": (lambda goal, source: ("--to-url", "y"), "belong together"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_copied_is_refused_in_one_line(goal: Served, source: Tenant, case: str) -> None:
    arguments, complaint = REFUSED[case]
    refused = run(goal, source, *arguments(goal, source))
    assert refused.code in (1, 2)
    assert complaint in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "Traceback" not in refused.stderr


def says(present: Any, wanted: Any) -> bool:
    """Whether `present` says all that `wanted` does."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(says(present.get(name), value) for name, value in wanted.items())
    return bool(present == wanted)
