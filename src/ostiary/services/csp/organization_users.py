"""The users of an organization in CSP."""

from __future__ import annotations

from urllib.parse import urlencode

import grpc

from ostiary.directory.roles.bindings import roles_of_users
from ostiary.directory.users.users import BY_USER_NAME, list_users
from ostiary.http.paging import Page
from ostiary.runtime import Runtime
from ostiary.services.csp.users import typed_user
from ostiary.transport.call import Call, current_call
from ostiary_api.csp.v1 import organization_users_pb2 as pb
from ostiary_api.csp.v1 import organization_users_pb2_grpc

FLAGS = ("expand_profile", "include_group_ids_in_roles")


class OrganizationUsersServicer(organization_users_pb2_grpc.OrganizationUsersServiceServicer):
    """Lists the users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def ListUsersV2(self, request: pb.ListUsersV2Request, context: grpc.ServicerContext) -> pb.UserPage:
        call = current_call()
        page = call.page(request)
        users, total = list_users(call.work, call.tenant_id, start=page.start, count=page.size, order=BY_USER_NAME)
        roles = roles_of_users(call.work, call.tenant_id, [user.id for user in users], self._clock.now_ms())
        with_profile = call.flag(request, "expand_profile")
        return pb.UserPage(
            results=[
                typed_user(call.required_tenant, user, roles[user.id], with_profile=with_profile) for user in users
            ],
            next_link=_link(call, request, page, page.next_start(total)),
            prev_link=_link(call, request, page, page.previous_start),
            total_results=total,
        )


def _link(call: Call, request: pb.ListUsersV2Request, page: Page, start: int | None) -> str | None:
    if start is None:
        return None
    names = {name: request.DESCRIPTOR.fields_by_name[name].json_name for name in FLAGS if call.flag(request, name)}
    query = urlencode({"pageStart": start, "pageLimit": page.size, **dict.fromkeys(names.values(), "true")})
    return f"/csp/gateway/am/api/v2/orgs/{request.org_id}/users?{query}"
