"""The page docs/deprecated-operations.md: operations of the Identity Service and what replaces them, as two curls."""

from __future__ import annotations

import json
from typing import Any

from contract.served import DATA, documented

from ostiary.transport.rules import DEPRECATED_SINCE

ABOUT = f"""\
# Deprecated operations

Every operation of the VMware Identity Service is deprecated by its vendor. Its answers, also over native gRPC, have the
headers `Deprecation: {DEPRECATED_SINCE}` (RFC 9745) and, where something replaces it,
`Link: <path>; rel="successor-version"` (RFC 8288). They go on working: this page says how a client leaves them. It is
written by `make operations`; a test runs each line.

The lines need these variables:

```sh
URL=https://id.example.com                    # this server
TENANT=acme ORG=a GUID                        # the organization: its name and its id
LOGIN=ann PASSWORD=…                          # who signs in: an owner of the organization
TOKEN=… API_TOKEN=… ID_TOKEN=…                # what the sign-in I8 answers: access, refresh and identity token
SESSION=… OTHER_SESSION=…                     # access tokens of sign-ins that end
USER=a GUID NAME=bob ROLE=a GUID GROUP=a GUID # somebody else, the role org_member, a group
OLD_GROUP=a GUID OTHER_GROUP=a GUID           # groups that are deleted
DEFINITION=a GUID                             # a service definition
AS="Authorization: Bearer $TOKEN"
AS_OPERATOR="Authorization: Bearer …"         # of an operator or a service account
VERSION="Accept: application/json;version=40.0"
```
"""


def curls() -> list[dict[str, Any]]:
    """The two lines of each operation, by its number; the second is empty where nothing replaces it."""
    lines: list[dict[str, Any]] = json.loads((DATA / "deprecated_curls.json").read_text(encoding="utf-8"))
    return lines


def deprecated_page() -> str:
    """The whole page."""
    by_number = {facts["number"]: facts for facts in documented("identity_service")}
    return "\n".join([ABOUT, *(_section(by_number[line["number"]], line) for line in curls())])


def _section(facts: dict[str, Any], line: dict[str, str]) -> str:
    replaced = ", ".join(f"`{path}`" for path in facts["successors"]) or "nothing"
    commands = f"{line['old']}\n{line['new']}".rstrip()
    return (
        f"## {facts['number']}: {facts['verb']} {facts['path']}\n\nReplaced by {replaced}.\n\n```sh\n{commands}\n```\n"
    )
