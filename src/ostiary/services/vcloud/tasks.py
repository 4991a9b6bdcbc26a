"""Tasks in XML, read by who has begun them."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.directory.tasks.tasks import get_task
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.tasks import starter
from ostiary.services.vcloud.task_document import task_document
from ostiary.transport.call import current_call
from ostiary_api.vcloud.v1 import task_pb2 as pb
from ostiary_api.vcloud.v1 import task_pb2_grpc


class TaskServicer(task_pb2_grpc.TaskServiceServicer):
    """Describes the caller's tasks."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = runtime.issuers.public_url
        self._clock = runtime.clock

    def GetTask(self, request: pb.GetTaskRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        task = get_task(call.work, starter(call.principal), guid(request.id, "task"), self._clock.now_ms())
        return task_document(self._url, call, task)
