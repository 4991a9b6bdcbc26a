"""The role matrix: which role may call which documented operation of the Identity Service and the Tenant Manager, in
the columns of the vendors' documents. Read from the rules; App ID's management API has roles of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ostiary.directory.roles.built_in import BUILT_IN, ORG_MEMBER, ORG_OWNER, PLATFORM_OPERATOR, SERVICE_ACCOUNT
from ostiary.transport.rules import Route, Rules, required_permissions

ROLES: Mapping[str, str] = {
    PLATFORM_OPERATOR: "Platform operator", ORG_OWNER: "Organization Owner", ORG_MEMBER: "Organization Member",
    SERVICE_ACCOUNT: "Service Account",
}  # fmt: skip
"""The columns, by the names of the roles; after them comes `Anonymous`."""
ANONYMOUS = "Anonymous"
YES, ONESELF, NO = "yes", "oneself", "no"
"""The cells. `oneself`: where the call acts on nobody but the caller."""
_NAMED = re.compile(r"I\d+|(GET|POST|PUT|PATCH|DELETE) /.*")


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """An operation: its number, empty where it has none, its RPC, verb and path, and a cell for each column."""

    number: str
    rpc: str
    verb: str
    path: str
    cells: Mapping[str, str]


def role_matrix(rules: Iterable[Rules]) -> list[MatrixRow]:
    """The rows, in the order of the documents: those of the Identity Service by number, then the others by path."""
    rows = [row for each in rules for row in _rows(each)]
    return sorted(rows, key=lambda row: (not row.number, int(row.number[1:] or 0), row.path, row.verb))


def _rows(rules: Rules) -> Iterator[MatrixRow]:
    names = [name for name in rules.catalogue if _NAMED.fullmatch(name)]
    cells = {title: _cell(rules, role) for role, title in ROLES.items()}
    cells[ANONYMOUS] = YES if rules.need.anonymous else NO
    for position, name in enumerate(names):
        route = _route(rules, name, position)
        number = name if name.startswith("I") else ""
        yield MatrixRow(number, rules.method.lstrip("/"), route.verb, _shown(route.path), cells)


def _route(rules: Rules, name: str, position: int) -> Route:
    """The path of an operation: the one that it is named by, else the one at its place among the names."""
    verb, _, path = name.partition(" ")
    wanted = _nameless(path)
    found = [route for route in rules.routes if route.verb == verb and _nameless(route.path) == wanted]
    return found[0] if found else rules.routes[min(position, len(rules.routes) - 1)]


def _shown(path: str) -> str:
    """The path with its variables as JSON names them."""
    return re.sub(r"_(\w)(?=[^{]*\})", lambda found: found[1].upper(), path)


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _cell(rules: Rules, role: str) -> str:
    held = BUILT_IN[role].permissions
    if rules.need.permissions & held:
        return YES
    return ONESELF if required_permissions(rules.options.access.roles_on_oneself) & held else NO
