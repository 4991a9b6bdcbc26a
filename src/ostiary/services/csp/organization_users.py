"""The users of an organization in CSP."""

from __future__ import annotations

from urllib.parse import urlencode

import grpc

from ostiary.directory.roles.organization_roles import roles_of_users
from ostiary.directory.users.users import BY_USER_NAME, list_users
from ostiary.errors import invalid
from ostiary.runtime import Runtime
from ostiary.services.csp.users import typed_user
from ostiary.transport.call import Call, current_call
from ostiary_api.csp.v1 import organization_users_pb2 as pb
from ostiary_api.csp.v1 import organization_users_pb2_grpc

DEFAULT_LIMIT, MAX_LIMIT = 20, 128
MAX_START = 1_000_000_000
FLAGS = ("expand_profile", "include_group_ids_in_roles")


class OrganizationUsersServicer(organization_users_pb2_grpc.OrganizationUsersServiceServicer):
    """Lists the users of an organization."""

    def __init__(self, runtime: Runtime) -> None:
        """Needs nothing from the runtime: everything is in the store."""

    def ListUsersV2(self, request: pb.ListUsersV2Request, context: grpc.ServicerContext) -> pb.UserPage:
        call, (start, limit) = current_call(), _page(request)
        users, total = list_users(call.work, call.tenant_id, start=start, count=limit, order=BY_USER_NAME)
        roles = roles_of_users(call.work, call.tenant_id, [user.id for user in users])
        with_profile = call.flag(request, "expand_profile")
        return pb.UserPage(
            results=[
                typed_user(call.required_tenant, user, roles[user.id], with_profile=with_profile) for user in users
            ],
            next_link=_link(call, request, start + limit, limit) if start + limit <= total else None,
            prev_link=_link(call, request, max(1, start - limit), limit) if start > 1 else None,
            total_results=total,
        )


def _page(request: pb.ListUsersV2Request) -> tuple[int, int]:
    start = request.page_start if request.HasField("page_start") else 1
    limit = request.page_limit if request.HasField("page_limit") else DEFAULT_LIMIT
    if not 1 <= start <= MAX_START or not 1 <= limit <= MAX_LIMIT:
        raise invalid("PAGE_OUT_OF_RANGE", f"pageStart counts from 1 to {MAX_START}, pageLimit is 1 to {MAX_LIMIT}.")
    return start, limit


def _link(call: Call, request: pb.ListUsersV2Request, start: int, limit: int) -> str:
    names = {name: request.DESCRIPTOR.fields_by_name[name].json_name for name in FLAGS if call.flag(request, name)}
    query = urlencode({"pageStart": start, "pageLimit": limit, **dict.fromkeys(names.values(), "true")})
    return f"/csp/gateway/am/api/v2/orgs/{request.org_id}/users?{query}"
