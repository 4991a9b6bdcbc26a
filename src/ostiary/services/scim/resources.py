"""Users and groups together: searched at once, and changed by bulk requests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import grpc
from google.api import httpbody_pb2

from ostiary.errors import invalid
from ostiary.runtime import Runtime
from ostiary.scim.bodies import as_body, read_body
from ostiary.scim.bulk import carry_out, read_bulk
from ostiary.scim.bulk_operations import BulkOperations
from ostiary.scim.groups.lists import find_group_page
from ostiary.scim.schema.attributes import GROUPS, USERS
from ostiary.scim.search import Found
from ostiary.scim.users.lists import find_page
from ostiary.services.scim.asked import posted_search
from ostiary.services.scim.operations import group_operations, user_operations
from ostiary.transport.call import Call, current_call
from ostiary_api.scim.v2 import scim_resources_pb2 as pb
from ostiary_api.scim.v2 import scim_resources_pb2_grpc


class ResourcesServicer(scim_resources_pb2_grpc.ResourcesServiceServicer):
    """What is asked of resources of all types."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = user_operations(runtime)
        self._groups = group_operations(runtime)
        self._clock = runtime.clock
        self._giver = runtime.oauth.authentication.giver

    def SearchResources(
        self, request: pb.SearchResourcesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call, work = current_call(), current_call().work
        search = posted_search(USERS, request.search, (GROUPS,))
        if search.cursor is not None:
            message = "Pages by cursor are of one type of resources: ask /Users/.search or /Groups/.search."
            raise invalid("INVALID_CURSOR", message, scim_type="invalidCursor")
        known = self._users.belongings(call, search.chosen)
        users = find_page(call, search, self._clock.now_ms(), self._users.url, known.read)
        behind = posted_search(GROUPS, request.search, (USERS,))
        left = replace(
            search.page, start=max(1, search.page.start - users.total), size=search.page.size - len(users.entries)
        )
        groups = find_group_page(call, replace(behind, page=left), self._groups.url)
        shown: list[dict[str, Any]] = [
            *(self._users.document(user, known, search.chosen) for user in users.entries),
            *self._groups.written(call, work, groups.entries, behind.chosen),
        ]
        return as_body(Found((), users.total + groups.total, search.page.start).document(shown))

    def ExecuteBulk(self, request: pb.ExecuteBulkRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        asked = read_bulk(read_body(request.bulk))
        operations = BulkOperations(self._users, self._groups, self._clock, call, self._giver)
        answer = carry_out(asked, _EachRecorded(operations, call))
        call.reach = None
        if not call.is_recorded:  # nothing was changed; that it was tried is recorded all the same
            with call.transaction():
                pass
        return as_body(answer)


class _EachRecorded:
    """Carries out operations so that the transaction of each has a record of its own."""

    def __init__(self, operations: BulkOperations, call: Call) -> None:
        self._operations = operations
        self._call = call

    def __call__(self, operation: Any) -> Any:
        recorded, self._call.is_recorded, self._call.audit_target = self._call.is_recorded, False, ""
        try:
            return self._operations.carry(operation)
        finally:
            self._call.is_recorded = self._call.is_recorded or recorded
