"""App ID management: the texts of mails."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.delivery.texts.templates import delete_template, get_template, put_template
from ostiary.runtime import Runtime
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.management.v4 import templates_pb2 as pb
from ostiary_api.appid.management.v4 import templates_pb2_grpc


class TemplatesServicer(templates_pb2_grpc.TemplatesServiceServicer):
    """The mails that people get."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetTemplate(self, request: pb.GetTemplateRequest, context: grpc.ServicerContext) -> pb.Template:
        call = current_call()
        return get_template(call.work, call.required_tenant, request.template_name, request.language)

    def PutTemplate(self, request: pb.PutTemplateRequest, context: grpc.ServicerContext) -> pb.Template:
        call = current_call()
        stored, created = put_template(
            call.work,
            call.required_tenant,
            request.template_name,
            request.language,
            request.template,
            self._clock.now_ms(),
        )
        call.http_status = _status(call, created=created)
        return stored

    def DeleteTemplate(self, request: pb.DeleteTemplateRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        delete_template(call.work, call.required_tenant, request.template_name, request.language)
        return empty_pb2.Empty()


def _status(call: Call, *, created: bool) -> int:
    """RFC 7240 §4.2: who prefers a minimal answer gets none. The vendor's documents spell it with an underscore."""
    preferences = call.metadata.get("prefer", "").replace(" ", "").replace("_", "=").lower().split(",")
    if "return=minimal" in preferences:
        return 204
    return 201 if created else 200
