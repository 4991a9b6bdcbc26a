"""App ID management: the identity providers of a tenant (catalogue 7, 8)."""

from __future__ import annotations

import grpc

from identity.appid.management.v4 import identity_providers_pb2 as pb
from identity.appid.management.v4 import identity_providers_pb2_grpc
from ostiary.directory.cloud_directory import CLOUD_DIRECTORY, replace_cloud_directory
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call


class IdentityProvidersServicer(identity_providers_pb2_grpc.IdentityProvidersServiceServicer):
    """Who vouches for the people that sign in."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetCloudDirectoryProvider(
        self, request: pb.GetCloudDirectoryProviderRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryProvider:
        call = current_call()
        return CLOUD_DIRECTORY.read(call.work, call.the_tenant)

    def PutCloudDirectoryProvider(
        self, request: pb.PutCloudDirectoryProviderRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryProvider:
        return replace_cloud_directory(current_call().work, request.tenant_id, request.provider, self._clock.now_ms())
