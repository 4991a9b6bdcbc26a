"""The life of a user over SCIM, created, changed and deleted, beside the servers of the registries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from kit.servers.served import Served

from bench.baselines.scim_peers import Peers, ScimPeer
from bench.load import drive
from bench.measure import measure, ratio
from bench.operations import Operation
from bench.processes import cpu_seconds, tree
from bench.table import Row
from bench.tenant import BenchTenant

TIMES = 10
CONNECTIONS = 8
NAME = "SCIM create, PATCH, delete"
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_CHANGE = {"schemas": [_PATCH], "Operations": [{"op": "replace", "path": "displayName", "value": "Changed"}]}


def life_of_users(path: str, token: str) -> str:
    """Each user is created, then changed, then deleted. What is under way on other connections comes first: a user is
    deleted only some requests after its change was sent, whose answer may be empty."""
    name = '"name":{"givenName":"Ann","familyName":"New","formatted":"Ann New"}'
    return f"""
local headers = {{["Content-Type"] = "application/scim+json", ["Authorization"] = {json.dumps(f"Bearer {token}")}}}
local path, change = {json.dumps(path)}, {json.dumps(json.dumps(_CHANGE))}
local made, changed, turn, run = {{}}, {{}}, 0, os.time()
request = function()
  if #changed > {4 * CONNECTIONS} then return wrk.format("DELETE", path .. "/" .. table.remove(changed, 1), headers) end
  local id = table.remove(made)
  if id then
    changed[#changed + 1] = id
    return wrk.format("PATCH", path .. "/" .. id, headers, change)
  end
  turn = turn + 1
  local name = "life" .. run .. "-" .. turn
  return wrk.format("POST", path, headers, '{{"schemas":["{_USER}"],"userName":"' .. name .. '",{name},'
    .. '"displayName":"Ann","active":true,"emails":[{{"value":"' .. name .. '@life.example"}}]}}')
end
response = function(status, headers, body)
  if status == 201 then made[#made + 1] = body:match('"id":%s*"([^"]+)"') end
end
"""


def peer_rows(peers: Peers, seconds: float) -> list[Row]:
    """A row for each of the other servers; those that are missing have one that says so."""
    rows = [_row(peer, seconds) for peer in peers.running]
    return [*rows, *(Row(name, NAME, 0, 0, 0, 0, 0, 0, "cannot be installed here", "", None) for name in peers.missing)]


def _row(peer: ScimPeer, seconds: float) -> Row:
    before = cpu_seconds(tree(peer.pid))
    result = drive(peer.url, _script(peer), seconds=seconds, connections=CONNECTIONS)
    spent = 1e6 * (cpu_seconds(tree(peer.pid)) - before) / max(1, result.requests)
    return Row(
        peer.name, NAME, result.rate, result.p50, result.p99, result.refused + result.broken, spent, 0, "", "", None
    )


def _script(peer: ScimPeer) -> str:
    return life_of_users("/" + peer.url.split("/", 3)[3], "bench")


def change_rows(
    store: str, server: Served, tenant: BenchTenant, peers: Peers, beside: Sequence[Row], seconds: float
) -> Iterator[Row]:
    """Ours, held against the fastest of the others, which is driven before and after it."""
    path = "/scim/v2/Users"
    life = Operation(NAME, path, life_of_users(path, tenant.token), CONNECTIONS, warms_up=False)
    rates = {row.store: row.rate for row in beside}
    fastest = max(peers.running, key=lambda peer: rates[peer.name], default=None)
    goal = None
    if fastest is not None:
        peer = fastest
        goal = ratio(peer.name, lambda: drive(peer.url, _script(peer), seconds=2, connections=CONNECTIONS).rate, TIMES)
    yield measure(store, server.url, server.process.pid, life, goal, seconds)
