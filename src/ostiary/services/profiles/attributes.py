"""Custom attributes of the caller's own profile (`/api/v1/attributes`)."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.profiles.attributes import OwnAttributes, attribute_of, attributes_of
from ostiary.runtime import Runtime
from ostiary.services.json_body import json_body
from ostiary.transport.call import Call, current_call
from ostiary_api.profiles.v1 import attributes_pb2 as pb
from ostiary_api.profiles.v1 import attributes_pb2_grpc


class AttributesServicer(attributes_pb2_grpc.AttributesServiceServicer):
    """The custom attributes of the user whose token is presented."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._own = OwnAttributes(runtime.limits.exact["attribute_write"])

    def ListAttributes(self, request: pb.ListAttributesRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        return json_body(attributes_of(call.work, call.tenant_id, call.principal.id))

    def GetAttribute(self, request: pb.GetAttributeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        return json_body(attribute_of(call.work, call.tenant_id, call.principal.id, request.name))

    def PutAttribute(self, request: pb.PutAttributeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call, value = _on_oneself(), request.value
        return json_body(
            self._own.put(
                call.work, call.required_tenant, call.principal.id, request.name, value.content_type, value.data,
                self._clock.now_ms(),
            )
        )  # fmt: skip

    def DeleteAttribute(self, request: pb.DeleteAttributeRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = _on_oneself()
        self._own.delete(call.work, call.tenant_id, call.principal.id, request.name, self._clock.now_ms())
        return empty_pb2.Empty()


def _on_oneself() -> Call:
    """The call, with the caller's profile as what the audit event is about."""
    call = current_call()
    call.audit_target = call.principal.id
    return call
