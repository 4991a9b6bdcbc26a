"""Tasks in XML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from google.api import httpbody_pb2

from ostiary.access.callers import caller_view
from ostiary.access.principals import PrincipalKind
from ostiary.directory.tasks.tasks import TaskState, TaskView
from ostiary.http.xml_text import element
from ostiary.services.vcloud.documents import ORG, TASK, USER, document, reference, text
from ostiary.transport.call import Call

_DELETED = {"org": ("Organization", "api/org"), "user": ("User", "api/admin/user")}
"""What is deleted by a task: its name in sentences, and where it was in XML."""
_LATE = "The deletion was not finished within a day. It goes on, and nobody sees any more what it deletes."


def task_document(url: str, call: Call, task: TaskView) -> httpbody_pb2.HttpBody:
    """A task of the caller; `url` is the server's public one."""
    return document("Task", TASK, _facts(url, task), _told(url, call, task))


def _facts(url: str, task: TaskView) -> dict[str, str]:
    urn = f"urn:vcloud:{task.target.kind}:{task.target.id}"
    ended = {} if task.ended_at is None else {"endTime": _moment(task.ended_at)}
    return {
        "href": f"{url}/api/task/{task.id}", "id": f"urn:vcloud:task:{task.id}", "name": "task",
        "status": task.state.value, "operation": f"Deleting {_DELETED[task.target.kind][0]} ({urn})",
        "operationName": f"{task.target.kind}Delete", "startTime": _moment(task.started_at), **ended,
        "expiryTime": _moment(task.expires_at), "cancelRequested": "false",
    }  # fmt: skip


def _told(url: str, call: Call, task: TaskView) -> Iterator[ET.Element]:
    owner = {"href": f"{url}/{_DELETED[task.target.kind][1]}/{task.target.id}", "name": ""}
    yield element("Owner", {**owner, "id": f"urn:vcloud:{task.target.kind}:{task.target.id}"})
    if task.state is TaskState.ERROR:
        yield element("Error", {"majorErrorCode": "500", "minorErrorCode": "NOT_FINISHED", "message": _LATE})
    caller = caller_view(call.work, call.required_tenant, call.principal)
    if call.principal.kind is PrincipalKind.USER:
        yield reference("User", USER, f"{url}/api/admin/user/{caller.id}", caller.name)
    yield reference("Organization", ORG, f"{url}/api/org/{caller.tenant.id}", caller.tenant.name)
    yield text("Progress", "0" if task.state is TaskState.RUNNING else "100")
    yield text("Details", _LATE if task.state is TaskState.ERROR else "")


def _moment(at_ms: int) -> str:
    """A time as `xs:dateTime` in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
