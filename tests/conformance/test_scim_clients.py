"""SCIM through the real gateway: scim2-tester, scim-sanity, scim2-client and scim2-cli, unmodified, and the requests of
Entra and Okta in their order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from kit.patience import PATIENCE_S
from kit.scim import ENTERPRISE, GROUP, PATCH, USER
from kit.servers.served import Served, served

FOLDER = Path(__file__).parent / "scim_clients"
FOREIGN_SCHEMA = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients, beside the environment of the tests."""
    folder = tmp_path_factory.mktemp("scim_clients")
    wanted = ["pip", "install", "--quiet", "--no-deps", "--target", str(folder), "-r", str(FOLDER / "requirements.txt")]
    done = subprocess.run([Path(sys.executable).parent / "uv", *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the clients cannot be installed here: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("scim"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def url(server: Served) -> str:
    return f"{server.url}/scim/v2"


@pytest.fixture(scope="module")
def token(server: Served) -> str:
    """A SCIM token, as an administrator of the tenant makes it."""
    place = f"{server.url}/management/v4/{server.credentials['tenantId']}/scim_tokens"
    asked = {"name": "Entra", "expiresInDays": 365}
    made = httpx.post(place, json=asked, headers=server.manager(), timeout=PATIENCE_S)
    assert (made.status_code, made.json()["scimUrl"]) == (201, f"{server.url}/scim/v2")
    return str(made.json()["value"])


@pytest.fixture
def http(server: Served, token: str) -> Iterator[httpx.Client]:
    """A client that accepts anything and sends plain JSON, as the large provisioning services do."""
    with httpx.Client(
        base_url=f"{server.url}/scim/v2/",
        headers={"authorization": f"Bearer {token}", "accept": "*/*"},
        timeout=PATIENCE_S,
    ) as client:
        yield client


def run(clients: Path, *arguments: str) -> str:
    """What a program of the clients printed."""
    variables = {**os.environ, "PYTHONPATH": str(clients), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=variables, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-2_000:]
    return done.stdout


def test_scim2_tester_objects_to_nothing_but_what_the_directory_must_have(clients: Path, url: str, token: str) -> None:
    said = json.loads(run(clients, str(FOLDER / "checked.py"), url, token).splitlines()[-1])
    assert said["checks"] > 30
    for title, attribute, reason in said["objections"]:
        # Everybody is active or not, also where `active` is removed; and one address is primary, since it signs in.
        must = (title, attribute) == ("check_remove_attribute", "active") or (
            attribute == "emails" and reason.count("primary=False") == reason.count("primary=True") == 1
        )
        assert must, (title, attribute, reason)


def test_scim_sanity_passes(clients: Path, url: str, token: str) -> None:
    said = run(clients, "-m", "scim_sanity", "probe", url, "--token", token, "--i-accept-side-effects")
    assert "All tests passed" in said


def test_scim2_client_discovers_and_does_all_that_an_application_does(clients: Path, url: str, token: str) -> None:
    assert json.loads(run(clients, str(FOLDER / "used.py"), url, token).splitlines()[-1]) == {
        "found": ["client-ann"], "title": "Dr", "shown": "Ann", "searched": 2, "few": None, "gone": True,
        "groups": ["Client"],
    }  # fmt: skip


def test_scim2_cli_creates_and_queries(clients: Path, url: str, token: str) -> None:
    said = json.loads(run(clients, str(FOLDER / "cli.py"), url, token).splitlines()[-1])
    assert said == {"userName": "cli-ann", "same": True}


def patched(http: httpx.Client, path: str, *operations: dict[str, Any]) -> httpx.Response:
    """The answer to a PATCH."""
    answer = http.patch(path, json={"schemas": [PATCH], "Operations": operations})
    assert answer.status_code in (200, 204), answer.text
    return answer


def test_entra_provisions_a_person_and_a_group(http: httpx.Client) -> None:
    assert http.get("Users", params={"filter": f'userName eq "{uuid.uuid4()}"'}).json()["totalResults"] == 0
    person = {
        "schemas": [USER, ENTERPRISE], "externalId": "entra-1", "userName": "Entra.One@corp.example", "active": True,
        "emails": [{"primary": True, "type": "work", "value": "one@corp.example"}], "displayName": "One",
        "name": {"formatted": "One E", "familyName": "E", "givenName": "One"}, "meta": {"resourceType": "User"},
        ENTERPRISE: {"department": "Sales", "manager": "26118915"},
    }  # fmt: skip
    made = http.post("Users", json=person)
    assert (made.status_code, made.headers["content-type"]) == (201, "application/scim+json")
    one = made.json()
    assert one[ENTERPRISE]["manager"] == {"value": "26118915"}
    assert http.post("Users", json=person).status_code == 409
    filters = [
        'userName eq "ENTRA.one@corp.example"', 'externalId eq "entra-1"', 'externalId eq "entra-1" and active eq true',
        'emails[type eq "work"].value eq "one@corp.example"',
    ]  # fmt: skip
    for filter in filters:
        assert [user["id"] for user in http.get("Users", params={"filter": filter}).json()["Resources"]] == [one["id"]]
    after = patched(
        http, f"Users/{one['id']}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "uno@corp.example"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 171 1"},
        {"op": "Replace", "value": {"name.givenName": "Uno", f"{ENTERPRISE}:department": "R&D"}},
        {"op": "Remove", "path": f"{ENTERPRISE}:manager"},
    )  # fmt: skip
    assert after.status_code == 200
    changed = after.json()
    assert (changed["emails"][0]["value"], changed["phoneNumbers"][0]["type"]) == ("uno@corp.example", "mobile")
    assert (changed["name"]["givenName"], changed[ENTERPRISE]) == ("Uno", {"department": "R&D"})
    team = {"schemas": [GROUP, FOREIGN_SCHEMA], "externalId": "team-1", "displayName": "Team", "members": []}
    group = http.post("Groups", json=team).json()
    assert group["schemas"] == [GROUP]
    question = {"excludedAttributes": "members", "filter": 'displayName eq "team"'}
    assert [each["id"] for each in http.get("Groups", params=question).json()["Resources"]] == [group["id"]]
    member = [{"$ref": None, "value": one["id"]}]
    assert patched(http, f"Groups/{group['id']}", {"op": "Add", "path": "members", "value": member}).json()["members"]
    inside = http.get("Groups", params={"filter": f'id eq "{group["id"]}" and members eq "{one["id"]}"'}).json()
    assert inside["totalResults"] == 1
    gone = patched(http, f"Groups/{group['id']}", {"op": "Remove", "path": "members", "value": member}).json()
    assert "members" not in gone
    assert patched(
        http, f"Users/{one['id']}", {"op": "Replace", "path": "active", "value": "False"}
    ).json()["active"] is False  # fmt: skip
    for path in (f"Groups/{group['id']}", f"Users/{one['id']}"):
        assert (http.delete(path).status_code, http.get(path).status_code) == (204, 404)


def test_okta_provisions_a_person_and_a_group(http: httpx.Client) -> None:
    tested = http.get("Users", params={"startIndex": 1, "count": 2}).json()
    assert tested["itemsPerPage"] <= 2
    assert http.get("Users", params={"filter": 'userName eq "okta@corp.example"'}).json()["Resources"] == []
    person = {
        "schemas": [USER], "userName": "okta@corp.example", "name": {"givenName": "O", "familyName": "K"},
        "emails": [{"primary": True, "value": "okta@corp.example", "type": "work"}], "displayName": "O K",
        "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq", "active": True,
    }  # fmt: skip
    one = http.post("Users", json=person).json()
    assert "password" not in one
    path = f"Users/{one['id']}"
    assert patched(http, path, {"op": "replace", "value": {"active": False}}).json()["active"] is False
    whole = {**http.get(path).json(), "active": True, "displayName": "O. K."}
    put = http.put(path, json=whole).json()
    assert (put["active"], put["displayName"], put["externalId"]) == (True, "O. K.", person["externalId"])
    group = http.post("Groups", json={"schemas": [GROUP], "displayName": "Okta", "members": []}).json()
    place = f"Groups/{group['id']}"
    value = {"value": one["id"], "display": "okta@corp.example"}
    adding = {"op": "add", "path": "members", "value": [value]}
    changes: list[tuple[dict[str, Any], int]] = [
        (adding, 1), (adding, 1), ({"op": "remove", "path": f'members[value eq "{one["id"]}"]'}, 0),
        ({**adding, "op": "replace"}, 1),
        ({"op": "replace", "value": {"id": group["id"], "displayName": "Renamed"}}, 1),
    ]  # fmt: skip
    for operation, count in changes:
        assert len(patched(http, place, operation).json().get("members", [])) == count
    assert http.get(place).json()["displayName"] == "Renamed"
    assert http.delete(place).status_code == 204
    assert http.delete(path).status_code == 204


def test_an_administrator_rotates_and_revokes_a_token_over_http(server: Served) -> None:
    place, manager = f"/management/v4/{server.credentials['tenantId']}/scim_tokens", server.manager()
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as http:

        def users(value: str) -> httpx.Response:
            return http.get("/scim/v2/Users", headers={"authorization": f"Bearer {value}"})

        made = http.post(place, json={"name": "Okta", "readOnly": True}, headers=manager).json()
        rotated = http.post(f"{place}/{made['id']}/rotate", json={}, headers=manager).json()
        assert [users(each["value"]).status_code for each in (made, rotated)] == [200, 200]
        shown = next(each for each in http.get(place, headers=manager).json()["tokens"] if each["id"] == made["id"])
        assert shown.keys() >= {"name", "readOnly", "createdBy", "createdAt", "previousValueUntil"}
        assert not {"value", "scimUrl", "expiresAt"} & shown.keys()
        assert http.get(place, headers={"authorization": f"Bearer {rotated['value']}"}).status_code == 403
        assert http.delete(f"{place}/{made['id']}", headers=manager).status_code == 204
        gone = users(rotated["value"])
        assert (gone.status_code, gone.json()["schemas"]) == (401, ["urn:ietf:params:scim:api:messages:2.0:Error"])
        bad = http.post(place, json={"name": "x", "expiresInDays": 0}, headers=manager)
        assert (bad.status_code, bad.json()["errorCode"]) == (400, "INVALID_LIFETIME")


def test_versions_limits_and_methods_over_http(http: httpx.Client) -> None:
    made = http.post("Users", json={"schemas": [USER], "userName": "versions"})
    path, tag = f"Users/{made.json()['id']}", made.headers["etag"]
    assert (http.get(path, headers={"if-none-match": tag}).status_code, tag) == (304, made.json()["meta"]["version"])
    change = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "Dr"}]}
    stale = http.patch(path, json=change, headers={"if-match": 'W/"77"'})
    assert (stale.status_code, stale.json()["status"]) == (412, "412")
    fresh = http.patch(path, json=change, headers={"if-match": tag})
    assert (fresh.status_code, fresh.headers["etag"] != tag) == (200, True)
    assert "startIndex" not in http.get("Users?cursor&count=1").json(), "a parameter without a value is one"
    group = {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "g"}}
    bulk = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]}
    assert http.post("Bulk", json={**bulk, "Operations": [group]}).json()["Operations"][0]["status"] == "201"
    many = [{**group, "bulkId": str(number)} for number in range(501)]
    assert http.post("Bulk", json={**bulk, "Operations": many}).status_code == 413
    assert http.post("Bulk", content=b" " * 2_000_000).status_code == 413
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'userName eq "versions"'}
    for place in ("Users/.search", ".search"):
        assert http.post(place, json=search).json()["totalResults"] == 1
    for place in ("ResourceTypes", "ResourceTypes/Group", "Schemas", f"Schemas/{ENTERPRISE}", "ServiceProviderConfig"):
        answer = httpx.get(f"{http.base_url}{place}")  # needs no credentials
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/scim+json"), place
        assert httpx.post(f"{http.base_url}{place}", json={}).status_code == 405
    unknown = http.get("Schemas/urn:x")
    assert (unknown.status_code, unknown.json()["schemas"]) == (404, ["urn:ietf:params:scim:api:messages:2.0:Error"])
    assert http.get("Me").status_code == 403
    assert (http.delete(path).status_code, http.delete(path).status_code) == (204, 404)
