"""The platform's metadata at the root."""

from __future__ import annotations

import grpc

from ostiary.oauth.platform_metadata import root_configuration
from ostiary.runtime import Runtime
from ostiary_api.csp.v1 import openid_configuration_pb2 as pb
from ostiary_api.csp.v1 import openid_configuration_pb2_grpc
from ostiary_api.oidc.v1 import metadata_pb2


class OpenidConfigurationServicer(openid_configuration_pb2_grpc.OpenidConfigurationServiceServicer):
    """What a client must know of the platform before it talks to it."""

    def __init__(self, runtime: Runtime) -> None:
        self._configuration = root_configuration(runtime.issuers)

    def GetConfiguration(
        self, request: pb.GetConfigurationRequest, context: grpc.ServicerContext
    ) -> metadata_pb2.OpenidConfiguration:
        return self._configuration
