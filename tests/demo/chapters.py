"""The chapters of the tour."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT
from kit.servers.served import Served

from demo.telling import Teller
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as directory
from ostiary_api.appid.management.v4.cloud_directory_users_pb2_grpc import CloudDirectoryUsersServiceStub

ADA, PASSWORD = "ada@example.com", "difference engine"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"


@dataclass
class Story:
    """What the chapters share."""

    server: Served
    tell: Teller
    manager: dict[str, str] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> tuple[str, str]:
        """The application's credentials."""
        return self.server.credentials["clientId"], self.server.credentials["secret"]

    def ask(self, verb: str, path: str, **request: Any) -> httpx.Response:
        """Tells and does a request; `{m}` and `{o}` stand for the tenant's management and OAuth paths."""
        tenant = self.server.credentials["tenantId"]
        path = path.replace("{m}", f"/management/v4/{tenant}").replace("{o}", f"/oauth/v4/{tenant}")
        self.tell.asked(f"{verb} {path.replace(tenant, '{tenant}')}")
        return self.server.http.request(verb, path, **request)

    def token(self, **form: str) -> httpx.Response:
        """A token request of the application."""
        return self.ask("POST", "{o}/token", data=form, auth=self.client)


def sign_up(story: Story) -> None:
    """App ID's management API."""
    story.tell.chapter(
        "A user", "An API key becomes an access token; with it, App ID's management API signs a user up."
    )
    story.manager = story.server.manager()
    document = {
        "emails": [{"value": ADA, "primary": True}], "password": PASSWORD, "status": "CONFIRMED",
        "displayName": "Ada Lovelace", "name": {"givenName": "Ada", "familyName": "Lovelace"},
    }  # fmt: skip
    path = "{m}/cloud_directory/sign_up?shouldCreateProfile=true"
    answer = story.ask("POST", path, json=document, headers=story.manager)
    story.tell.holds("201, with a directory id and a profile id that differ", answer.status_code == 201, answer.text)
    story.user = answer.json()
    story.tell.shows("directory id", story.user["id"])
    story.tell.shows("profile id", story.user["profileId"])
    again = story.ask("POST", path, json=document, headers=story.manager)
    story.tell.holds("the same address again is 409", again.status_code == 409, again.text)


def sign_in(story: Story) -> None:
    """The OAuth runtime."""
    story.tell.chapter("Signing in", "Refresh tokens are switched on; then the application signs the user in.")
    config = {"access": {"expires_in": 3600}, "refresh": {"enabled": True, "expires_in": 2_592_000}}
    put = story.ask("PUT", "{m}/config/tokens", json=config, headers=story.manager)
    story.tell.holds("the setting is stored", put.status_code == 200, put.text)
    wrong = story.token(grant_type="password", username=ADA, password="analytical engine")
    story.tell.shows("refused", wrong.json().get("error_description"))
    story.tell.holds("a wrong password is 400 invalid_grant", wrong.json().get("error") == "invalid_grant", wrong.text)
    answer = story.token(grant_type="password", username=ADA, password=PASSWORD)
    story.tell.holds("the right one is answered with tokens", answer.status_code == 200, answer.text)
    story.tokens = answer.json()
    story.tell.shows("scope", story.tokens["scope"])


def verify(story: Story) -> None:
    """Offline verification by an independent library."""
    story.tell.chapter("Verifying offline", "Discovery names the keys; jwcrypto, not Ostiary, checks the tokens.")
    discovery = story.ask("GET", "{o}/.well-known/openid-configuration").json()
    keys = JWKSet.from_json(httpx.get(discovery["jwks_uri"], timeout=10).text)
    for name in ("access_token", "id_token"):
        checked = JWT(jwt=story.tokens[name], key=keys, algs=["RS256"], check_claims={"iss": discovery["issuer"]})
        header, claims = json.loads(checked.header), json.loads(checked.claims)
        story.tell.holds(f"the {name} is RS256, version 4, and names its audience",
                         header["ver"] == 4 and story.client[0] in claims["aud"], claims)  # fmt: skip
        story.tell.holds(f"its subject is the profile ({name})", claims["sub"] == story.user["profileId"], claims)
    head, _, tail = story.tokens["access_token"].rpartition(".")
    forged = f"{head}.{'A' if tail[0] != 'A' else 'B'}{tail[1:]}"
    answer = story.ask("POST", "{o}/introspect", data={"token": forged}, auth=story.client)
    story.tell.holds("a touched signature is inactive", answer.json() == {"active": False}, answer.text)


