"""SCIM and cloudapi on a directory of 100,000 users and 1,000 groups: single users, pages by filters, and members."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from kit.servers.served import Served

from bench.directory_size import PAGE, USERS, at_most
from bench.measure import Goal, measure, rate
from bench.operations import Operation, get
from bench.table import Row
from bench.tenant import BenchTenant

GROUPS, MEMBERS = 1_000, 10_000
FILTERS = {
    "page by co": ('userName co "99"', 50),
    "page by value path": ('emails[primary eq true and value co "7@"]', 100),
}
"""What a page of 100 is found by, and its p99 in milliseconds; the value path matches a tenth of all."""
SORTED = {"filter": "enabled==true", "sortAsc": "username", "pageSize": str(PAGE)}
_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def scim_rows(store: str, server: Served, tenant: BenchTenant, seconds: float, users: int = USERS) -> Iterator[Row]:
    """Reads users of the directory that `directory_rows` has filled; then members of a large group come and go."""
    ids = _ids(tenant, MEMBERS)
    for operation, goal in _reads(tenant, users, ids[0]):
        yield measure(store, server.url, server.process.pid, operation, goal, seconds)
    group = _groups(tenant, ids)
    path = f"/scim/v2/Groups/{group}"
    changing = Operation(f"SCIM PATCH of a member of {MEMBERS:,}", path, _one_member(tenant.token, ids[0]), 1)
    yield measure(store, server.url, server.process.pid, changing, at_most(20), seconds)


def _reads(tenant: BenchTenant, users: int, user: str) -> Iterator[tuple[Operation, Goal | None]]:
    bearer, path = f"Bearer {tenant.token}", "/scim/v2/Users"
    yield Operation("SCIM get", f"{path}/{user}", get(bearer)), None
    yield Operation("SCIM by userName eq", path, _by_name(tenant.token, users)), rate(1_500)
    yield Operation(f"SCIM page of {PAGE}", f"{path}?count={PAGE}", get(bearer), 1), None
    for name, (filtered, longest) in FILTERS.items():
        query = urlencode({"filter": filtered, "count": PAGE})
        yield Operation(f"SCIM {name}", f"{path}?{query}", get(bearer), 1), at_most(longest)
    for name, number in (("first", 1), ("last", users // PAGE)):
        query = urlencode({**SORTED, "page": number})
        script = get(bearer) + 'wrk.headers["Accept"] = "application/json;version=39.0"\n'
        yield Operation(f"cloudapi page, the {name}", f"/cloudapi/1.0.0/users?{query}", script, 1), at_most(50)


def _by_name(token: str, users: int) -> str:
    return f"""
local headers = {{["Authorization"] = {json.dumps(f"Bearer {token}")}}}
request = function()
  local filter = "userName%20eq%20%22size" .. math.random(0, {users - 1}) .. "%22"
  return wrk.format("GET", "/scim/v2/Users?filter=" .. filter, headers)
end
"""


def _one_member(token: str, user: str) -> str:
    remove = {"op": "remove", "path": f'members[value eq "{user}"]'}
    add = {"op": "add", "path": "members", "value": [{"value": user}]}
    bodies = [json.dumps({"schemas": [_PATCH], "Operations": [operation]}) for operation in (remove, add)]
    return f"""
local headers = {{["Content-Type"] = "application/scim+json", ["Authorization"] = {json.dumps(f"Bearer {token}")}}}
local bodies, turn = {{{",".join(json.dumps(body) for body in bodies)}}}, 0
request = function()
  turn = turn + 1
  return wrk.format("PATCH", nil, headers, bodies[turn % 2 + 1])
end
"""


def _ids(tenant: BenchTenant, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        asked = {"startIndex": len(found) + 1, "count": PAGE, "attributes": "id"}
        answer = tenant.http.get("/scim/v2/Users", params=asked, headers=_bearer(tenant)).raise_for_status().json()
        found += [user["id"] for user in answer["Resources"]]
    return found


def _groups(tenant: BenchTenant, ids: list[str]) -> str:
    """Makes the groups, of which one has all these members; its id."""

    def make(number: int, members: list[str]) -> str:
        body = {"schemas": [_GROUP], "displayName": f"size {number}", "members": [{"value": each} for each in members]}
        answer = tenant.http.post("/scim/v2/Groups?excludedAttributes=members", json=body, headers=_bearer(tenant))
        made: str = answer.raise_for_status().json()["id"]
        return made

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: make(number, ids[number : number + 10]), range(1, GROUPS)))
    return make(0, ids)


def _bearer(tenant: BenchTenant) -> dict[str, str]:
    return {"authorization": f"Bearer {tenant.token}"}
