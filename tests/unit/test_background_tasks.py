"""What the log says of a background task that fails, and that it runs again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from ostiary.background.tasks import Task
from ostiary.errors import invalid, unavailable
from ostiary.serving.background import Repeated

AWAY = unavailable("STORE_UNAVAILABLE", "The database cannot be reached at the moment.")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AWAY, {"error": "STORE_UNAVAILABLE: The database cannot be reached at the moment."}),
        (invalid("X", "Nobody foresaw this."), {"exc_info": True}),
        (KeyError("nor this"), {"exc_info": True}),
    ],
)
def test_only_what_nobody_foresaw_is_logged_with_a_traceback(error: Exception, told: dict[str, Any]) -> None:
    ran = threading.Semaphore(0)

    def fail() -> None:
        ran.release()
        raise error

    with capture_logs() as lines:
        repeated = Repeated(Task("failing", 0.001, fail))
        repeated.start()
        assert all(ran.acquire(timeout=5) for _ in range(2)), "a failure does not end it"
        repeated.stop()
        repeated.join(5)
    assert lines[0] == {"event": "task failed", "log_level": "error", "task": "failing", **told}
