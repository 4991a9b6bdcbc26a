"""Scripts of the pages: files that are served from this server, under an address that names their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """A script: its `name` in the address, and its content."""

    name: str
    content: bytes

    @property
    def path(self) -> str:
        """The address below the server's own."""
        return f"/scripts/{self.name}"


def _script(file: str) -> Script:
    content = (resources.files("ostiary.pages") / "scripts" / f"{file}.js").read_bytes()
    return Script(f"{file}-{hashlib.sha256(content).hexdigest()[:16]}.js", content)


PASSKEYS, REFERENCE = _script("passkeys"), _script("reference")
SCRIPTS = {script.name: script for script in (PASSKEYS, REFERENCE)}
"""Every script, by its name."""
SOURCE = "script-src 'self'"
"""What allows them in the policy of a page."""
