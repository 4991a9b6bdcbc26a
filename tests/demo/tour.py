"""A tour of every dialect against a server of its own: `make demo`.

It starts the real thing (Envoy, workers, an embedded store in a temporary folder, free ports), does what a newcomer
would do, says what it does, and ends with exit code 0 only if everything held.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from kit.servers.served import served

from demo.chapters import CHAPTERS, Story
from demo.telling import Disappointed, Teller


def main() -> int:
    """Runs the chapters in turn; each builds on what the ones before have made."""
    began = time.perf_counter()
    teller = Teller()
    with tempfile.TemporaryDirectory(prefix="ostiary-demo-") as folder:
        teller.chapter("A server", "ostiary init and ostiary serve, on an embedded store, behind a real Envoy.")
        with served(Path(folder), argon2_memory_kib=19_456, program=True) as server:
            story = Story(server, teller)
            teller.shows("address", server.url)
            teller.shows("tenant", server.credentials["tenantId"])
            teller.holds("it is ready", server.admin("/readyz").status_code == 200)
            try:
                for chapter in CHAPTERS:
                    chapter(story)
            except Disappointed:
                return 1
    teller.ends(time.perf_counter() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())
