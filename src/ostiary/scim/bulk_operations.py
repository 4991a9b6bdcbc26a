"""Operations of a bulk request, each as its own request would be carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ostiary.access.principals import Principal
from ostiary.access.reach import is_caller, refuse_beyond_reach, refuse_program, within_reach
from ostiary.clock import Clock
from ostiary.directory.roles.granting import Giver
from ostiary.scim.acting import Acting
from ostiary.scim.bulk import BulkOperation, Done
from ostiary.scim.groups.document import etag as etag_of_group
from ostiary.scim.groups.operations import GroupOperations
from ostiary.scim.schema.attributes import GROUPS, USERS, Place, ResourceKind
from ostiary.scim.schema.chosen import Chosen
from ostiary.scim.users.document import etag as etag_of_user
from ostiary.scim.users.operations import UserOperations


class BulkOperations:
    """Carries out the operations of one request on users and groups."""

    def __init__(
        self, users: UserOperations, groups: GroupOperations, clock: Clock, acting: Acting,
        giver: Callable[[Principal, str], Giver],
    ) -> None:  # fmt: skip
        self._users = users
        self._groups = groups
        self._clock = clock
        self._acting = acting
        self._giver = giver(acting.principal, acting.tenant_id)

    def carry(self, operation: BulkOperation) -> Done:
        """Carries out one; raises what the operation itself raises."""
        named = operation.resource.rpartition(":")[2] if operation.resource.startswith("urn:") else operation.resource
        kind = USERS if operation.endpoint == "Users" else GROUPS
        self._acting.reach = None
        if kind is USERS and named:
            self._check_reach(named)
        operations: Any = self._users if kind is USERS else self._groups
        etag: Any = etag_of_user if kind is USERS else etag_of_group
        if operation.method == "DELETE":
            with self._acting.transaction() as work:
                operations.delete(self._acting, work, named, operation.version)
            return Done(named, f"{operations.url}/{named}", "", 204)
        resource, _ = self._changed(operations, operation, named, only_id(kind))
        return Done(
            resource.id, operations.location(resource), etag(resource), 201 if operation.method == "POST" else 200
        )

    def _changed(self, operations: Any, operation: BulkOperation, named: str, chosen: Chosen) -> Any:
        if operation.method == "POST":
            return operations.create(self._acting, operation.data, chosen)
        change = operations.replace if operation.method == "PUT" else operations.patch
        return change(self._acting, named, operation.data, operation.version, chosen)

    def _check_reach(self, user_id: str) -> None:
        acting = self._acting
        refuse_beyond_reach(acting.reading, acting.principal, acting.tenant_id, [user_id], self._clock.now_ms())
        if is_caller(acting.principal, acting.tenant_id, [user_id]):
            refuse_program(acting.reading, acting.principal, self._clock.now_ms())
        acting.release()
        acting.reach = within_reach(
            acting.principal, self._giver, acting.tenant_id, lambda _work: [user_id], self._clock.now_ms,
            gives_roles=False,
        )  # fmt: skip


def only_id(kind: ResourceKind) -> Chosen:
    """Shows nothing of a resource but its id: the answer of a bulk request has no more of it."""
    return Chosen(only=(Place(kind.attributes["id"]),))
