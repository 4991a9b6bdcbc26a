"""Runs a command and fails when it leaves a process behind: python3 .ci/adopt.py COMMAND [ARGUMENT…]

A test that forgets to stop its server passes, and the server keeps its port and its memory. So this process adopts
every orphan of the command (Linux: PR_SET_CHILD_SUBREAPER) and, when the command has ended, names and ends what still
runs. Exit status: the command's own; 1 when it succeeded but left something behind. Needs only the standard library,
because it runs before .venv exists.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 5.0  # seconds in which orphans may still end by themselves


def main(command: list[str]) -> int:
    """Runs the command with orphans adopted; the exit status to end with."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    status = wait_for(os.posix_spawnp(command[0], command, os.environ))
    deadline = time.monotonic() + PATIENCE
    while (left := orphans()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid, name in left.items():
        print(f"left running: {pid} {name}", file=sys.stderr)
    while left := orphans():  # the children of an ended orphan become orphans in turn
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = status or 1
    return status


def wait_for(pid: int) -> int:
    """The exit status of one child, while orphans that end meanwhile are reaped too."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def orphans() -> dict[int, str]:
    """The command lines of our children that still run, by pid; the ended ones are reaped."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid): Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip() for pid in children}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
