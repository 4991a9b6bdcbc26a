"""Writes the constraints of a release: the versions of requirements.txt, without their hashes.

`pip install --constraint` with hashes would demand a hash of everything, and its resolver would look for the newest
release of what is asked for with an extra. usage: python tools/constraints.py requirements.txt > constraints.txt
"""

import re
import sys
from pathlib import Path


def constraints(requirements: str) -> str:
    """The pins of a requirements file with hashes, a line each."""
    joined = requirements.replace("\\\n", " ")
    lines = (re.sub(r"\s+--hash=\S+", "", line).strip() for line in joined.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    sys.stdout.write(constraints(Path(sys.argv[1]).read_text(encoding="utf-8")))
