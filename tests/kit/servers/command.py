"""The command line: in a process of its own, or, where a test needs many commands, in this one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from kit.servers.launcher import launcher

from ostiary.cli.root import run

COMMAND_S = 120.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """What it printed on standard output, all of it, as JSON."""
        return json.loads(self.stdout)


def ostiary_here(*arguments: str, cwd: Path, typed: str = "", **variables: str) -> Ended:
    """The same in this process, with `typed` on standard input: ten times as fast, since nothing is imported again."""
    stdout, stderr = io.StringIO(), io.StringIO()
    environment, here, stdin = dict(os.environ), Path.cwd(), sys.stdin
    try:
        os.chdir(cwd)
        sys.stdin = io.StringIO(typed)
        os.environ.update(variables)
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = run(list(arguments))
    finally:
        os.chdir(here)
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(environment)
    return Ended(code, stdout.getvalue(), stderr.getvalue())


def ostiary(*arguments: str, cwd: Path, **variables: str) -> Ended:
    """Runs `ostiary` in `cwd`; `variables` go into its environment, which holds no other setting. The process is forked
    from one that has imported the program: what it does is the same, and starts ten times as fast."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    with Path(os.devnull).open("rb") as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        ended = launcher.launch(
            arguments, cwd=cwd, env={**environment, **variables}, stdin=stdin.fileno(), stdout=stdout.fileno(),
            stderr=stderr.fileno(),
        )  # fmt: skip
        code = ended.wait(COMMAND_S)
        return Ended(code, *(_written(file) for file in (stdout, stderr)))


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
