"""API tokens in cloudapi."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import empty_pb2
from sqlalchemy import Row

from ostiary.access.policy import permissions_on
from ostiary.directory.roles.permissions import Permission
from ostiary.ids import guid
from ostiary.oauth.platform.registered_tokens import REFRESH, Revoker, get_token, list_tokens, revoke_token
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import asked_list, paged
from ostiary.services.cloudapi.references import reference
from ostiary.store.tenancy import TenantView
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import api_tokens_pb2 as pb
from ostiary_api.cloudapi.v1 import api_tokens_pb2_grpc


class ApiTokensServicer(api_tokens_pb2_grpc.ApiTokensServiceServicer):
    """Lists and revokes API tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/tokens"
        self._clock = runtime.clock
        self._authentication = runtime.oauth.authentication

    def ListApiTokens(self, request: pb.ListApiTokensRequest, context: grpc.ServicerContext) -> pb.ApiTokens:
        call = current_call()
        found, total = list_tokens(
            call.work, call.tenant_id, _whose(call), self._clock.now_ms(), request.filter, **asked_list(request, "name")
        )
        shown = [_token(call.required_tenant, row) for row in found]
        return pb.ApiTokens(**paged(self._url, "Tokens", request, total), values=shown)

    def GetApiToken(self, request: pb.GetApiTokenRequest, context: grpc.ServicerContext) -> pb.ApiToken:
        call = current_call()
        token_id = guid(request.id, "token")
        row = get_token(call.work, call.tenant_id, _whose(call), token_id, self._clock.now_ms())
        return _token(call.required_tenant, row)

    def DeleteApiToken(self, request: pb.DeleteApiTokenRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        token_id = guid(request.id, "token")
        revoker = Revoker(call.principal.id, self._authentication.giver(call.principal, call.tenant_id))
        revoke_token(call.work, call.tenant_id, _whose(call), token_id, revoker, self._clock.now_ms())
        call.audit_target = token_id
        return empty_pb2.Empty()


def _whose(call: Call) -> str | None:
    """The user whose tokens the caller may see; None for all of the organization, which its owners see."""
    owns = Permission.ORGANIZATION_OWN in permissions_on(call.principal, call.tenant_id)
    return None if owns else call.principal.id


def _token(tenant: TenantView, row: Row[Any]) -> pb.ApiToken:
    return pb.ApiToken(
        id=f"urn:vcloud:token:{row.id}", name=row.name, type=REFRESH,
        owner=reference("user", row.user_id, row.user_name), org=reference("org", tenant.id, tenant.name),
        expiration_time_in_millis=row.expires_at,
    )  # fmt: skip
