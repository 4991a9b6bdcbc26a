"""Writes the migration that the tables need: what the models have and the migrations so far do not make.

`make migration NAME="what changes"` adds one; `make first-migration` writes the first one anew, which is right until
the first release and never after it.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile

from alembic import command

from ostiary.store import schema

VERSIONS = schema.MIGRATIONS / "versions"


def write(name: str) -> None:
    """Compares the models with a database that the migrations made, and writes the difference down."""
    number = schema.newest() + 1 if any(VERSIONS.glob("[0-9]*.py")) else 1
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.sqlite3"
        if number > 1:
            schema.upgrade(url)
        with schema.migration(url) as connection:
            config = schema.alembic_config(connection, batch=number > 1)
            command.revision(config, name, autogenerate=True, rev_id=f"{number:04}")
    (made,) = VERSIONS.glob(f"{number:04}_*.py")
    lines = made.read_text(encoding="utf-8").splitlines(keepends=True)
    made.write_text("".join(line for line in lines if "# ### " not in line), encoding="utf-8")
    subprocess.run(["ruff", "format", "--quiet", made], check=True)
    subprocess.run(["ruff", "check", "--quiet", "--fix", made], check=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="what changes")
    parser.add_argument("--first", action="store_true", help="forget all migrations and write the first one anew")
    arguments = parser.parse_args()
    if arguments.first:
        for path in VERSIONS.glob("[0-9]*.py"):
            path.unlink()
    write(arguments.name)


if __name__ == "__main__":
    main()
