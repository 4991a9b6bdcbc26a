"""`ostiary`, also `python -m ostiary`."""

from __future__ import annotations

import sys

from ostiary.cli.root import run
from ostiary.cli.standard_streams import open_standard_streams


def main() -> int:
    """Runs the command line; the exit code."""
    open_standard_streams()
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
