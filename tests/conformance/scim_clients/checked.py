"""Runs scim2-tester on a server and prints what it objects to, as JSON: the title of the check and the attribute."""

from __future__ import annotations

import json
import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

url, token = sys.argv[1:]
client = SyncSCIMClient(httpx2.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60))
results = check_server(client)
objections = [
    [result.title, (result.data or {}).get("urn", "") if isinstance(result.data, dict) else "", str(result.reason)]
    for result in results
    if result.status not in (Status.SUCCESS, Status.SKIPPED)
]
print(json.dumps({"checks": len(results), "objections": objections}))
