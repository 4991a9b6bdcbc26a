"""`ostiary routes`: every operation with its rules, for review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from ostiary.access.limits import read_limits
from ostiary.cli.options import as_json, with_settings
from ostiary.cli.printing import print_json, print_table
from ostiary.config import Settings
from ostiary.transport.role_matrix import ANONYMOUS, ROLES, MatrixRow, role_matrix
from ostiary.transport.rules import Rules, read_rules
from ostiary_api.options.v1 import rules_pb2

HEADERS = ("RPC", "VERB", "PATH", "MAY", "LIMIT", "STATUS", "ERRORS")


@click.command("routes")
@with_settings("config", "limits_file")
@click.option("--matrix", is_flag=True, help="Print the role matrix of the Identity Service and the Tenant Manager.")
@as_json
def command(settings: Settings, matrix: bool, as_json: bool) -> None:
    """Lists every operation: RPC, REST verb and path, who may call it, rate limit, success status, error family.

    An RPC without a REST path answers over gRPC only.

    \b
    Examples
      ostiary routes | grep anonymous
      ostiary routes --matrix
      ostiary routes --json | jq -r '.[] | select(.roles == ["manager"]) | .path'
    """
    from ostiary.services.served import SERVICES  # so that the help does not wait for it

    limits = read_limits(settings.limits_file)
    rules = read_rules((service.descriptor for service in SERVICES), limits.coarse)
    if matrix:
        _print_matrix(role_matrix(rules.values()), as_json=as_json)
        return
    routes = [route for each in rules.values() for route in _routes(each)]
    if as_json:
        print_json(routes)
        return
    shown = ("rpc", "verb", "path", "may", "rateLimit", "status", "errorFamily")
    rows = [{**route, "may": ",".join(route["roles"]) or "anonymous"} for route in routes]
    print_table(HEADERS, [[row[name] for name in shown] for row in rows])


def _print_matrix(rows: Sequence[MatrixRow], *, as_json: bool) -> None:
    columns = (*ROLES.values(), ANONYMOUS)
    if as_json:
        print_json([{**asdict(row), "cells": dict(row.cells)} for row in rows])
        return
    shown = [[row.number, row.verb, row.path, *(row.cells[name] for name in columns)] for row in rows]
    print_table(("", "VERB", "PATH", *(name.upper() for name in columns)), shown)


def _routes(rules: Rules) -> list[dict[str, Any]]:
    facts = {
        "roles": sorted(_word(rules_pb2.Role.Name(role), "ROLE_") for role in rules.roles),
        "scopes": sorted(rules.need.scopes),
        "person": list(rules.person.fields) if rules.person else [],
        "rateLimit": rules.limit,
        "status": rules.success_status,
        "errorFamily": _word(rules_pb2.ErrorFamily.Name(rules.family), "ERROR_FAMILY_") if rules.routes else "",
        "audit": rules.audit,
        "catalogue": list(rules.catalogue),
    }
    paths = [(route.verb, route.path) for route in rules.routes] or [("", "")]
    return [{"rpc": rules.method.lstrip("/"), "verb": verb, "path": path, **facts} for verb, path in paths]


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()
