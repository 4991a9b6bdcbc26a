"""What the controllers of users share: a user of an organization with its roles, and changes of them."""

from __future__ import annotations

from collections.abc import Iterable

from google.api import httpbody_pb2

from ostiary.directory.groups.membership import groups_of_users
from ostiary.directory.roles.granting import Giver, Holder
from ostiary.directory.roles.member_roles import MemberRoles, member_roles
from ostiary.directory.roles.role_changes import RoleChange, change_roles
from ostiary.directory.service_definitions.changes import ServiceRoleChange, change_service_roles
from ostiary.directory.users.users import UserView, get_user
from ostiary.runtime import Runtime
from ostiary.services.csp.roles import org_role
from ostiary.services.csp.users import shown_user, user_info, user_named
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call
from ostiary_api.csp.v1 import role_pb2, user_pb2


class UserRoles:
    """Reads and changes what a user holds. Every method raises USER_NOT_FOUND."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._authentication = runtime.oauth.authentication

    def held(self, work: Work, tenant: TenantView, user_id: str) -> tuple[UserView, MemberRoles]:
        """A user of an organization by its id or its account, and what it holds, itself or through groups."""
        user = user_named(work, tenant, user_id)
        return user, member_roles(work, tenant.id, [user.id], self._clock.now_ms())[user.id]

    def org_roles(self, call: Call, user_id: str) -> list[role_pb2.OrgRole]:
        """The organization roles of a user."""
        _, roles = self.held(call.work, call.required_tenant, user_id)
        return [org_role(call.tenant_id, role) for role in roles.organization]

    def info(self, call: Call, user_id: str) -> user_pb2.UserInfo:
        """A user with its roles and services."""
        tenant = call.required_tenant
        user, roles = self.held(call.work, tenant, user_id)
        shown = self.shown(call.work, tenant, user, with_profile=True)
        return user_info(call.work, shown, tenant, roles)

    def shown(self, work: Work, tenant: TenantView, user: UserView, *, with_profile: bool) -> user_pb2.User:
        """A user by itself."""
        groups = groups_of_users(work, tenant.id, [user.id])[user.id]
        return shown_user(tenant, user, [group.id for group in groups], with_profile=with_profile)

    def change(
        self, call: Call, user_id: str, roles: RoleChange, services: Iterable[ServiceRoleChange] = ()
    ) -> httpbody_pb2.HttpBody:
        """Changes the roles of a user; the answer has no body."""
        get_user(call.work, call.tenant_id, user_id)
        giver: Giver = self._authentication.giver(call.principal, call.tenant_id)
        holder, now_ms = Holder(user_id), self._clock.now_ms()
        change_roles(call.work, call.tenant_id, holder, roles, giver, now_ms)
        change_service_roles(call.work, call.tenant_id, holder, services, giver, now_ms)
        call.audit_target = user_id
        return httpbody_pb2.HttpBody()
