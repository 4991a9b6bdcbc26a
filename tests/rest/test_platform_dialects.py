"""csp, cloudapi, oidc and SCIM through the real gateway: paths, headers and error bodies as their own clients see them,
and one person met in all of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest
from kit.operations.deprecated import owns, run, signed_in
from kit.servers.command import ostiary_here
from kit.servers.served import Served, served

from ostiary.directory.roles.built_in import role_id

PASSWORD = "correct horse battery staple"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
SCIM = {"content-type": "application/scim+json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("platform"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: Served) -> httpx.Client:
    return server.http


@pytest.fixture(scope="module")
def ann(server: Served, http: httpx.Client) -> dict[str, Any]:
    """A user whom a Manager of the tenant has provisioned by SCIM."""
    user = {"schemas": [USER], "userName": "ann", "password": PASSWORD, "emails": [{"value": "ann@example.com"}]}
    answer = http.post("/scim/v2/Users", json=user, headers={**server.manager(), **SCIM})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/scim+json"), answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == made["meta"]["location"]
    assert answer.headers["etag"] == made["meta"]["version"]
    return made


@pytest.mark.parametrize(
    ("verb", "path", "content", "status", "successor"),
    [
        ("POST", "login", b"{", 400, "/oauth/tenant/%7Btenant%7D/token"),
        ("POST", "login", b'{"username": ["x"]}', 400, "/oauth/tenant/%7Btenant%7D/token"),
        ("POST", "login", b"x" * 2_000_000, 413, "/oauth/tenant/%7Btenant%7D/token"),
        ("POST", "login", b'{"username": "nobody", "password": "x"}', 401, "/oauth/tenant/%7Btenant%7D/token"),
        ("GET", "v2/orgs/x/users?pageStart=many", b"", 400, "/cloudapi/1.0.0/users"),
        ("GET", "auth/keys", b"", 200, "/oidc/oauth2/jwks"),
        ("HEAD", "auth/keys", b"", 200, "/oidc/oauth2/jwks"),
    ],
)
def test_a_deprecated_operation_names_its_successor_whoever_answers(
    http: httpx.Client, verb: str, path: str, content: bytes, status: int, successor: str
) -> None:
    kind = {"content-type": "application/json"}
    answer = http.request(verb, f"/csp/gateway/am/api/{path}", content=content, headers=kind)
    assert answer.status_code == status, answer.text
    assert answer.headers.get_list("deprecation") == ["@1735689600"]
    assert answer.headers.get_list("link") == [f'<{successor}>; rel="successor-version"']


@pytest.mark.parametrize("path", ["/csp/gateway/am/api/nothing", "/identity/token", "/scim/v2/Users"])
def test_what_is_not_deprecated_does_not_say_so(http: httpx.Client, path: str) -> None:
    answer = http.post(path, content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code >= 400
    assert not {"deprecation", "link"} & set(answer.headers)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


def org_of(server: Served) -> str:
    answer = server.http.get("/cloudapi/1.0.0/orgs", headers=server.manager())
    name: str = answer.json()["values"][0]["name"]
    return name


def test_a_csp_client_signs_in_swaps_its_api_token_and_sees_itself(http: httpx.Client, ann: dict[str, Any]) -> None:
    who = {"username": "ann", "password": PASSWORD}
    short = http.post("/csp/gateway/am/api/login", json=who)
    assert short.json().keys() == {"cspAuthToken"}
    assert short.headers["link"] == '</oauth/tenant/%7Btenant%7D/token>; rel="successor-version"'
    for flag in ("?access_token", "?access_token=", "?access_token=true"):
        full = http.post(f"/csp/gateway/am/api/login{flag}", json=who).json()
        assert {"access_token", "refresh_token", "id_token", "token_type", "expires_in"} <= full.keys()
    api_token = full["refresh_token"]
    for request in ({"data": {"refresh_token": api_token}}, {"params": {"refresh_token": api_token}}):
        swapped = http.post("/csp/gateway/am/api/auth/api-tokens/authorize", **request).json()
        caller = http.get(
            "/csp/gateway/am/api/loggedin/user?expand", headers={"csp-auth-token": swapped["access_token"]}
        )
        assert (caller.json()["id"], "userProfile" in caller.json()) == (ann["id"], True)


def test_a_director_client_signs_in_lists_organizations_and_signs_out(
    server: Served, http: httpx.Client, ann: dict[str, Any]
) -> None:
    org, accept = org_of(server), {"accept": "application/json;version=37.0"}
    answer = http.post("/cloudapi/1.0.0/sessions", headers={**basic(f"ann@{org}"), **accept})
    token, session = answer.headers["x-vmware-vcloud-access-token"], answer.json()
    assert (answer.status_code, session["user"]["id"]) == (200, f"urn:vcloud:user:{ann['id']}")
    bearer = {"authorization": f"Bearer {token}", **accept}
    assert http.get("/cloudapi/1.0.0/sessions/current", headers=bearer).json() == session
    orgs = http.get("/cloudapi/1.0.0/orgs", params={"filter": f"name=={org};isEnabled==true"}, headers=bearer).json()
    assert [one["name"] for one in orgs["values"]] == [org]
    assert http.delete("/cloudapi/1.0.0/sessions/current", headers=bearer).status_code == 204
    assert http.get("/cloudapi/1.0.0/sessions/current", headers=bearer).status_code == 401


def test_an_operator_pages_by_the_links(server: Served, http: httpx.Client) -> None:
    operator = {"authorization": f"Bearer {server.token(server.credentials['operatorApikey'])}"}
    answer = http.get("/cloudapi/1.0.0/orgs?pageSize=1&sortDesc=name", headers=operator)
    following = next(link for link in answer.links.values() if link["rel"] == "nextPage")["url"]
    both = [one["values"][0]["name"] for one in (answer.json(), http.get(following, headers=operator).json())]
    assert both == ["System", org_of(server)]


def test_every_dialect_refuses_in_its_own_words(server: Served, http: httpx.Client, ann: dict[str, Any]) -> None:
    manager = server.manager()
    csp = http.post("/csp/gateway/am/api/login", json={"username": "ann", "password": "wrong"})
    assert (csp.status_code, csp.json()["cspErrorCode"]) == (401, "csp.wrong.credentials")
    cloudapi = http.get("/cloudapi/1.0.0/orgs", headers={**manager, "accept": "application/json;version=12.0"})
    assert (cloudapi.status_code, cloudapi.json()["minorErrorCode"]) == (406, "NOT_ACCEPTABLE")
    scim = http.get("/scim/v2/Users", params={"filter": 'userName like "a"'}, headers=manager)
    assert (scim.status_code, scim.json()["scimType"], scim.json()["status"]) == (400, "invalidFilter", "400")
    taken = http.post("/scim/v2/Users", json={"schemas": [USER], "userName": "ANN"}, headers={**manager, **SCIM})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    oidc = http.post("/oidc/oauth2/token", data={"grant_type": "password"})
    assert (oidc.status_code, oidc.json()["error"]) == (400, "unsupported_grant_type")
    tenant = http.post("/oauth/tenant/nowhere/token", data={"grant_type": "refresh_token", "refresh_token": "x"})
    assert (tenant.status_code, tenant.json()["error"]) == (400, "invalid_grant")
    assert http.get("/oidc/userinfo").headers["www-authenticate"].startswith("Bearer")


def test_foreign_and_unknown_organizations_are_byte_identical(server: Served, http: httpx.Client) -> None:
    manager = server.manager()
    for path, header in (("/csp/gateway/am/api/orgs/{}", ""), ("/cloudapi/1.0.0/orgs", "x"), ("/scim/v2/Users", "x")):
        seen = set()
        for org in ("a93c9db9-7471-3192-8d09-a8f7eeda85f9", "00000000-0000-4000-8000-000000000000"):
            headers = {**manager, **({"x-vmware-vcloud-tenant-context": org} if header else {})}
            answer = http.get(path.format(org), headers=headers)
            seen.add((answer.status_code, answer.content))
        assert len(seen) == 1
        assert seen.pop()[0] in (403, 404)


def test_a_version_that_is_known_already_answers_304(server: Served, http: httpx.Client, ann: dict[str, Any]) -> None:
    headers = {**server.manager(), "if-none-match": ann["meta"]["version"]}
    answer = http.get(f"/scim/v2/Users/{ann['id']}", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")


def test_both_metadata_documents_name_what_answers(http: httpx.Client) -> None:
    for path in ("/.well-known/openid-configuration", "/oidc/.well-known/openid-configuration"):
        answer = http.get(path)
        found = answer.json()
        assert http.get(found["authorization_endpoint"]).status_code == 400
        assert "You are signed out" in http.get(found["end_session_endpoint"]).text
        assert http.get(found["jwks_uri"]).json()["keys"]
        assert http.post(found["token_endpoint"]).status_code == 400
        assert http.get(found["userinfo_endpoint"]).status_code == 401
    assert found["issuer"].endswith("/oidc")


def test_a_browser_signs_in_at_oidc_and_csp_knows_its_tokens(
    server: Served, http: httpx.Client, ann: dict[str, Any]
) -> None:
    tenant = f"/management/v4/{server.credentials['tenantId']}"
    uris = {"redirectUris": ["http://127.0.0.1/done"]}
    assert http.put(f"{tenant}/config/redirect_uris", json=uris, headers=server.manager()).is_success
    client = http.post(f"{tenant}/applications", json={"name": "web"}, headers=server.manager()).json()
    asked = {
        "client_id": client["clientId"], "response_type": "code", "redirect_uri": "http://127.0.0.1/done",
        "scope": "openid email",
    }  # fmt: skip
    page = http.get("/oidc/oauth2/authorize", params=asked)
    form = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    action = re.findall(r'action="([^"]+)"', page.text)[0]
    back = http.post(action, data={**form, "username": "ann", "password": PASSWORD})
    assert back.status_code == 303, back.text
    code = httpx.URL(back.headers["location"]).params["code"]
    grant = {"grant_type": "authorization_code", "redirect_uri": asked["redirect_uri"], "code": code}
    tokens = http.post("/oidc/oauth2/token", data=grant, auth=(client["clientId"], client["secret"])).json()
    claims = http.post("/oidc/userinfo", data={"access_token": tokens["access_token"]}).json()
    assert (claims["sub"], claims["email"], None in claims.values()) == (ann["id"], "ann@example.com", False)
    checked = http.get("/oauth/check_id_token", headers={"authorization": f"Bearer {tokens['id_token']}"})
    assert (checked.json()["sub"], checked.json()["group_names"]) == (ann["id"], [])
    assert (checked.headers["deprecation"], "link" in checked.headers) == ("@1735689600", False)
    carried = {"ex-identity-auth-token": tokens["id_token"]}
    assert http.post("/csp/gateway/am/api/auth/logout", headers=carried).json()["url"].startswith(server.url)
    assert http.get("/oidc/userinfo", headers=bearer(tokens["access_token"])).status_code == 401


def test_a_user_made_by_app_id_is_at_once_in_scim_csp_and_cloudapi(server: Served, http: httpx.Client) -> None:
    manager, tenant_id = server.manager(), server.credentials["tenantId"]
    made = http.post(
        f"/management/v4/{tenant_id}/cloud_directory/Users",
        json={
            "emails": [{"value": "bob@example.com", "primary": True}], "userName": "bob", "password": PASSWORD,
            "status": "CONFIRMED",
        },
        headers=manager,
    ).json()  # fmt: skip
    found = http.get("/scim/v2/Users", params={"filter": 'emails.value eq "BOB@example.com"'}, headers=manager).json()
    assert [user["id"] for user in found["Resources"]] == [made["id"]]
    listed = http.get(f"/csp/gateway/am/api/v2/orgs/{tenant_id}/users?pageLimit=128", headers=manager).json()
    assert made["id"] in [one["user"]["userId"] for one in listed["results"]]
    session = http.post("/cloudapi/1.0.0/sessions", headers=basic(f"bob@{org_of(server)}"))
    assert session.json()["user"]["id"] == f"urn:vcloud:user:{made['id']}"
    assert session.json()["roles"] == []


def test_csp_answers_arrays_and_empty_bodies_as_documented(
    server: Served, http: httpx.Client, ann: dict[str, Any]
) -> None:
    manager, org, end = server.manager(), server.credentials["tenantId"], 4_102_444_800
    roles = f"/csp/gateway/am/api/users/{ann['id']}/orgs/{org}/roles"
    for path, update, expires in (
        (roles, {"rolesToAdd": [{"name": "org_member", "expiresAt": end}]}, end),
        (roles, {"rolesToAdd": [{"name": "org_member", "expiresAt": str(end + 1)}]}, end + 1),
        (roles.replace("/users/", "/v3/users/"), {"organizationRoles": {"roleNamesToAdd": ["org_member"]}}, None),
    ):
        changed = http.patch(path, json=update, headers=manager)
        assert (changed.status_code, changed.content, changed.headers.get("content-type")) == (200, b"", None)
        (held,) = http.get(roles, headers=manager).json()
        assert (held["name"], held.get("expiresAt")) == ("org_member", expires)
    mine = http.get(f"/csp/gateway/am/api/loggedin/user/orgs/{org}/roles", headers=manager)
    assert [role["name"] for role in mine.json()] == ["org_owner"]
    http.patch(roles, json={"roleNamesToRemove": ["org_member"]}, headers=manager)
    none = http.get(roles, headers=manager)
    assert (none.content, none.headers["content-type"]) == (b"[]", "application/json")
    refused = http.patch(roles, json={"roleNamesToAdd": ["unknown"]}, headers=manager)
    assert (refused.status_code, refused.json()["errorCode"]) == (404, "ROLE_NOT_FOUND")
    wrong = http.patch(roles, json={"roleNamesToAdd": "org_member"}, headers=manager)
    assert (wrong.status_code, wrong.headers["deprecation"]) == (400, "@1735689600")


def test_csp_takes_flags_without_a_value_and_its_links_lead_on(server: Served, http: httpx.Client) -> None:
    manager, org = server.manager(), server.credentials["tenantId"]
    for name in ("page1", "page2"):
        http.post("/scim/v2/Users", json={"schemas": [USER], "userName": name}, headers={**manager, **SCIM})
    link, seen = f"/csp/gateway/am/api/orgs/{org}/users?pageLimit=1&expandProfile", []
    while link:
        page = http.get(link, headers=manager).json()
        seen += [one["user"]["username"] for one in page["results"] if "userProfile" in one["user"]]
        link = page.get("nextLink", "")
    assert (len(seen), seen) == (page["totalResults"], sorted(seen))
    found = http.get(f"/csp/gateway/am/api/orgs/{org}/users/search?userSearchTerm=AGE&expandProfile", headers=manager)
    assert [one["user"]["username"] for one in found.json()["results"]] == ["page1", "page2"]
    assert http.get(f"/csp/gateway/am/api/users/page1@{org_of(server)}", headers=manager).json()["username"] == "page1"
    definitions = http.get("/csp/gateway/slc/api/definitions?expand", headers=manager)
    assert (definitions.status_code, "link" in definitions.headers) == (200, False)
    assert definitions.headers["deprecation"] == "@1735689600"


def test_groups_made_by_scim_are_found_given_roles_and_removed_in_csp(
    server: Served, http: httpx.Client, ann: dict[str, Any]
) -> None:
    manager, org, api = server.manager(), server.credentials["tenantId"], "/csp/gateway/am/api"
    orgs = f"{api}/orgs/{org}"
    crew, team = (
        http.post("/scim/v2/Groups", headers={**manager, **SCIM}, json={
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
            "members": [{"value": ann["id"]}],
        }).json()["id"]
        for name in ("Crew ü", "Team")
    )  # fmt: skip
    (found,) = http.get(f"{api}/groups/search?searchTerm=CREW%20Ü", headers=manager).json()["results"]
    assert (found["id"], found["usersCount"], found["groupType"]) == (crew, 1, "USER_GROUP")
    change = {"organizationRoles": {"rolesToAdd": [{"name": "org_owner", "expiresAt": "4102444800"}]}}
    changed = http.patch(f"{orgs}/groups/{crew}/roles", json=change, headers=manager)
    assert (changed.status_code, changed.content) == (200, b"")
    (role,) = http.get(f"{orgs}/groups/{crew}/roles", headers=manager).json()["organizationRoles"]
    assert (role["name"], role["membershipType"], role["expiresAt"]) == ("org_owner", "DIRECT", "4102444800")
    first = http.get(f"{orgs}/groups?pageLimit=1", headers=manager).json()
    second = http.get(first["nextLink"], headers=manager).json()
    assert [page["results"][0]["id"] for page in (first, second)] == [crew, team]
    users = http.get(f"{orgs}/groups/{crew}/users?onlyDirectUsers=true&email=ANN", headers=manager).json()
    assert [user["userId"] for user in users["results"]] == [ann["id"]]
    body = {"ids": [crew, "unknown"], "notifyUsersInGroups": False}
    removed = http.request("DELETE", f"{orgs}/groups", json=body, headers=manager)
    assert removed.json() == {
        "succeeded": [crew], "failed": ["unknown"],
        "failures": [{"id": "unknown", "message": "This organization has no such group."}],
    }  # fmt: skip
    assert removed.headers["link"] == '</cloudapi/1.0.0/groups>; rel="successor-version"'
    for content, reason in ((b"", "BODY_MISSING"), (b"{}", "GROUPS_MISSING")):
        headers = {**manager, "content-type": "application/json"}
        empty = http.request("DELETE", f"{orgs}/groups", content=content, headers=headers)
        assert (empty.status_code, empty.json()["errorCode"]) == (400, reason)
    http.request("DELETE", f"{orgs}/groups", json={"ids": [team]}, headers=manager)


def test_roles_of_an_organization_are_whole_only_with_the_flag(server: Served, http: httpx.Client) -> None:
    manager, org = server.manager(), server.credentials["tenantId"]
    orgs = f"/csp/gateway/am/api/orgs/{org}"
    named = http.get(f"{orgs}/roles?name=org_owner,org_member", headers=manager).json()
    assert (len(named["refLinks"]), named["orgRolesData"]) == (2, [])
    for flag in ("expand", "expand=", "expand=false"):
        whole = http.get(f"{orgs}/roles?name=org_owner&{flag}", headers=manager).json()
        (role,) = whole["orgRolesData"]
        assert whole["refLinks"] == [role["refLink"]]
        assert http.get(role["refLink"], headers=manager).json() == role
    below = http.get(f"{orgs}/sub-orgs", headers=manager)
    assert (below.content, below.headers["content-type"]) == (b"[]", "application/json")
    change = {"userList": [{"userName": "nobody", "orgRolesUpdateRequest": {"roleNamesToAdd": ["org_member"]}}]}
    answer = http.patch(f"{orgs}/roles", json=change, headers=manager).json()
    assert answer == {
        "successOrgRolesUsernames": [], "failedOrgRolesUsernames": ["nobody"], "successServiceRolesUsernames": [],
        "failedServicesRolesUsernames": [],
    }  # fmt: skip


def test_a_language_that_is_chosen_in_csp_is_the_locale_of_scim(
    server: Served, http: httpx.Client, ann: dict[str, Any]
) -> None:
    profile = "/csp/gateway/am/api/loggedin/user/profile"
    who = {"username": "ann", "password": PASSWORD}
    token = http.post("/csp/gateway/am/api/login", json=who).json()["cspAuthToken"]
    headers = {"csp-auth-token": token}
    preferences = {"language": "fr-CH", "locale": "it"}
    stored = http.put(f"{profile}/locale-preferences", json=preferences, headers=headers)
    assert (stored.status_code, stored.json()) == (200, {"locale": "fr-CH", "language": "fr"})
    assert http.get(f"/scim/v2/Users/{ann['id']}", headers=server.manager()).json()["locale"] == "fr-CH"
    assert http.patch(profile, json={"language": "ja"}, headers=headers).json()["language"] == "ja"
    assert http.get(f"/scim/v2/Users/{ann['id']}", headers=server.manager()).json()["locale"] == "ja"
    told = http.get("/csp/gateway/am/api/userinfo", headers=bearer(token)).json()
    assert (told["sub"], told["context_name"], "email_verified" in told) == (
        ann["id"], server.credentials["tenantId"], False
    )  # fmt: skip
    nobody = http.get("/csp/gateway/am/api/userinfo")
    assert (nobody.status_code, nobody.json()["errorCode"]) == (401, "INVALID_ACCESS_TOKEN")


def test_each_curl_of_the_page_of_deprecated_operations_works(server: Served, http: httpx.Client) -> None:
    manager, org = server.manager(), server.credentials["tenantId"]

    def made(name: str, kind: str = "Users") -> str:
        facts = {"userName": name, "password": PASSWORD} if kind == "Users" else {"displayName": name}
        schema = f"urn:ietf:params:scim:schemas:core:2.0:{kind[:-1]}"
        answer = http.post(f"/scim/v2/{kind}", json={"schemas": [schema], **facts}, headers={**manager, **SCIM})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    owns(http, manager, org, made("olga"))
    user, tokens, spent, spent_too = made("olgas-bob"), *(signed_in(http, "olga") for _ in range(3))
    service = ostiary_here(
        "service-definition", "create", "catalog", "--role", "catalog:user", "--json", cwd=server.folder,
        **server.variables,
    )  # fmt: skip
    assert service.code == 0, service.stderr
    failed = run({
        "URL": server.url, "TENANT": org_of(server), "ORG": org, "LOGIN": "olga", "PASSWORD": PASSWORD, "USER": user,
        "NAME": "olgas-bob", "ROLE": role_id(org, "org_member"), "GROUP": made("developers", "Groups"),
        "OLD_GROUP": made("old", "Groups"), "OTHER_GROUP": made("other", "Groups"),
        "DEFINITION": service.json()["id"], "API_TOKEN": tokens["refresh_token"], "ID_TOKEN": tokens["id_token"],
        "SESSION": spent["access_token"], "OTHER_SESSION": spent_too["access_token"],
        "AS": f"Authorization: Bearer {tokens['access_token']}",
        "AS_OPERATOR": f"Authorization: {manager['authorization']}",
        "VERSION": "Accept: application/json;version=40.0",
    })  # fmt: skip
    assert failed == {}
