"""Metadata of the platform at the root path."""

from __future__ import annotations

import grpc

from ostiary.oauth.platform.metadata import root_configuration
from ostiary.runtime import Runtime
from ostiary_api.csp.v1 import openid_configuration_pb2 as pb
from ostiary_api.csp.v1 import openid_configuration_pb2_grpc
from ostiary_api.oidc.v1 import metadata_pb2


class OpenidConfigurationServicer(openid_configuration_pb2_grpc.OpenidConfigurationServiceServicer):
    """The metadata that a client reads before it uses the platform."""

    def __init__(self, runtime: Runtime) -> None:
        described = root_configuration(runtime.issuers, runtime.oauth.token_profiles.csp.grants)
        self._configuration = metadata_pb2.OpenidConfiguration(**described)

    def GetConfiguration(
        self, request: pb.GetConfigurationRequest, context: grpc.ServicerContext
    ) -> metadata_pb2.OpenidConfiguration:
        return self._configuration
