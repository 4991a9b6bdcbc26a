"""The two curls of each deprecated operation, run in one shell against a server, in the order of the page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import httpx
from contract.served import DATA, RPCS, without_names

PASSWORD = "correct horse battery staple"
CSP = "/csp/gateway/am/api"
RUN = """
NEWLINE=$'\\n'
curl() { command curl --silent --show-error --fail-with-body --max-time 60 "$@"; }
"""


def lines() -> dict[str, str]:
    """The curls by a name for each: `I11` and `I11, replaced`."""
    found: dict[str, str] = {}
    for line in json.loads((DATA / "deprecated_curls.json").read_text(encoding="utf-8")):
        found[line["number"]] = line["old"]
        if line["new"]:
            found[f"{line['number']}, replaced"] = line["new"]
    return found


def run(variables: Mapping[str, str]) -> dict[str, str]:
    """What each line that failed has said."""
    script = RUN + "".join(
        f'out=$({line} 2>&1) || echo "FAILED {name}: ${{out//$NEWLINE/ }}"\n' for name, line in lines().items()
    )
    done = subprocess.run(
        ["/bin/bash", "-c", script], env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return {name: text for name, _, text in (line.partition(": ") for line in done.stdout.splitlines())}


def numbers() -> set[str]:
    """The operations that the page has."""
    return {line["number"] for line in json.loads((DATA / "deprecated_curls.json").read_text(encoding="utf-8"))}


def named() -> set[str]:
    """The operations of the Identity Service that RPCs name."""
    return {without_names(name) for rpc in RPCS for name in rpc.rules.catalogue if name.startswith("I")}


def owns(http: httpx.Client, manager: Mapping[str, str], org: str, user_id: str) -> None:
    """Makes a user the owner of its organization."""
    roles = {"organizationRoles": {"roleNamesToAdd": ["org_owner"]}}
    answer = http.patch(f"{CSP}/v3/users/{user_id}/orgs/{org}/roles", json=roles, headers=dict(manager))
    assert answer.is_success, answer.text


def signed_in(http: httpx.Client, login: str) -> dict[str, Any]:
    """The tokens of a sign-in at csp."""
    answer = http.post(f"{CSP}/login?access_token", json={"username": login, "password": PASSWORD})
    assert answer.is_success, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens
