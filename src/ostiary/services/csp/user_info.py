"""The holder of an access token in CSP."""

from __future__ import annotations

import grpc

from ostiary.access.callers import caller_view
from ostiary.errors import DomainError, Kind, unauthenticated
from ostiary.oauth.platform.accounts import acct_of
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary.transport.steps.authentication import bearer_token
from ostiary_api.csp.v1 import user_info_pb2 as pb
from ostiary_api.csp.v1 import user_info_pb2_grpc


class UserInfoServicer(user_info_pb2_grpc.UserInfoServiceServicer):
    """Says who holds a token."""

    def __init__(self, runtime: Runtime) -> None:
        self._authentication = runtime.oauth.authentication
        self._tenancy = runtime.tenancy

    def GetTokenUserInfo(
        self, request: pb.GetTokenUserInfoRequest, context: grpc.ServicerContext
    ) -> pb.TokenUserInfo:  # fmt: skip
        call = current_call()
        token = bearer_token(call.metadata)
        if not token:
            raise _no_token()
        try:
            principal = self._authentication.platform(call.work, token)
        except DomainError as error:
            raise (_no_token() if error.kind is Kind.UNAUTHENTICATED else error) from error
        tenant = self._tenancy.find(call.work, principal.tenant_id)
        if tenant is None:
            raise _no_token()
        caller = caller_view(call.work, tenant, principal)
        user = caller.user
        return pb.TokenUserInfo(
            sub=caller.id, username=caller.name, acct=acct_of(caller.name, tenant.name), domain=tenant.name,
            context=tenant.id, context_name=tenant.id, email=user.email if user else "",
            given_name=user.given_name if user else "", family_name=user.family_name if user else "",
            group_names=[group.display_name for group in caller.groups],
            group_ids=[group.id for group in caller.groups],
        )  # fmt: skip


def _no_token() -> DomainError:
    return unauthenticated("INVALID_ACCESS_TOKEN", "The header Authorization holds no access token that is good.")
