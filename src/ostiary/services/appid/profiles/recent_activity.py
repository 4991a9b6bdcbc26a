"""App ID management: recent sign-ins."""

from __future__ import annotations

import grpc
from google.protobuf import json_format

from ostiary.audit.trail import event_document, recent_authentications
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import recent_activity_pb2 as pb
from ostiary_api.appid.management.v4 import recent_activity_pb2_grpc


class RecentActivityServicer(recent_activity_pb2_grpc.RecentActivityServiceServicer):
    """The recent sign-ins in the audit ledger."""

    def __init__(self, runtime: Runtime) -> None:
        del runtime

    def ListRecentAuthentications(
        self, request: pb.ListRecentAuthenticationsRequest, context: grpc.ServicerContext
    ) -> pb.ListRecentAuthenticationsResponse:
        call = current_call()
        found = recent_authentications(call.work, request.tenant_id, call.page(request).size)
        return pb.ListRecentAuthenticationsResponse(
            events=[json_format.ParseDict(event_document(event), pb.AuditEvent()) for event in found]
        )
