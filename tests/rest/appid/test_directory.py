"""Users, profiles and attributes through the real gateway: documented paths, bodies and statuses, as SDKs see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kit.servers.served import Served, served

Json = dict[str, Any]
NOBODY = "00000000-0000-4000-8000-000000000000"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("directory"), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def management(server: Served) -> Iterator[httpx.Client]:
    base = f"{server.url}/management/v4/{server.credentials['tenantId']}"
    with httpx.Client(base_url=base, headers=server.manager(), timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def jane(management: httpx.Client) -> Json:
    user = {"emails": [{"value": "Jane@example.com", "primary": True}], "password": PASSWORD, "status": "CONFIRMED",
            "name": {"givenName": "Jane", "familyName": "Doe"}, "lockedUntil": 0, "roles": ["org_owner"],
            "id": NOBODY, "entitlements": ["x"], "tenantId": NOBODY, "emailVerified": True}  # fmt: skip
    made = management.post("cloud_directory/sign_up", params={"shouldCreateProfile": True, "language": "en"}, json=user)
    assert made.status_code == 201, made.text
    document: Json = made.json()
    return document


@pytest.fixture(scope="module")
def tokens(server: Served, jane: Json) -> Json:
    """Jane's tokens, as an application gets them by the password grant."""
    application = (server.credentials["clientId"], server.credentials["secret"])
    form = {"grant_type": "password", "username": "jane@example.com", "password": PASSWORD}
    answer = httpx.post(f"{server.credentials['oauthServerUrl']}/token", data=form, auth=application, timeout=20)
    assert answer.status_code == 200, answer.text
    document: Json = answer.json()
    return document


def test_sign_up_answers_the_documented_user(jane: Json) -> None:
    assert set(jane) == {"schemas", "id", "userName", "displayName", "name", "emails", "phoneNumbers", "active",
                         "lockedUntil", "status", "meta", "profileId"}  # fmt: skip
    assert jane["emails"] == [{"value": "Jane@example.com", "primary": True}]
    assert jane["name"] == {"formatted": "Jane Doe", "givenName": "Jane", "familyName": "Doe"}
    assert (jane["lockedUntil"], jane["active"], jane["displayName"]) == (0, True, "Jane Doe")
    assert NOBODY not in (jane["id"], jane["profileId"])


