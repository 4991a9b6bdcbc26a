"""Capabilities of this SCIM service (RFC 7643 §5)."""

from __future__ import annotations

import grpc
import scim2_models as scim
from google.api import httpbody_pb2

from ostiary.runtime import Runtime
from ostiary.scim.resources import as_body
from ostiary.transport.dialects.scim import MOST
from ostiary_api.scim.v2 import service_provider_config_pb2 as pb
from ostiary_api.scim.v2 import service_provider_config_pb2_grpc


class ServiceProviderConfigServicer(service_provider_config_pb2_grpc.ServiceProviderConfigServiceServicer):
    """Says what is supported, and nothing that is not."""

    def __init__(self, runtime: Runtime) -> None:
        config = scim.ServiceProviderConfig.model_validate({
            "patch": {"supported": False},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": MOST},
            "changePassword": {"supported": False},
            "sort": {"supported": True},
            "etag": {"supported": True},
            "authenticationSchemes": [{
                "type": "oauthbearertoken", "name": "OAuth bearer token", "primary": True,
                "description": "An access token of this platform in the header Authorization (RFC 6750).",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
            }],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": f"{runtime.issuers.public_url}/scim/v2/ServiceProviderConfig",
            },
        })  # fmt: skip
        self._answer = as_body(config.model_dump(scim_ctx=scim.Context.RESOURCE_QUERY_RESPONSE))

    def GetServiceProviderConfig(
        self, request: pb.GetServiceProviderConfigRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._answer
