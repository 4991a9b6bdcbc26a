"""How long tests wait for what must come: far longer than it takes, since test files run side by side on few cores."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE_S = 60.0
"""A call that takes longer hangs, and what has not come by then never comes."""


def awaited(look: Callable[[], Found], seconds: float = PATIENCE_S, *, every: float = 0.05) -> Found:
    """What `look` finds, as soon as that is true; it is asked `every` so many seconds."""
    latest = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < latest, "it never came to hold"
        time.sleep(every)
    return found
