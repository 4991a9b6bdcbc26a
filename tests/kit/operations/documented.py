"""The OpenAPI document as a tester uses it: its operations, and a tenant in which there is something to ask about."""

from __future__ import annotations

import base64
import copy
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from kit.operations.on_platform import on_platform
from kit.servers.command import ostiary_here
from kit.servers.served import Served
from PIL import Image
from schemathesis.generation.case import Case

from ostiary.services.openapi.document import document_file

DOCUMENT: dict[str, Any] = json.loads(document_file().read_text(encoding="utf-8"))
PASSWORD = "correct horse battery staple"
CALLBACK = "https://app.example.com/callback"
SESSIONS = "/cloudapi/1.0.0/sessions"
ABOUT_USERS = {"userId", "uuid", "id", "user", "username", "token", "refresh_token", "api_token", "emails"}
"""Variables and fields that tell of a user who must be there."""
TENANT_CONTEXT = "X-VMWARE-VCLOUD-TENANT-CONTEXT"
NEEDS_MORE = {
    "POST /management/v4/{tenantId}/cloud_directory/sign_up/confirmation_result": "a link that was followed",
    "POST /management/v4/{tenantId}/cloud_directory/forgot_password/confirmation_result": "a link that was followed",
    "GET /management/v4/{tenantId}/cloud_directory/export/status": "an export that was begun",
    "GET /management/v4/{tenantId}/cloud_directory/export/download": "an export that is done",
    "DELETE /management/v4/{tenantId}/cloud_directory/export/download": "an export that is done",
    "GET /management/v4/{tenantId}/cloud_directory/import/status": "an import that was begun",
    "GET /wfm/verify/{code}": "a code from a mail",
    "POST /wfm/verify/{code}": "a code from a mail",
    "POST /oauth/v4/{tenantId}/authorization/sign_in": "the page and its cookie",
    "POST /account/{tenantId}/sign_in/step": "the page and its cookie",
    "GET /scripts/{name}": "the name of a script as pages have it",
    "GET /reference/{name}": "the name of a file as the page has it",
    "POST /oidc/oauth2/authorize/{tenantId}": "the page and its cookie",
    "POST /oauth/v4/{tenantId}/authorization/saml": "the page and its cookie",
    "GET /oauth/v4/{tenantId}/Facebook/callback": "a sign-in that was begun there",
    "GET /oauth/v4/{tenantId}/Google/callback": "a sign-in that was begun there",
    "GET /oauth/v4/{tenantId}/OpenID/callback": "a sign-in that was begun there",
    "GET /oidc/oauth2/authorize/{tenantId}/{provider}": "a sign-in that was begun there",
    "POST /oidc/oauth2/authorize/{tenantId}/saml": "the page and its cookie",
    "POST /saml2/v1/{tenantId}/login-acs": "a response of an identity provider",
    "POST /api/admin/orgs": "a body in XML",
    "PUT /api/admin/org/{id}": "a body in XML",
    "POST /api/admin/org/{id}/roles": "a body in XML",
    "POST /api/admin/org/{id}/users": "a body in XML",
    "PUT /api/admin/role/{id}": "a body in XML",
    "PUT /api/admin/user/{id}": "a body in XML",
    "POST /management/v4/{tenantId}/config/cloud_directory/email_settings/test": "a mail provider",
    "POST /management/v4/{tenantId}/config/cloud_directory/sms_dispatcher/test": "an SMS provider",
    "POST /management/v4/{tenantId}/config/cloud_directory/mfa/extensions/{name}/test": "an extension",
    "POST /iaas/api/login": "an API token of a sign-in",
    "POST /oauth/provider/token": "an operator's API token",
    "POST /tm/oauth/provider/token": "an operator's API token",
    "POST /oauth/provider/device_authorization": "a service account of System",
    "POST /tm/oauth/provider/device_authorization": "a service account of System",
    "POST /oauth/provider/register": "an operator with a password",
    "POST /tm/oauth/provider/register": "an operator with a password",
    "POST /cloudapi/1.0.0/sessions/provider": "an operator with a password",
    "GET /": "a browser: it accepts text/html",
    "GET /oauth/v3/{tenantId}/cloud_directory/sso/logout": "a registered address to go to after a sign-out",
    "GET /oauth/v4/{tenantId}/cloud_directory/sso/logout": "a registered address to go to after a sign-out",
    "GET /oauth/v4/{tenantId}/cloud_directory/change_details": "a code from generate_code",
    "DELETE /management/v4/{tenantId}/cloud_directory/Users/{userId}/factors/{factorId}": "a factor of the user",
}
"""Operations that cannot succeed with what stands in their requests alone, and what else they need."""


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document without room for fields that it does not list, so that nothing stands in a request to be ignored."""
    exact = copy.deepcopy(document)
    for name, schema in exact["components"]["schemas"].items():
        if name.endswith("Input"):
            schema["additionalProperties"] = False
    return exact


def operations(document: dict[str, Any]) -> dict[str, Any]:
    found = schemathesis.openapi.from_dict(document).get_all_operations()
    return {operation.ok().label: operation.ok() for operation in found}


OPERATIONS, EXACT = operations(DOCUMENT), operations(closed(DOCUMENT))
BY_DIALECT = sorted(OPERATIONS, key=lambda label: "/management/" in label)
"""Management last, since it changes what the others rely on."""


@dataclass
class Known:
    """What one operation is asked about: things that exist, by the names that the document has for them (None: left
    out), and the headers of a caller who may ask."""

    values: dict[str, Any]
    headers: dict[str, str]

    def within(self, names: set[str]) -> dict[str, Any]:
        return {name: value for name, value in self.values.items() if name in names}


@dataclass
class World:
    """A tenant with things to be asked about."""

    server: Served
    session: requests.Session = field(default_factory=requests.Session)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def asked(self, verb: str, url: str, **request: Any) -> Any:
        answer = self.session.request(verb, url, **request)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def made(self, verb: str, path: str, **request: Any) -> Any:
        """Makes something in the tenant."""
        url = f"{self.server.credentials['managementUrl']}/{path}"
        return self.asked(verb, url, headers=self.server.manager(), **request)

    @cached_property
    def org(self) -> str:
        """The name of the tenant."""
        url = f"{self.server.url}/csp/gateway/am/api/orgs/{self.server.credentials['tenantId']}"
        name: str = self.asked("GET", url, headers=self.server.manager())["name"]
        return name

    @cached_property
    def logo(self) -> str:
        """What the address of the tenant's logo ends with."""
        self.made("POST", "config/ui/media?mediaType=logo", files={"file": ("logo.png", picture(), "image/png")})
        digest: str = self.made("GET", "config/ui/media")["image"].rpartition("/")[2]
        return digest

    def application(self, *scopes: str) -> str:
        """The client id of a new application with these scopes."""
        made: str = self.made("POST", "applications", json={"name": "an app"})["clientId"]
        if scopes:
            self.made("PUT", f"applications/{made}/scopes", json={"scopes": scopes})
        return made

    def attribute(self, headers: dict[str, str]) -> str:
        """The name of an attribute that the user behind `headers` has."""
        self.asked("PUT", f"{self.server.url}/api/v1/attributes/points", data="7", headers=headers)
        return "points"

    def user(self) -> tuple[dict[str, Any], dict[str, Any], str]:
        """A new user of the directory, the tokens that an application got for it, and an API token."""
        address = f"user{next(self.numbers)}@example.com"
        user = {"emails": [{"value": address, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
        made = self.made("POST", "cloud_directory/sign_up?shouldCreateProfile=true", json=user)
        form = {"grant_type": "password", "username": address, "password": PASSWORD}
        client = (self.server.credentials["clientId"], self.server.credentials["secret"])
        tokens = self.asked("POST", f"{self.server.credentials['oauthServerUrl']}/token", data=form, auth=client)
        return made, tokens, self.signed_in(address)["refresh_token"]

    def signed_in(self, address: str) -> dict[str, Any]:
        """The tokens of a user of the directory who signs in by password at csp."""
        login = {"username": address, "password": PASSWORD, "domain": self.org}
        tokens: dict[str, Any] = self.asked(
            "POST", f"{self.server.url}/csp/gateway/am/api/login?access_token=", json=login
        )
        return tokens

    def service_account(self) -> str:
        """The client id of a new service account."""
        wanted = {"client_name": f"robot {next(self.numbers)}", "software_id": "robot", "scope": "org_member"}
        url = f"{self.server.url}/oauth/tenant/{self.org}/register"
        client_id: str = self.asked("POST", url, json=wanted, headers=self.server.manager())["client_id"]
        return client_id

    def user_code(self) -> str:
        """The code of a device that waits."""
        url = f"{self.server.url}/oauth/tenant/{self.org}/device_authorization"
        user_code: str = self.asked("POST", url, data={"client_id": self.service_account()})["user_code"]
        return user_code

    @cached_property
    def operator(self) -> dict[str, str]:
        """Headers of an operator."""
        return {"authorization": f"Bearer {self.server.token(self.server.credentials['operatorApikey'])}"}

    @cached_property
    def service(self) -> dict[str, Any]:
        """A service definition with one role, `store:user`."""
        return self.defined("service-definition", "create", "store", "--role", "store:user")

    def defined(self, *command: str) -> dict[str, Any]:
        """What an operator defines on the command line."""
        made = ostiary_here(*command, "--json", cwd=self.server.folder, **self.server.variables)
        assert made.code == 0, made.stderr
        document: dict[str, Any] = made.json()
        return document

    def entity(self, kind: str, **attributes: Any) -> str:
        """The URN of a new entity of cloudapi, such as of `groups`."""
        url, name = f"{self.server.url}/cloudapi/1.0.0/{kind}", f"{kind}-{next(self.numbers)}"
        headers = self.operator if kind == "orgs" else self.server.manager()
        urn: str = self.asked("POST", url, json={"name": name, **attributes}, headers=headers)["id"]
        return urn

    def task(self) -> str:
        """The id of a task: the deletion of a user."""
        users, name = f"{self.server.url}/cloudapi/1.0.0/users", f"gone{next(self.numbers)}"
        user = {"username": name, "password": PASSWORD, "roleEntityRefs": [{"name": "org_member"}]}
        urn = self.asked("POST", users, json=user, headers=self.server.manager())["id"]
        deleted = self.session.delete(f"{users}/{urn}", headers=self.server.manager())
        return deleted.headers["location"].rpartition("/")[2]

    @cached_property
    def org_role(self) -> str:
        """The GUID of an organization role in csp."""
        url = f"{self.server.url}/csp/gateway/am/api/orgs/{self.server.credentials['tenantId']}/roles"
        links = self.asked("GET", url, headers=self.server.manager())["refLinks"]
        guid: str = links[0].rpartition("/")[2]
        return guid

    def as_owner(self, user_id: str, address: str) -> dict[str, str]:
        """Headers of a user of the directory who signed in and owns the organization: an API token does not suffice."""
        path = f"users/{user_id}/orgs/{self.server.credentials['tenantId']}/roles"
        change = {"roleNamesToAdd": ["org_owner"]}
        self.asked("PATCH", f"{self.server.url}/csp/gateway/am/api/{path}", json=change, headers=self.server.manager())
        return {"authorization": f"Bearer {self.signed_in(address)['access_token']}"}

    def with_id_token(self, address: str) -> dict[str, str]:
        """Headers with an identity token of a user."""
        url, client = f"{self.server.url}/csp/gateway/am/api/auth/token", self.server.credentials
        form = {"grant_type": "password", "username": address, "password": PASSWORD}
        id_token = self.asked("POST", url, data=form, auth=(client["clientId"], client["secret"]))["id_token"]
        return {"authorization": f"Bearer {id_token}"}

    @cached_property
    def right(self) -> str:
        """The URN of a right."""
        url = f"{self.server.url}/cloudapi/1.0.0/rights?pageSize=1"
        urn: str = self.asked("GET", url, headers=self.server.manager())["values"][0]["id"]
        return urn

    def token(self) -> str:
        """The URN of an API token of a new user, so that no other request ends it."""
        owner = self.user()[0]["emails"][0]["value"]
        url = f"{self.server.url}/cloudapi/1.0.0/tokens"
        found = self.asked("GET", url, params={"filter": f"owner.name=={owner}"}, headers=self.server.manager())
        urn: str = found["values"][0]["id"]
        return urn


def picture() -> bytes:
    """A small PNG."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    return content.getvalue()


def sent(operation: Any) -> set[str]:
    """The fields of the body that the document lists."""
    names: set[str] = set()
    for content in operation.definition.raw.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        names |= set(DOCUMENT["components"]["schemas"].get(name, {}).get("properties", {}))
    return names


def known(world: World, operation: Any) -> Known:
    """New things for an operation, since some delete theirs, and a caller: a Manager, or whom the operation is for."""
    credentials, path = world.server.credentials, operation.path
    names = set(re.findall(r"{(\w+)}", path)) | sent(operation)
    ways = set().union(*operation.definition.raw["security"])
    headers = {TENANT_CONTEXT: credentials["tenantId"]} if TENANT_CONTEXT in str(operation.definition.raw) else {}
    values: dict[str, Any] = {
        "tenantId": credentials["tenantId"], "orgId": credentials["tenantId"], "tenant": world.org, "domain": world.org,
        "client_id": credentials["clientId"], "client_secret": credentials["secret"], "redirect_uri": CALLBACK,
        "apikey": credentials["apikey"], "language": "en", "digest": world.logo, "file": picture(),
    }  # fmt: skip
    if "bearer" in ways:
        headers |= world.server.manager()
    if names & ABOUT_USERS or "endUser" in ways or path == SESSIONS or "/tokens" in path or "/register" in path:
        user, tokens, api_token = world.user()
        access_token = tokens["access_token"]
        address = user["emails"][0]["value"]
        values |= {
            "userId": user["id"], "uuid": user["id"], "id": user["profileId"] if "/users/" in path else user["id"],
            "user": address, "email": address, "username": address, "password": PASSWORD, "token": access_token,
            "newPassword": f"{PASSWORD} 2", "api_token": api_token, "refresh_token": api_token,
        }  # fmt: skip
        new = [{"value": f"new{next(world.numbers)}@example.com"}]
        values["emails"] = user["emails"] if operation.method == "put" else new
        if "endUser" in ways:
            headers["authorization"] = f"Bearer {access_token}"
            values["id_token"] = tokens["id_token"]
            values["name"] = world.attribute(headers)
        if path.endswith("/register"):
            values |= {"software_id": None, "scope": None}
            headers["authorization"] = f"Bearer {world.signed_in(address)['access_token']}"
        if path == SESSIONS and operation.method == "post":
            basic = base64.b64encode(f"{address}@{world.org}:{PASSWORD}".encode()).decode()
            headers["authorization"] = f"Basic {basic}"
    if "clientId" in names:
        values["clientId"] = world.application()
    values |= things(world, path, names) | by_path(path)
    about, label = Known(values, headers), f"{operation.method.upper()} {path}"
    return on_platform(world, label, about)


def things(world: World, path: str, names: set[str]) -> dict[str, Any]:
    """What else must exist, or be said in one way only, for an operation that names it."""
    values: dict[str, Any] = {}
    if path.startswith("/scim/v2/Users"):
        values["schemas"] = ["urn:ietf:params:scim:schemas:core:2.0:User"]
    if "access" in names and "/roles" in path:
        values["access"] = [{"application_id": world.application("read"), "scopes": ["read"]}]
    if path in ("/api/org/{id}", "/api/admin/org/{id}"):
        values["id"] = world.server.credentials["tenantId"]
    if "/serviceAccounts/" in path:
        values["id"] = f"urn:vcloud:serviceAccount:{world.service_account()}"
        values["role"] = {"name": "org_member"}
    if path.endswith("/tenant/{tenant}/device_authorization"):
        values["client_id"] = world.service_account()
    if "/deviceLookup" in path:
        values["userCode"] = world.user_code()
    if path == "/cloudapi/1.0.0/tokens/{id}":
        values["id"] = world.token()
    if "tokenId" in names:
        values["tokenId"] = world.made("POST", "scim_tokens", json={"name": f"token {next(world.numbers)}"})["id"]
    if "roleId" in names:
        values["roleId"] = world.made("POST", "roles", json={"name": f"role {next(world.numbers)}", "access": []})["id"]
    return values


def by_path(path: str) -> dict[str, Any]:
    """What the same name holds at some paths only."""
    if path.startswith("/oauth/v"):
        return {"grant_type": "password"}
    if "oauth" in path or "/auth/token" in path:
        client = {} if path.endswith("/device_authorization") else {"client_id": None, "client_secret": None}
        return {"grant_type": "refresh_token", **client}
    if "/channels/" in path:
        return {"channel": "nexmo", "config": {"key": "key", "secret": "secret", "from": "Ostiary"}}
    return {}


def prepared(server: Served, labels: Iterable[str] = OPERATIONS) -> tuple[World, dict[str, Known]]:
    """The tenant, and what each operation is asked about: made before the first is asked, since what one changes (a
    password rule, a provider) may forbid it later."""
    world = World(server)
    world.made("PUT", "config/redirect_uris", json={"redirectUris": [CALLBACK]})
    world.made("PUT", "config/cloud_directory/action_url/on_user_verified", json={"actionUrl": CALLBACK})
    world.made("PUT", "config/mobile_registration", json={"isActive": True})
    return world, {label: known(world, OPERATIONS[label]) for label in labels}


def good_cases(label: str, about: Known, media_type: str | None = None) -> st.SearchStrategy[Case]:
    """Requests about what exists, with nothing in them to be ignored; the smallest first. `media_type`: only such."""

    def fill(case: Case) -> Case:
        if isinstance(case.body, dict):
            filled = {**case.body, **about.within(sent(case.operation))}
            case.body = {name: value for name, value in filled.items() if value is not None}
        case.query |= about.within(set(case.query))
        return case

    values = about.within(variables(label))
    return EXACT[label].as_strategy(path_parameters=values, media_type=media_type).map(fill)


def variables(label: str) -> set[str]:
    """The variables of a path."""
    return set(re.findall(r"{(\w+)}", label))