def refresh(story: Story) -> None:
    """Rotation."""
    story.tell.chapter("Refreshing", "Each refresh token is used once; its successor takes its place.")
    first = story.tokens["refresh_token"]
    answer = story.token(grant_type="refresh_token", refresh_token=first)
    story.tell.holds("new tokens", answer.status_code == 200, answer.text)
    second = answer.json()["refresh_token"]
    story.tell.holds("and another refresh token", second != first)
    again = story.token(grant_type="refresh_token", refresh_token=first)
    story.tell.holds("a repetition within seconds gets the same answer", again.json().get("refresh_token") == second)
    third = story.token(grant_type="refresh_token", refresh_token=second).json()["refresh_token"]
    reused = story.token(grant_type="refresh_token", refresh_token=first)
    story.tell.holds("once the successor was used, reuse is theft: 400", reused.status_code == 400, reused.text)
    dead = story.token(grant_type="refresh_token", refresh_token=third)
    story.tell.holds("and the whole family is dead", dead.status_code == 400, dead.text)


def scopes(story: Story) -> None:
    """Roles become scopes."""
    story.tell.chapter("Scopes", "The application defines a scope, a role grants it, and the next token carries it.")
    application = story.client[0]
    path = f"{{m}}/applications/{application}/scopes"
    put = story.ask("PUT", path, json={"scopes": ["engine.run"]}, headers=story.manager)
    story.tell.holds("the scope exists", put.status_code == 200, put.text)
    role = {"name": "operator", "access": [{"application_id": application, "scopes": ["engine.run"]}]}
    made = story.ask("POST", "{m}/roles", json=role, headers=story.manager)
    story.tell.holds("the role exists", made.status_code == 201, made.text)
    path = f"{{m}}/users/{story.user['profileId']}/roles"
    given = story.ask("PUT", path, json={"roles": {"ids": [made.json()["id"]]}}, headers=story.manager)
    story.tell.holds("the user has it", given.status_code == 200, given.text)
    answer = story.token(grant_type="password", username=ADA, password=PASSWORD).json()
    story.tell.shows("scope", answer.get("scope"))
    story.tell.holds("the next token carries the scope", "engine.run" in answer["scope"].split(), answer)


def dialects(story: Story) -> None:
    """One directory."""
    story.tell.chapter("One directory, many dialects", "The same user, read through four APIs.")
    user, tenant = story.user["id"], story.server.credentials["tenantId"]
    appid = story.ask("GET", f"{{m}}/cloud_directory/Users/{user}", headers=story.manager).json()
    story.tell.holds("App ID knows the user", appid["emails"][0]["value"] == ADA, appid)
    page = story.ask("GET", f"/csp/gateway/am/api/v2/orgs/{tenant}/users", headers=story.manager)
    found = [entry["user"] for entry in page.json()["results"]]
    story.tell.holds("CSP lists the same id", user in [one["userId"] for one in found], page.text)
    story.tell.holds("and says what replaces it", "successor-version" in page.headers.get("link", ""), page.headers)
    scim = story.ask("GET", "/scim/v2/Users", params={"filter": f'userName eq "{ADA}"'}, headers=story.manager).json()
    story.tell.holds("SCIM finds it by name", scim["Resources"][0]["id"] == user, scim)
    story.tell.asked("gRPC identity.appid.management.v4.CloudDirectoryUsersService/GetCloudDirectoryUser")
    with story.server.channel() as channel:
        request = directory.GetCloudDirectoryUserRequest(tenant_id=tenant, user_id=user)
        metadata = [("authorization", story.manager["authorization"])]
        typed = CloudDirectoryUsersServiceStub(channel).GetCloudDirectoryUser(request, metadata=metadata, timeout=10)
    story.tell.holds("native gRPC answers the same, typed", typed.emails[0].value == ADA, typed)


