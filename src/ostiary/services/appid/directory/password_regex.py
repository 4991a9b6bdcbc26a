"""App ID management: the pattern of new passwords."""

from __future__ import annotations

import grpc

from ostiary.directory.passwords.regex import PASSWORD_REGEX
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import password_regex_pb2 as pb
from ostiary_api.appid.management.v4 import password_regex_pb2_grpc


class PasswordRegexServicer(password_regex_pb2_grpc.PasswordRegexServiceServicer):
    """The pattern that a new password of the Cloud Directory must match."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetPasswordRegex(
        self, request: pb.GetPasswordRegexRequest, context: grpc.ServicerContext
    ) -> pb.PasswordRegexConfig:
        call = current_call()
        return PASSWORD_REGEX.document(call.work, call.required_tenant)

    def PutPasswordRegex(
        self, request: pb.PutPasswordRegexRequest, context: grpc.ServicerContext
    ) -> pb.PasswordRegexConfig:
        return PASSWORD_REGEX.replace(current_call().work, request.tenant_id, request.config, self._clock.now_ms())
