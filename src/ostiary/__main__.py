"""`ostiary`, also `python -m ostiary`."""

from __future__ import annotations

import sys

from ostiary.cli.root import run


def main() -> int:
    """Runs the command line; the exit code."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