@pytest.mark.parametrize(
    ("body", "status", "code", "scim_type"),
    [
        ('{"emails":[{"value":"jane@example.com"}],"password":"' + PASSWORD + '"}', 409, "EMAIL_TAKEN", "uniqueness"),
        ('{"emails":[{"value":"new@example.com"}],"password":"short"}', 400, "INVALID_PASSWORD", "invalidValue"),
        ('{"emails":[{"value":"nowhere"}],"password":"x"}', 400, "INVALID_EMAIL", "invalidValue"),
        ("{}", 400, "EMAIL_MISSING", "invalidValue"),
    ],
)
def test_refusals_carry_what_the_sdk_reads(
    management: httpx.Client, jane: Json, body: str, status: int, code: str, scim_type: str
) -> None:
    for path in ("cloud_directory/sign_up", "cloud_directory/Users"):
        refused = management.post(path, content=body, headers={"content-type": "application/json"})
        document = refused.json()
        assert refused.status_code == status
        assert document["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert document["errorCode"] == code
        assert (document["status"], document["scimType"]) == (str(status), scim_type)
        assert document["message"] == document["detail"]


@pytest.mark.parametrize("body", ["{", "[]", '{"emails": 5}', '{"lockedUntil": "soon"}', '{"active": "perhaps"}'])
def test_what_is_no_such_json_is_400_in_the_same_form(management: httpx.Client, body: str) -> None:
    refused = management.post("cloud_directory/Users", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 400
    assert refused.json().keys() >= {"errorCode", "message", "detail"}


def test_a_user_is_read_listed_updated_and_deleted(management: httpx.Client) -> None:
    user = {"emails": [{"value": "joe@example.com"}], "password": PASSWORD, "lockedUntil": 4102444800000}
    made = management.post("cloud_directory/Users", json=user)
    assert made.status_code == 201
    path = f"cloud_directory/Users/{made.json()['id']}"
    assert management.get(path).json() == made.json()
    assert '"lockedUntil":4102444800000' in management.get(path).text
    listed = management.get("cloud_directory/Users", params={"query": "JOE@example.com", "count": 1}).json()
    assert listed == {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 1,
                      "itemsPerPage": 1, "Resources": [made.json()]}  # fmt: skip
    updated = management.put(path, json={**made.json(), "displayName": "Joe", "active": True})
    assert (updated.status_code, updated.json()["displayName"], "lockedUntil" in updated.json()) == (200, "Joe", False)
    for verb, target in (("POST", f"{path}/sso/logout"), ("DELETE", path)):
        done = management.request(verb, target)
        assert (done.status_code, done.content) == (204, b"")
    gone = management.get(path)
    assert (gone.status_code, gone.json()["errorCode"], gone.json()["status"]) == (404, "USER_NOT_FOUND", "404")


def test_a_profile_is_free_json_with_every_digit(management: httpx.Client, jane: Json) -> None:
    path = f"users/{jane['profileId']}"
    attributes = '{"z":1.10,"a":12345678901234567890,"nested":{"b":[1,null]}}'
    put = management.put(f"{path}/profile", content='{"attributes":' + attributes + "}",
                         headers={"content-type": "application/json"})  # fmt: skip
    assert (put.status_code, put.headers["content-type"]) == (200, "application/json")
    assert attributes in management.get(f"{path}/profile").text
    found = management.get("users", params={"dataScope": "full", "email": "jane@example.com"})
    assert attributes in found.text
    assert management.get(f"cloud_directory/{jane['id']}/userinfo").json()["sub"] == jane["profileId"]
    assert management.get(f"{path}/roles").json() == {"roles": []}
    assert management.put(f"{path}/roles", json={"roles": {"ids": []}}).json() == {"roles": []}
    refused = management.get(f"users/{jane['id']}/roles")
    assert (refused.status_code, refused.json()) == (
        404, {"errorCode": "PROFILE_NOT_FOUND", "message": "Profile not found"}
    )  # fmt: skip


def test_attributes_are_written_as_the_sdk_does(server: Served, tokens: Json) -> None:
    both = f"{tokens['access_token']} {tokens['id_token']}"
    headers = {"authorization": f"Bearer {both}", "content-type": "application/json", "origin": "https://app.example"}
    url = f"{server.credentials['profilesUrl']}/api/v1/attributes"
    put = httpx.put(f"{url}/theme", content="dark", headers=headers)
    assert (put.status_code, put.json()) == (200, {"theme": "dark"})
    assert put.headers["access-control-allow-origin"] in ("*", "https://app.example")
    assert "access-control-allow-credentials" not in put.headers
    assert httpx.put(f"{url}/a%2Fb c", content="1", headers=headers).json() == {"a/b c": "1"}
    assert httpx.get(f"{url}/theme", headers=headers).json() == {"theme": "dark"}
    assert httpx.get(url, headers=headers).json().items() >= {"theme": "dark", "a/b c": "1"}.items()
    assert httpx.delete(f"{url}/theme", headers=headers).status_code == 204
    missing = httpx.get(f"{url}/theme", headers=headers)
    assert (missing.status_code, missing.json()["message"]) == (404, "Not found")
    for number in range(6):
        answer = httpx.put(f"{url}/n{number}", content="x", headers=headers)
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 60) == (429, True)
    nobody = httpx.get(url, headers={"authorization": "Bearer x"})
    assert nobody.status_code == 401


def test_the_preflight_of_attributes_allows_what_the_sdk_sends(server: Served) -> None:
    answer = httpx.options(
        f"{server.url}/api/v1/attributes/theme",
        headers={"origin": "https://app.example", "access-control-request-method": "PUT",
                 "access-control-request-headers": "authorization,x-filter-type,content-type"},
    )  # fmt: skip
    assert answer.status_code in (200, 204)
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


def test_no_name_and_no_password_is_in_the_log(server: Served, tokens: Json) -> None:
    assert tokens["access_token"]
    for secret in (PASSWORD, "jane@example.com", "Jane@example.com", "joe@example.com", tokens["access_token"]):
        assert secret not in server.log
