"""`make operations`: writes what of the documented interfaces works, from the protos and the facts in tests/contract.

`docs/operations.md` has every operation, README.md the sums, `docs/deprecated-operations.md` what replaces what. With
`--check` nothing is written: it ends with 1 when a file is not what it should be.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from conformance_page import conformance_page
from contract.served import RPCS, Rpc, documented, without_names
from matrix_page import matrix_page
from replacements import deprecated_page

from ostiary.services.openapi.document import document_file
from ostiary_api.options.v1 import rules_pb2 as options

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- operations: written by `make operations` -->", "<!-- operations: end -->"
INTERFACES = (
    ("appid_management", "IBM Cloud App ID, management API v4"),
    ("identity_service", "VMware Identity Service (CSP); all of it deprecated by the vendor"),
    ("tenant_manager", "Tenant Manager: OpenID Connect, cloudapi, SCIM 2"),
)
ABOUT = """\
# Operations

What of the documented interfaces this server answers, written by `make operations` from the protos and the facts in
`tests/contract/data`. Contract tests hold each line that works to its verb, path, status and roles. Of Reader, Writer
and Manager, which imply each other, the least that may call is named. `/openapi.json` describes each operation whole.
The vendors do not number their operations: the numbers are ours, and the protos name operations by them (`catalogue`).
"""
NOT_YET = "*not yet*"
SUMMARIES = {
    (verb.upper(), without_names(path)): operation["summary"]
    for path, item in json.loads(document_file().read_text(encoding="utf-8"))["paths"].items()
    for verb, operation in item.items()
}
Facts = dict[str, Any]


def answering(facts: Facts) -> Rpc | None:
    """The RPC that says that it answers a documented operation."""
    name = facts.get("number") or f"{facts['verb']} {facts['path']}"
    return next((rpc for rpc in RPCS if name in {without_names(one) for one in rpc.rules.catalogue}), None)


def page() -> str:
    """The whole of docs/operations.md."""
    parts = [ABOUT, sums()]
    for name, title in INTERFACES:
        lines = [documented_line(facts) for facts in documented(name)]
        parts.append(f"## {title}\n\n" + table(("", "verb", "path", "may", "what it does"), lines))
    beside = [line for rpc in RPCS if not rpc.rules.catalogue for line in further_lines(rpc)]
    parts.append("## Beside these\n\n" + table(("verb", "path", "may", "what it does"), beside))
    return "\n".join(parts)


def sums() -> str:
    """How many of each interface work."""
    lines = []
    for name, title in INTERFACES:
        facts = documented(name)
        lines.append((title, str(len(facts)), str(sum(answering(one) is not None for one in facts))))
    return table(("interface", "operations", "work"), lines)


def documented_line(facts: Facts) -> Sequence[str]:
    """One operation of an interface."""
    rpc = answering(facts)
    path = facts["path"]
    if rpc is not None:
        path = next((route.path for route in rpc.rules.routes if without_names(route.path) == path), path)
    said = summary_of(facts["verb"], path, rpc) if rpc else NOT_YET
    return facts.get("number", ""), facts["verb"], f"`{path}`", may(facts["roles"]), said


def summary_of(verb: str, path: str, rpc: Rpc) -> str:
    """The summary of an operation, also where the documented path has a word for a variable of ours."""
    found = (SUMMARIES.get((verb, without_names(one))) for one in (path, *(route.path for route in rpc.rules.routes)))
    return next(text for text in found if text)


def further_lines(rpc: Rpc) -> Iterable[Sequence[str]]:
    """The REST paths of an RPC that no catalogue names."""
    roles = [options.Role.Name(role).removeprefix("ROLE_").lower() for role in sorted(rpc.rules.roles)]
    for route in rpc.rules.routes:
        yield (
            route.verb,
            f"`{route.path}`",
            may(roles or ["anonymous"]),
            SUMMARIES[route.verb, without_names(route.path)],
        )


def may(roles: Sequence[str]) -> str:
    """The least role of App ID's three, which imply each other; else all."""
    if "manager" in roles:
        return roles[0]
    return ", ".join(role.replace("_", " ") for role in roles)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def readme() -> str:
    """README.md with the sums of now between its marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{sums()}\n{END}{after}"


def main(*, check: bool) -> str:
    """Writes the files; with `check` says what is stale instead."""
    stale = []
    pages = {
        "docs/operations.md": page(),
        "docs/deprecated-operations.md": deprecated_page(),
        "docs/role-matrix.md": matrix_page(),
        "docs/openid-conformance.md": conformance_page(),
        "README.md": readme(),
    }
    for path, text in ((ROOT / name, text) for name, text in pages.items()):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.write_text(text, encoding="utf-8")
    return f"stale: {', '.join(stale)}: run 'make operations' and commit" if check and stale else ""


if __name__ == "__main__":
    sys.exit(main(check=sys.argv[1:] == ["--check"]) or 0)
