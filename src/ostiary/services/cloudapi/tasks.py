"""Addresses of tasks: what a deletion that is answered with 202 names in Location."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.access.principals import Principal
from ostiary.directory.tasks.tasks import Starter, Target, begin_task
from ostiary.runtime import Runtime
from ostiary.store.tables import Job
from ostiary.transport.call import Call


class Tasks:
    """Records what a call has begun, and names it in the answer."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/api/task"
        self._entropy = runtime.entropy

    def began(self, call: Call, target: Target, now_ms: int, jobs: Sequence[Job] = ()) -> str:
        """Notes the deletion in the call's transaction, and returns the id of the task; without jobs it is done
        already."""
        task_id = begin_task(call.work, starter(call.principal), target, jobs, self._entropy, now_ms)
        call.created(f"{self._url}/{task_id}")
        return task_id


def starter(principal: Principal) -> Starter:
    """The caller as the owner of its tasks. They are at its own organization, also where it acts on another one: the
    vendor's clients ask for a task without the header that names that one."""
    return Starter(principal.tenant_id, principal.kind.value, principal.id)
