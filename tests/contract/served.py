"""Everything that the server serves, as the tests of this folder look at it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from ostiary.access.limits import read_limits
from ostiary.config import deploy_folder
from ostiary.services.served import SERVICES
from ostiary.transport.rules import Rules, read_rules

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Rpc:
    """An RPC with its checked rules and the class that implements it."""

    descriptor: MethodDescriptor
    rules: Rules
    servicer: type

    @property
    def name(self) -> str:
        """`package.Service/Method`."""
        return self.rules.method.removeprefix("/")

    @property
    def routes(self) -> set[tuple[str, str]]:
        """Verbs and paths, with each path parameter as `{}`."""
        return {(route.verb, without_names(route.path)) for route in self.rules.routes}

    @property
    def package(self) -> str:
        """The package of its service."""
        package: str = self.descriptor.containing_service.file.package
        return package


def without_names(path: str) -> str:
    """A path template with each parameter as `{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def access_matrix() -> dict[str, frozenset[str]]:
    """Who may call each RPC on its own tenant, by the RPC's name (`data/access_matrix.txt`)."""
    lines = (DATA / "access_matrix.txt").read_text().splitlines()
    cells = (line.split(": ") for line in lines if not line.startswith("#"))
    return {name: frozenset(callers.split()) for name, callers in cells}


def served() -> list[Rpc]:
    """Every RPC that `ostiary.app` serves; raises RulesError, as the server does, when the rules of one are wrong."""
    rules = read_rules(
        (service.descriptor for service in SERVICES), read_limits(deploy_folder() / "limits.toml").coarse
    )
    return [
        Rpc(method, rules[f"/{service.descriptor.full_name}/{method.name}"], service.servicer)  # type: ignore[arg-type]
        for service in SERVICES
        for method in service.descriptor.methods
    ]


def documented(name: str) -> list[dict[str, Any]]:
    """The facts of one interface (`data/`)."""
    facts: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text())
    return facts


RPCS = served()
