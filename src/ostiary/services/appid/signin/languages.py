"""App ID management: the languages of a tenant."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2

from ostiary.runtime import Runtime
from ostiary.settings.languages import LANGUAGES
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import languages_pb2 as pb
from ostiary_api.appid.management.v4 import languages_pb2_grpc


class LanguagesServicer(languages_pb2_grpc.LanguagesServiceServicer):
    """The languages of messages and pages."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetLanguages(self, request: pb.GetLanguagesRequest, context: grpc.ServicerContext) -> pb.LanguagesConfig:
        call = current_call()
        return LANGUAGES.document(call.work, call.required_tenant)

    def PutLanguages(self, request: pb.PutLanguagesRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        LANGUAGES.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
        return empty_pb2.Empty()
