"""App ID management: redirect URIs."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.oauth.clients.redirect_uris import REDIRECT_URIS
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import redirect_uris_pb2 as pb
from ostiary_api.appid.management.v4 import redirect_uris_pb2_grpc


class RedirectUrisServicer(redirect_uris_pb2_grpc.RedirectUrisServiceServicer):
    """The redirect URIs to which browsers and apps may be sent."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetRedirectUris(
        self, request: pb.GetRedirectUrisRequest, context: grpc.ServicerContext
    ) -> pb.RedirectUrisConfig:
        call = current_call()
        return REDIRECT_URIS.document(call.work, call.required_tenant)

    def PutRedirectUris(self, request: pb.PutRedirectUrisRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        REDIRECT_URIS.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
        return empty_pb2.Empty()
