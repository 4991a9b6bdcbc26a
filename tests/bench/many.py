"""Two rows about numbers: how fast users come, change and go, and what ten thousand tenants cost each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing

import httpx
from kit.servers.served import Served

from bench.load import Result, drive
from bench.measure import measure, rate
from bench.operations import Operation
from bench.table import Row
from bench.tenant import GRANT, PASSWORD, BenchTenant
from ostiary.clock import SystemClock
from ostiary.directory.tenants.tenants import create_tenant
from ostiary.ids import SystemEntropy
from ostiary.store.engine import Store

FEW, MANY = 10, 10_000
BATCH = 500
SLOWER = 1.5


def user_changes(store: str, server: Served, tenant: BenchTenant, seconds: float) -> Row:
    """Users are made with a password, changed and deleted, each in turn."""
    path = f"/management/v4/{tenant.id}/cloud_directory/Users"
    operation = Operation("user create, update, delete", path, _life_of_users(path, tenant.token), 8, warms_up=False)
    return measure(store, server.url, server.process.pid, operation, rate(150), seconds)


def _life_of_users(path: str, token: str) -> str:
    return f"""
local headers = {{["Content-Type"] = "application/json", ["Authorization"] = {json.dumps(f"Bearer {token}")}}}
local path, password = {json.dumps(path)}, {json.dumps(PASSWORD)}
local made, changed, turn = {{}}, {{}}, 0
local function document(name)
  return '{{"emails":[{{"value":"' .. name .. '@life.example","primary":true}}],"status":"CONFIRMED","password":"'
    .. password .. '"}}'
end
request = function()
  local gone = table.remove(changed)
  if gone then return wrk.format("DELETE", path .. "/" .. gone, headers) end
  local user = table.remove(made)
  if user then
    local body = '{{"displayName":"Changed","emails":[{{"value":"' .. user.email .. '","primary":true}}]}}'
    return wrk.format("PUT", path .. "/" .. user.id, headers, body)
  end
  turn = turn + 1
  return wrk.format("POST", path, headers, document("life" .. turn))
end
response = function(status, headers, body)
  if status == 201 then
    made[#made + 1] = {{id = body:match('"id":"([^"]+)"'), email = body:match('"value":"([^"]+)"')}}
  elseif status == 200 then
    changed[#changed + 1] = body:match('"id":"([^"]+)"')
  end
end
"""


def tenant_rows(store: str, server: Served, seconds: float) -> Iterator[Row]:
    """Reads of a setting, of ten tenants in turn and of ten thousand: the second may take half as long again."""
    with httpx.Client(base_url=server.url) as http:
        form = {"grant_type": GRANT, "apikey": server.credentials["operatorApikey"]}
        token = http.post("/identity/token", data=form).raise_for_status().json()["access_token"]
    ids = _new_tenants(server.database, MANY)
    few, many = (_read(server, token, ids[:count], seconds) for count in (FEW, MANY))
    slower = many.p95 / few.p95
    goal = f"p95 ≤ {SLOWER} of {FEW} tenants"
    yield _tenant_row(store, FEW, few, "", "", None)
    yield _tenant_row(store, MANY, many, f"{slower:.2f}", goal, slower <= SLOWER)


def _tenant_row(store: str, count: int, seen: Result, measured: str, goal: str, reached: bool | None) -> Row:
    errors = seen.refused + seen.broken
    name = f"settings of {count:,} tenants"
    return Row(store, name, seen.rate, seen.p50, seen.p99, errors, 0, 0, measured, goal, reached and not errors)


def _new_tenants(database: str, count: int) -> list[str]:
    entropy, clock = SystemEntropy(), SystemClock()
    ids: list[str] = []
    with closing(Store(database)) as store:
        while len(ids) < count:
            with store.write() as work:
                first = len(ids)
                made = [
                    create_tenant(work, f"bench-{number}", entropy, clock.now_ms()).id
                    for number in range(first, first + BATCH)
                ]
            ids += made
    return ids


def _read(server: Served, token: str, ids: Sequence[str], seconds: float) -> Result:
    listed = ",".join(json.dumps(one) for one in ids)
    script = f"""
local ids = {{{listed}}}
local headers, turn = {{["Authorization"] = {json.dumps(f"Bearer {token}")}}}, 0
request = function()
  turn = turn % #ids + 1
  return wrk.format("GET", "/management/v4/" .. ids[turn] .. "/config/tokens", headers)
end
"""
    drive(server.url, script, seconds=1)
    return drive(server.url, script, seconds=seconds)
