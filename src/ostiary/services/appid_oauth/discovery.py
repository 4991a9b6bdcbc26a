"""App ID runtime: the discovery document and the public keys."""

from __future__ import annotations

import grpc

from ostiary.oauth.authorize.discovery import configuration
from ostiary.runtime import Runtime
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import current_call
from ostiary_api.appid.oauth.v4 import discovery_pb2 as pb
from ostiary_api.appid.oauth.v4 import discovery_pb2_grpc


class DiscoveryServicer(discovery_pb2_grpc.DiscoveryServiceServicer):
    """The metadata that a client reads before it uses a tenant; built once for each generation of the tenant."""

    def __init__(self, runtime: Runtime) -> None:
        self._issuers = runtime.issuers
        self._keys = runtime.keys

    def GetConfiguration(self, request: pb.GetConfigurationRequest, context: grpc.ServicerContext) -> pb.Configuration:
        tenant = current_call().required_tenant
        return tenant.cached("discovery", lambda: pb.Configuration(**configuration(self._issuers, tenant.id)))

    def GetPublicKeys(self, request: pb.GetPublicKeysRequest, context: grpc.ServicerContext) -> pb.PublicKeys:
        call = current_call()
        return call.required_tenant.cached("public keys", lambda: self._public_keys(call.work, call.required_tenant))

    def _public_keys(self, work: Work, tenant: TenantView) -> pb.PublicKeys:
        return pb.PublicKeys(keys=[pb.PublicKey(**key) for key in self._keys.jwks(work, tenant)])
