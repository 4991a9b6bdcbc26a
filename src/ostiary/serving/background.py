"""Background process: the tasks of a node, one thread each, and the admin listener."""

from __future__ import annotations

import random
import threading

import structlog

from ostiary.app import background_tasks
from ostiary.background.tasks import Task
from ostiary.config import Settings
from ostiary.errors import DomainError, Kind
from ostiary.runtime import open_runtime
from ostiary.serving.admin import AdminServer
from ostiary.serving.process import RuntimeFolder, Serving
from ostiary.store.drivers.postgresql import allowed_connections, check_sessions

STOP_S = 1.5
"""The time for which a task may still run when the process ends; its leases expire by themselves."""
_log = structlog.get_logger("ostiary.background")


def begin(settings: Settings, place: RuntimeFolder) -> Serving:
    """Starts the tasks and the admin listener."""
    runtime = open_runtime(settings)
    if not runtime.store.is_sqlite:
        check_sessions(settings.database_url)
        _tell_of_room(settings, (settings.worker_count + 1) * runtime.store.most_connections)
    admin = AdminServer(settings.admin_listen, place, runtime.store.fault, gateway=settings.gateway)
    tasks = [Repeated(task) for task in background_tasks(runtime)]
    for task in tasks:
        task.start()
    admin.start()

    def stop() -> None:
        for task in tasks:
            task.stop()
        for task in tasks:
            task.join(STOP_S / max(1, len(tasks)))
        admin.stop()
        runtime.close()

    return Serving(admin.answers, drain=admin.drain, part=lambda: None, stop=stop)


def _tell_of_room(settings: Settings, needed: int) -> None:
    """A database with too little room serves a quiet node well, and refuses a busy one: that is better known before."""
    allowed = allowed_connections(settings.database_url)
    told = _log.info if needed <= allowed else _log.warning
    told("connections of this node", at_most=needed, database_allows=allowed)


class Repeated(threading.Thread):
    """A task that runs again and again; a failure is logged and never ends it."""

    def __init__(self, task: Task) -> None:
        super().__init__(name=task.name, daemon=True)
        self._task = task
        self._stopping = threading.Event()

    def run(self) -> None:
        """Runs the task until it is stopped. The pause varies a little, so that replicas do not all wake at once."""
        while not self._stopping.wait(self._task.interval_s * random.uniform(0.9, 1.1)):  # noqa: S311 (no secret)
            try:
                self._task.run()
            except Exception as error:  # noqa: BLE001 (the next run may succeed)
                # Without the database every task fails, again and again: a line says that as well as a traceback.
                foreseen = isinstance(error, DomainError) and error.kind is Kind.UNAVAILABLE
                told = {"error": str(error)} if foreseen else {"exc_info": True}
                _log.error("task failed", task=self._task.name, **told)

    def stop(self) -> None:
        """Stops the task: it does not run again."""
        self._stopping.set()
