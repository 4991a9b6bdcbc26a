"""Hashes that other systems made, by their own software; `foreign_hashes.json` says which, in which version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ForeignHash:
    """A hash as `system` wrote it, of `password`.

    `scheme` is what exports call it here, empty where it is not taken: then `looks_like` is what the refusal says.
    `weak`: taken only where the operator allows it.
    """

    system: str
    form: str
    hash: str
    password: str
    scheme: str
    weak: bool = False
    looks_like: str = ""

    @property
    def id(self) -> str:
        """What a test case with it is called."""
        return f"{self.system}: {self.form}".encode("ascii", "replace").decode()


def _read() -> list[ForeignHash]:
    with Path(__file__).with_suffix(".json").open(encoding="utf-8") as file:
        return [ForeignHash(**one) for one in json.load(file)]


ALL = _read()
TAKEN = [one for one in ALL if one.scheme and not one.weak]
WEAK = [one for one in ALL if one.weak]
REFUSED = [one for one in ALL if not one.scheme]
