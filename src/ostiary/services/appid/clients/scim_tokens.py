"""SCIM tokens of a tenant."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import empty_pb2
from sqlalchemy import Row

from ostiary.access.scim_tokens import (
    USUAL_OVERLAP_HOURS,
    Maker,
    create_scim_token,
    list_scim_tokens,
    revoke_scim_token,
    rotate_scim_token,
)
from ostiary.clock import rfc3339
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import scim_tokens_pb2 as pb
from ostiary_api.appid.management.v4 import scim_tokens_pb2_grpc


class ScimTokensServicer(scim_tokens_pb2_grpc.ScimTokensServiceServicer):
    """Makes, lists, rotates and revokes SCIM tokens."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._authentication = runtime.oauth.authentication
        self._scim_url = f"{runtime.issuers.public_url}/scim/v2"

    def ListScimTokens(
        self, request: pb.ListScimTokensRequest, context: grpc.ServicerContext
    ) -> pb.ListScimTokensResponse:
        found = list_scim_tokens(current_call().work, request.tenant_id, self._clock.now_ms())
        return pb.ListScimTokensResponse(tokens=[_message(row) for row in found])

    def CreateScimToken(self, request: pb.CreateScimTokenRequest, context: grpc.ServicerContext) -> pb.ScimToken:
        call, asked = current_call(), request.token
        giver = self._authentication.giver(call.principal, request.tenant_id)
        made, value = create_scim_token(
            call.work, request.tenant_id, asked.name, _days(asked),
            Maker(call.principal.kind.value, call.principal.id, giver), self._entropy, self._clock.now_ms(),
            read_only=asked.read_only,
        )  # fmt: skip
        call.audit_target = made.id
        return self._shown_once(made, value)

    def RotateScimToken(self, request: pb.RotateScimTokenRequest, context: grpc.ServicerContext) -> pb.ScimToken:
        call, asked = current_call(), request.rotation
        overlap = asked.overlap_hours if asked.HasField("overlap_hours") else USUAL_OVERLAP_HOURS
        made, value = rotate_scim_token(
            call.work, request.tenant_id, request.token_id, overlap, _days(asked),
            self._authentication.giver(call.principal, request.tenant_id), self._entropy, self._clock.now_ms(),
        )  # fmt: skip
        call.audit_target = made.id
        return self._shown_once(made, value)

    def RevokeScimToken(self, request: pb.RevokeScimTokenRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        revoke_scim_token(call.work, request.tenant_id, request.token_id)
        call.audit_target = request.token_id
        return empty_pb2.Empty()

    def _shown_once(self, made: Row[Any], value: str) -> pb.ScimToken:
        message = _message(made)
        message.value, message.scim_url = value, self._scim_url
        return message


def _days(asked: pb.NewScimToken | pb.ScimTokenRotation) -> int | None:
    return asked.expires_in_days if asked.HasField("expires_in_days") else None


def _message(row: Row[Any]) -> pb.ScimToken:
    moments = {
        "expires_at": row.expires_at, "last_used_at": row.last_used_at, "previous_value_until": row.overlap_until,
    }  # fmt: skip
    return pb.ScimToken(
        id=row.id, name=row.name, read_only=row.read_only, created_at=rfc3339(row.created_at),
        created_by=pb.ScimTokenMaker(kind=row.maker_kind, id=row.maker_id, name=row.maker_name),
        **{name: rfc3339(at) for name, at in moments.items() if at is not None},
    )  # fmt: skip
