"""The real command line, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """What it printed on standard output, all of it, as JSON."""
        return json.loads(self.stdout)


def ostiary(*arguments: str, cwd: Path, **variables: str) -> Ended:
    """Runs `ostiary` in `cwd`; `variables` go into its environment, which holds no other setting."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    ended = subprocess.run(
        [sys.executable, "-m", "ostiary", *arguments], cwd=cwd, env={**environment, **variables}, text=True,
        capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)