def cloudapi(story: Story) -> None:
    """Cloud Director's sessions."""
    story.tell.chapter(
        "Signing in at cloudapi", "Basic user@org:password opens a session; its token travels in a header."
    )
    org = story.ask("GET", "/cloudapi/1.0.0/orgs", headers={**story.manager, "accept": "application/json;version=40.0"})
    name = org.json()["values"][0]["name"]
    login = base64.b64encode(f"{ADA}@{name}:{PASSWORD}".encode()).decode()
    headers = {"authorization": f"Basic {login}", "accept": "application/json;version=40.0"}
    answer = story.ask("POST", "/cloudapi/1.0.0/sessions", headers=headers)
    story.tell.holds("a session", answer.status_code == 200, answer.text)
    token = answer.headers["x-vmware-vcloud-access-token"]
    story.tell.shows("session", answer.json()["id"])
    bearer = {"authorization": f"Bearer {token}", "accept": "application/json;version=40.0"}
    current = story.ask("GET", "/cloudapi/1.0.0/sessions/current", headers=bearer)
    story.tell.holds("it is the user's", current.json()["user"]["id"].endswith(story.user["id"]), current.text)
    ended = story.ask("DELETE", "/cloudapi/1.0.0/sessions/current", headers=bearer)
    story.tell.holds("it ends", ended.status_code == 204, ended.text)
    after = story.ask("GET", "/cloudapi/1.0.0/sessions/current", headers=bearer)
    story.tell.holds("and its token with it", after.status_code == 401, after.text)


def moving(story: Story) -> None:
    """From the deprecated paths to their successors."""
    story.tell.chapter(
        "An organization moves",
        "A script of the VMware Identity Service goes on working, is told what replaces each path, and sees what the "
        "successors change.",
    )
    user, tenant = story.user["id"], story.server.credentials["tenantId"]
    asked = {"name": "Entra", "readOnly": True}
    token = story.ask("POST", "{m}/scim_tokens", json=asked, headers=story.manager).json()
    provisioner = {"authorization": f"Bearer {token['value']}"}
    found = story.ask("GET", "/scim/v2/Users", headers=provisioner)
    story.tell.holds("a SCIM token opens SCIM", user in found.text, found.text)
    shut = story.ask("GET", "{m}/applications", headers=provisioner)
    story.tell.holds("and nothing else", shut.status_code == 403, shut.text)
    csp, latest = f"/csp/gateway/am/api/orgs/{tenant}", {**story.manager, "accept": "application/json;version=40.0"}
    member = {"value": user, "type": "User"}
    group = {"schemas": [GROUP_SCHEMA], "displayName": "engineers@acme", "members": [member]}
    made = story.ask("POST", "/scim/v2/Groups", json=group, headers=story.manager)
    story.tell.holds("SCIM makes a group with a member", made.status_code == 201, made.text)
    group_id = made.json()["id"]
    old = story.ask("GET", f"{csp}/groups", headers=story.manager)
    story.tell.holds("the old path lists it", [one["id"] for one in old.json()["results"]] == [group_id], old.text)
    story.tell.shows("deprecated since", old.headers.get("deprecation"))
    story.tell.shows("replaced by", old.headers.get("link"))
    story.tell.holds("and names its successor", "successor-version" in old.headers.get("link", ""), old.headers)
    role = {"organizationRoles": {"roleNamesToAdd": ["org_member"]}}
    given = story.ask("PATCH", f"{csp}/groups/{group_id}/roles", json=role, headers=story.manager)
    story.tell.holds("the old path gives the group a role", given.is_success, given.text)
    new = story.ask("GET", f"/cloudapi/1.0.0/groups/urn:vcloud:group:{group_id}", headers=latest)
    story.tell.holds("cloudapi shows the group with it", "org_member" in new.text, new.text)
    roles = story.ask(
        "GET", f"/csp/gateway/am/api/users/{user}/orgs/{tenant}/roles-with-groups-info", headers=story.manager
    )
    story.tell.holds("the member holds it by the group", group_id in roles.text, roles.text)
    gone = story.ask("DELETE", f"/cloudapi/1.0.0/groups/urn:vcloud:group:{group_id}", headers=latest)
    story.tell.holds("cloudapi removes the group", gone.is_success, gone.text)
    after = story.ask("GET", f"{csp}/groups", headers=story.manager)
    story.tell.holds("and every dialect knows", after.json()["results"] == [], after.text)


CHAPTERS: Sequence[Callable[[Story], None]] = (sign_up, sign_in, verify, refresh, scopes, dialects, cloudapi, moving)
