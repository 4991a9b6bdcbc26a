"""Requests of go-vcloud-director 3.1 and Terraform's provider for VCF Automation 1.2, as they are on the wire: lists
with a slash at the end, tokens in three headers, six stars, and 403 as the one word for what is gone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kit.servers.served import Served, served

PASSWORD = "correct horse battery staple"
ACCEPT = "application/json;version=40.0"
SCIM = {"content-type": "application/scim+json"}
NOBODY = "00000000-0000-4000-8000-000000000000"


class Client:
    """What the library sends with each call after the sign-in."""

    def __init__(self, http: httpx.Client, token: str, org: dict[str, str] | None = None) -> None:
        self.http = http
        self.headers = {
            "authorization": f"bearer {token}", "x-vmware-vcloud-access-token": token,
            "x-vmware-vcloud-token-type": "Bearer", "accept": ACCEPT, "x-vmware-vcloud-client-request-id": "1-2-3",
        }  # fmt: skip
        if org is not None:  # the bare GUID, and the name
            self.headers["x-vmware-vcloud-tenant-context"] = org["id"].rpartition(":")[2]
            self.headers["x-vmware-vcloud-auth-context"] = org["name"]

    def ask(self, verb: str, path: str, expected: int, **request: Any) -> Any:
        answer = self.http.request(verb, f"/cloudapi/1.0.0/{path}", headers=self.headers, **request)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    def raw(self, verb: str, path: str, **request: Any) -> httpx.Response:
        return self.http.request(verb, f"/cloudapi/1.0.0/{path}", headers=self.headers, **request)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("director"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def operator(server: Served) -> Client:
    return Client(server.http, server.token(server.credentials["operatorApikey"]))


@pytest.fixture(scope="module")
def org(operator: Client) -> dict[str, Any]:
    """An organization as Terraform makes it."""
    body = {"name": "tf-org", "displayName": "terraform", "description": "", "isEnabled": True,
            "isClassicTenant": False}  # fmt: skip
    answer = operator.raw("POST", "orgs", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["content-location"].endswith(f"/orgs/{made['id']}")
    assert made["isClassicTenant"] is False
    return made


@pytest.fixture(scope="module")
def tenant(server: Served, operator: Client, org: dict[str, Any]) -> Client:
    """The operator in the organization."""
    return Client(server.http, operator.headers["x-vmware-vcloud-access-token"], org)


def local_user(client: Client, org: dict[str, Any], name: str, role: str = "org_owner") -> dict[str, Any]:
    found = client.ask("GET", "roles/", 200, params={"pageSize": 128, "filter": f"name=={role}"})
    body = {
        "username": name, "password": PASSWORD, "providerType": "LOCAL", "locked": False,
        "roleEntityRefs": [{"id": found["values"][0]["id"]}], "orgEntityRef": {"name": org["name"], "id": org["id"]},
    }  # fmt: skip
    made: dict[str, Any] = client.ask("POST", "users/", 201, json=body)
    return made


def signed_in(server: Served, name: str, org: str, password: str = PASSWORD) -> httpx.Response:
    basic = base64.b64encode(f"{name}@{org}:{password}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "accept": "application/*;version=40.0"}
    return server.http.post("/cloudapi/1.0.0/sessions", headers=headers)


def test_every_list_answers_with_a_slash_at_the_end(tenant: Client, org: dict[str, Any]) -> None:
    for path in ("orgs/", "roles/", "users/", "groups/", "rights/", "orgs", "roles", "users", "groups", "rights"):
        page = tenant.ask("GET", path, 200, params={"pageSize": 128})
        assert page["page"] == 1, path
        assert page["pageSize"] == 128
    named = tenant.ask("GET", "orgs/", 200, params={"pageSize": 128, "filter": f"name=={org['name']}"})
    assert named["values"] == [org]


@pytest.mark.parametrize(("version", "status"), [("36.0", 200), ("38.1", 200), ("40.0", 200), ("9.1.0", 200),
                                                 ("35.0", 406), ("41.0", 406), ("8.0", 406)])  # fmt: skip
def test_versions_are_negotiated_by_accept(operator: Client, version: str, status: int) -> None:
    headers = {**operator.headers, "accept": f"application/json;version={version}"}
    answer = operator.http.get("/cloudapi/1.0.0/orgs/", headers=headers)
    assert answer.status_code == status, answer.text
    if status == 406:
        assert answer.json().keys() == {"minorErrorCode", "message", "stackTrace"}


def test_terraform_makes_renames_reads_and_drops_a_user(server: Served, tenant: Client, org: dict[str, Any]) -> None:
    made = local_user(tenant, org, "tf-user")
    assert signed_in(server, "tf-user", "tf-org").status_code == 200
    renamed = {**made, "username": "tf-user2", "nameInSource": "tf-user", "password": "******"}
    assert tenant.ask("PUT", f"users/{made['id']}", 200, json=renamed)["username"] == "tf-user2"
    assert signed_in(server, "tf-user2", "tf-org").status_code == 200
    assert signed_in(server, "tf-user2", "tf-org", "******").status_code == 401
    listed = tenant.ask("GET", "users/", 200, params={"filter": "username==tf-user2", "pageSize": 128})
    assert [one["id"] for one in listed["values"]] == [made["id"]]
    assert not any("password" in one for one in listed["values"])
    tenant.ask("DELETE", f"users/{made['id']}", 202)
    gone = tenant.raw("GET", f"users/{made['id']}")
    assert (gone.status_code, gone.json()["minorErrorCode"]) == (403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN")


def test_gone_foreign_and_unknown_are_the_same_bytes(
    server: Served, operator: Client, tenant: Client, org: dict[str, Any]
) -> None:
    """Of each kind of entity: one that is deleted, one of another organization, one that never was."""
    local_user(tenant, org, "looker")
    looker = Client(server.http, signed_in(server, "looker", "tf-org").headers["x-vmware-vcloud-access-token"])
    role, foreign_role = (client.ask("POST", "roles", 201, json={"name": "gone"}) for client in (looker, operator))
    group, foreign_group = (client.ask("POST", "groups", 201, json={"name": "gone"}) for client in (looker, operator))
    user = local_user(looker, org, "leaver")
    home = f"urn:vcloud:org:{server.credentials['tenantId']}"
    for path, own, foreign, status in (
        ("roles", role, foreign_role["id"], 204), ("groups", group, foreign_group["id"], 204),
        ("users", user, f"urn:vcloud:user:{home}", 202), ("orgs", None, home, 0),
    ):  # fmt: skip
        ids = [foreign, f"urn:vcloud:{path.removesuffix('s')}:{NOBODY}"]
        if own is not None:
            looker.ask("DELETE", f"{path}/{own['id']}", status)
            ids.append(own["id"])
        answers = [looker.raw("GET", f"{path}/{each}") for each in ids]
        assert {(answer.status_code, answer.content) for answer in answers} == {(403, answers[0].content)}, path


def test_pages_are_followed_by_the_header_link(tenant: Client, org: dict[str, Any]) -> None:
    for number in range(3):
        local_user(tenant, org, f"page{number}", "org_member")
    seen, url = [], "/cloudapi/1.0.0/users/?pageSize=1&sortAsc=username&filter=username==page*"
    while url:
        answer = tenant.http.get(url, headers=tenant.headers)
        seen += [user["username"] for user in answer.json()["values"]]
        url = next((link["url"] for link in answer.links.values() if link["rel"] == "nextPage"), "")
    assert seen == ["page0", "page1", "page2"]


def test_a_role_gets_its_rights_as_terraform_gives_them(tenant: Client) -> None:
    rights = tenant.ask("GET", "rights/", 200, params={"filter": "name==organization.read"})["values"]
    role = tenant.ask("POST", "roles/", 201, json={"name": "tf-role", "description": "x"})
    references = {"values": [{"id": right["id"], "name": right["name"]} for right in rights]}
    assert tenant.ask("POST", f"roles/{role['id']}/rights", 200, json=references) == references
    assert tenant.ask("PUT", f"roles/{role['id']}/rights", 200, json={"values": []})["values"] == []
    assert tenant.ask("GET", f"roles/{role['id']}/rights", 200, params={"pageSize": 128})["resultTotal"] == 0
    taken = tenant.raw("POST", "roles/", json={"name": "TF-ROLE"})
    assert (taken.status_code, taken.json()["minorErrorCode"]) == (400, "DUPLICATE_NAME")
    tenant.ask("DELETE", f"roles/{role['id']}", 204)


def test_preferences_have_one_language_for_all(server: Served, tenant: Client, org: dict[str, Any]) -> None:
    user = local_user(tenant, org, "speaker")
    token = signed_in(server, "speaker", "tf-org").headers["x-vmware-vcloud-access-token"]
    speaker, path = Client(server.http, token), "preferences/internal:localLanguage"
    body = {"classifier": "internal:localLanguage", "name": "Local language", "value": "de"}
    assert speaker.ask("PUT", path, 200, json=body) == speaker.ask("GET", path, 200) == body
    assert speaker.ask("GET", f"users/{user['id']}/{path}", 200) == body
    assert speaker.raw("GET", "preferences/no:such").status_code == 404
    for version in ("/cloudapi/vcf/preferences", "/cloudapi/v1/preferences"):
        listed = server.http.get(version, params={"page": 1, "pageSize": 25}, headers=speaker.headers).json()
        assert body in listed["values"]


def test_a_user_of_cloudapi_is_managed_in_every_other_dialect(server: Served) -> None:
    """Made by cloudapi, changed by SCIM and by App ID, read by csp, and by cloudapi again."""
    tenant_id, manager = server.credentials["tenantId"], server.manager()
    home = Client(server.http, manager["authorization"].removeprefix("Bearer "))
    org = home.ask("GET", f"orgs/urn:vcloud:org:{tenant_id}", 200)
    made = local_user(home, org, "everywhere", "org_member")
    user_id = made["id"].rpartition(":")[2]
    described = {**made, "description": "Kept", "email": "every@example.com", "password": "******"}
    home.ask("PUT", f"users/{made['id']}", 200, json=described)
    patch = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "name.familyName", "value": "Where"}],
    }  # fmt: skip
    changed = server.http.patch(f"/scim/v2/Users/{user_id}", json=patch, headers={**manager, **SCIM})
    assert changed.status_code == 200, changed.text
    address = f"/management/v4/{tenant_id}/cloud_directory/Users/{user_id}"
    by_app_id = {**server.http.get(address, headers=manager).json(), "displayName": "By App ID"}
    assert server.http.put(address, json=by_app_id, headers=manager).status_code == 200
    listed = server.http.get(f"/csp/gateway/am/api/v2/orgs/{tenant_id}/users?pageLimit=128", headers=manager).json()
    by_csp = next(one["user"] for one in listed["results"] if one["user"]["userId"] == user_id)
    assert (by_csp["lastName"], by_csp["email"]) == ("Where", "every@example.com")
    after = home.ask("GET", f"users/{made['id']}", 200)
    assert (after["familyName"], after["fullName"], after["description"]) == ("Where", "By App ID", "Kept")
    assert signed_in(server, "everywhere", org["name"]).status_code == 200


def test_an_organization_is_disabled_and_deleted_as_terraform_does_it(operator: Client) -> None:
    made = operator.ask("POST", "orgs", 201, json={"name": "short-lived", "displayName": "x", "isEnabled": True})
    assert operator.ask("PUT", f"orgs/{made['id']}", 200, json={**made, "isEnabled": False})["isEnabled"] is False
    operator.ask("DELETE", f"orgs/{made['id']}", 202, params={"force": "true", "recursive": "true"})
    assert operator.raw("GET", f"orgs/{made['id']}").status_code == 403
    assert operator.ask("GET", "orgs/", 200, params={"filter": "name==short-lived"})["values"] == []
