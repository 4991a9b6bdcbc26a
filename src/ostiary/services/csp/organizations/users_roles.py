"""Changes of the roles of several users at once: each succeeds or fails by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ostiary.access.reach import within_reach
from ostiary.directory.roles.granting import Holder
from ostiary.directory.roles.role_changes import RoleChoice, change_roles
from ostiary.directory.service_definitions.changes import ServiceRoleChange, change_service_roles
from ostiary.errors import DomainError
from ostiary.runtime import Runtime
from ostiary.services.csp.links import definition_in
from ostiary.services.csp.roles import role_change
from ostiary.services.csp.users import user_named
from ostiary.transport.call import Call
from ostiary_api.csp.v1 import organization_pb2 as pb


class UsersRoles:
    """Gives and takes roles of users of the organization of one call."""

    def __init__(self, call: Call, runtime: Runtime) -> None:
        self._call = call
        self._giver = runtime.oauth.authentication.giver(call.principal, call.tenant_id)
        self._now_ms = runtime.clock.now_ms()
        self._changed: list[str] = []

    def change(self, asked: pb.UsersRolesUpdate) -> pb.UpdatedUsersRoles:
        """The answer that tells who got what."""
        answer = pb.UpdatedUsersRoles()
        services = [_service_change(each) for each in asked.services_roles_patch_request.service_roles_patch_request]
        for user in asked.user_list:
            name = user.user_name
            if user.HasField("org_roles_update_request"):
                done = self._ends(name, self._org_roles(user.org_roles_update_request))
                (answer.success_org_roles_usernames if done else answer.failed_org_roles_usernames).append(name)
            if services:
                done = self._ends(name, self._service_roles(services))
                ended = answer.success_service_roles_usernames if done else answer.failed_services_roles_usernames
                ended.append(name)
        self._call.audit_targets = list(dict.fromkeys(self._changed))
        return answer

    def _ends(self, name: str, change: Callable[[Holder], None]) -> bool:
        """Whether one change of one user is made; one that is not leaves nothing behind."""
        call = self._call
        try:
            with call.work.savepoint():
                user = user_named(call.work, call.required_tenant, name)
                within_reach(
                    call.principal, self._giver, call.tenant_id, lambda _work: [user.id], lambda: self._now_ms,
                    gives_roles=True,
                )(call.work)  # fmt: skip
                change(Holder(user.id))
        except DomainError:
            return False
        self._changed.append(user.id)
        return True

    def _org_roles(self, asked: Any) -> Callable[[Holder], None]:
        change = role_change(asked)
        work, org_id = self._call.work, self._call.tenant_id
        return lambda holder: change_roles(work, org_id, holder, change, self._giver, self._now_ms)

    def _service_roles(self, services: Sequence[ServiceRoleChange]) -> Callable[[Holder], None]:
        work, org_id = self._call.work, self._call.tenant_id
        return lambda holder: change_service_roles(work, org_id, holder, services, self._giver, self._now_ms)


def _service_change(asked: pb.ServiceRolesPatch) -> ServiceRoleChange:
    added = [RoleChoice(name=name) for name in asked.role_names_to_add]
    removed = [RoleChoice(name=name) for name in asked.role_names_to_remove]
    return ServiceRoleChange(definition_in(asked.service_id), added, removed)
