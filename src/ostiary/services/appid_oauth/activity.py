"""App ID runtime: what applications tell of their users."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.audit.runtime_events import user_left
from ostiary.errors import DomainError, invalid
from ostiary.runtime import Runtime
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.oauth.v4 import activity_pb2 as pb
from ostiary_api.appid.oauth.v4 import activity_pb2_grpc


class ActivityServicer(activity_pb2_grpc.ActivityServiceServicer):
    """Records that a user has left an application."""

    def __init__(self, runtime: Runtime) -> None:
        self._events = runtime.events
        self._claims_of = runtime.oauth.authorization_requests.claims_of

    def LogActivity(self, request: pb.LogActivityRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        if not self._is_of(call, request.activity.id_token):
            message = "id_token must be the identity token of this user in this application."
            raise invalid("INVALID_ID_TOKEN", message, oauth_error="invalid_request")
        left = user_left(call.tenant_id, call.principal.id, call.request_id)
        self._events.emit(call.work, left, call.required_tenant)
        return empty_pb2.Empty()

    def _is_of(self, call: Call, id_token: str) -> bool:
        """Whether the tenant has signed the identity token for the user and the application of the access token."""
        try:
            claims = self._claims_of(call.work, call.required_tenant, id_token)
        except DomainError:
            return False
        return bool(claims["sub"] == call.principal.id and call.principal.client_id in claims["aud"])
