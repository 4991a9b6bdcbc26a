"""Uses scim2-cli in one process: creates a user, reads it, and deletes it; prints the user as it was read."""

from __future__ import annotations

import json
import sys

from click.testing import CliRunner
from scim2_cli import cli

url, token = sys.argv[1:]


def asked(*arguments: str) -> str:
    """What a command printed."""
    done = CliRunner().invoke(cli, ["--url", url, "--header", f"Authorization: Bearer {token}", *arguments])
    if done.exit_code:
        raise SystemExit(f"{arguments}: {done.output} {done.exception!r}")
    return done.output


made = json.loads(asked("create", "user", "--user-name", "cli-ann"))
found = json.loads(asked("query", "user", made["id"]))
asked("delete", "user", made["id"])
print(json.dumps({"userName": found["userName"], "same": found["id"] == made["id"]}))
