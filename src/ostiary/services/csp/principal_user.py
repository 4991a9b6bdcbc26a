"""The caller's own user in CSP."""

from __future__ import annotations

import grpc

from ostiary.access.callers import caller_view
from ostiary.runtime import Runtime
from ostiary.services.csp.users import caller_as_user
from ostiary.transport.call import current_call
from ostiary_api.csp.v1 import principal_user_pb2 as pb
from ostiary_api.csp.v1 import principal_user_pb2_grpc, user_pb2


class PrincipalUserServicer(principal_user_pb2_grpc.PrincipalUserServiceServicer):
    """Tells callers who they are."""

    def __init__(self, runtime: Runtime) -> None:
        """Needs nothing from the runtime: everything is in the store."""

    def GetLoggedInUser(self, request: pb.GetLoggedInUserRequest, context: grpc.ServicerContext) -> user_pb2.User:
        call = current_call()
        caller = caller_view(call.work, call.required_tenant, call.principal)
        return caller_as_user(caller, with_profile=call.flag(request, "expand"))
