"""Tasks: what the answer to a deletion in cloudapi names, and what its XML tells until it has ended."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import grpc
import pytest
from kit.accounts.director import NOBODY, Director
from kit.accounts.people import Made
from kit.callers import Caller, refusal
from kit.platform import VCLOUD, parsed

from ostiary.background.cleaner import KEPT_MS, clean
from ostiary.background.jobs import deletions, run_jobs
from ostiary.directory.tasks.tasks import GIVEN_MS, SHOWN_MS
from ostiary.directory.tenants.tenants import create_tenant
from ostiary.store.tables import Task, table_of
from ostiary_api.vcloud.v1 import task_pb2
from ostiary_api.vcloud.v1.task_pb2_grpc import TaskServiceStub

UNKNOWN = (grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")


@pytest.fixture
def director(shared_caller: Caller) -> Director:
    return Director(shared_caller)


def task(director: Director, who: Made, task_id: str) -> ET.Element:
    request = task_pb2.GetTaskRequest(id=task_id)
    return parsed(TaskServiceStub(director.caller.channel).GetTask(request, **who.call).data)


def begun(director: Director, method: str, who: Made, context: str = "", **body: object) -> str:
    """The id of the task that a deletion has named."""
    _, headers = director.answered(method, who, context, **body)
    assert headers["location"].startswith(f"{director.made.runtime.issuers.public_url}/api/task/")
    return headers["location"].rpartition("/")[2]


def delete_user(director: Director, who: Made, name: str = "gone") -> tuple[str, str]:
    """The user, and the task of its deletion."""
    user = director.person(name)
    return user.id, begun(director, "UsersService/DeleteUser", who, director.tenant_id, id=user.id)


def finish_jobs(director: Director) -> None:
    run_jobs(director.made.runtime.store, director.made.clock, "test", deletions(director.made.runtime.store,
             director.made.clock))  # fmt: skip


def test_the_deletion_of_a_user_has_ended_with_its_answer(director: Director) -> None:
    user_id, task_id = delete_user(director, director.owner)
    seen = task(director, director.owner, task_id)
    assert (seen.tag, seen.attrib["status"], seen.attrib["operationName"]) == (f"{VCLOUD}Task", "success", "userDelete")
    assert (seen.attrib["id"], seen.attrib["name"]) == (f"urn:vcloud:task:{task_id}", "task")
    assert seen.attrib["startTime"] == seen.attrib["endTime"] < seen.attrib["expiryTime"]
    told = {one.tag.removeprefix(VCLOUD): one for one in seen}
    assert told["Owner"].attrib["id"] == f"urn:vcloud:user:{user_id}"
    assert (told["User"].attrib["name"], told["Organization"].attrib["name"]) == ("owner", director.name)
    assert "Error" not in told


def test_the_deletion_of_organizations_runs_until_the_rows_of_all_are_gone(director: Director) -> None:
    runtime, clock = director.made.runtime, director.made.clock
    with runtime.store.write() as work:
        create_tenant(work, f"x{director.number}", runtime.entropy, clock.now_ms(), parent_id=director.tenant_id)
    asked = {"id": f"urn:vcloud:org:{director.tenant_id}", "recursive": True}
    task_id = begun(director, "OrgsService/DeleteOrg", director.operator, **asked)
    seen = task(director, director.operator, task_id)
    assert seen.attrib["status"] == "running"
    assert "endTime" not in seen.attrib
    finish_jobs(director)
    assert task(director, director.operator, task_id).attrib["status"] == "success"


def test_a_deletion_that_takes_longer_than_a_day_has_failed_for_good(director: Director) -> None:
    task_id = begun(director, "OrgsService/DeleteOrg", director.operator, id=director.tenant_id)
    with director.made.runtime.store.write() as work:
        row = table_of(Task).update().where(table_of(Task).c.id == task_id)
        work.run(row.values(started_at=Task.started_at - GIVEN_MS - 1, due_at=Task.due_at - GIVEN_MS - 1))
    for _ in range(2):
        seen = task(director, director.operator, task_id)
        assert seen.attrib["status"] == "error"
        (error,) = [one for one in seen if one.tag == f"{VCLOUD}Error"]
        assert (error.attrib["majorErrorCode"], error.attrib["minorErrorCode"]) == ("500", "NOT_FINISHED")
        finish_jobs(director)


def test_a_task_is_known_to_nobody_but_who_began_it(director: Director) -> None:
    _, task_id = delete_user(director, director.operator)
    second = director.person("second", "org_owner")
    other = Director(director.caller)
    for who in (director.owner, second, other.owner, other.operator):
        for named in (task_id, f"urn:vcloud:task:{task_id}", NOBODY, "nonsense"):
            assert refusal(lambda who=who, named=named: task(director, who, named)) == UNKNOWN
    assert task(director, director.operator, task_id).attrib["status"] == "success"


def test_a_deletion_that_is_refused_leaves_no_task(director: Director) -> None:
    for method, who, named in (
        ("UsersService/DeleteUser", director.owner, NOBODY), ("UsersService/DeleteUser", director.member, NOBODY),
        ("OrgsService/DeleteOrg", director.operator, NOBODY), ("OrgsService/DeleteOrg", director.owner, NOBODY),
    ):  # fmt: skip
        assert refusal(lambda m=method, w=who, n=named: director.ask(m, w, id=n))[0] is not grpc.StatusCode.OK
    with director.made.runtime.store.read() as work:
        mine = table_of(Task).c.starter_id.in_([director.owner.id, director.member.id, director.operator.id])
        assert work.rows(table_of(Task).select().where(mine)) == []


def test_a_task_is_forgotten_after_two_days(director: Director) -> None:
    tasks, store = table_of(Task), director.made.runtime.store
    _, task_id = delete_user(director, director.owner)
    with store.write() as work:
        work.run(tasks.update().where(tasks.c.id == task_id).values(expires_at=tasks.c.expires_at - SHOWN_MS - KEPT_MS))
    assert refusal(lambda: task(director, director.owner, task_id)) == UNKNOWN
    clean(store, director.made.clock, 0)
    with store.read() as work:
        assert work.row(tasks.select().where(tasks.c.id == task_id)) is None
