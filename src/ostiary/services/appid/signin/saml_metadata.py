"""App ID management: the metadata of a tenant as a SAML service provider."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.keys.keyring import SAML_ENCRYPT, SAML_SIGN
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary.upstream.saml.metadata import service_provider
from ostiary.upstream.saml.settings import SAML
from ostiary_api.appid.management.v4 import saml_metadata_pb2 as pb
from ostiary_api.appid.management.v4 import saml_metadata_pb2_grpc


class SamlMetadataServicer(saml_metadata_pb2_grpc.SamlMetadataServiceServicer):
    """The metadata that an identity provider needs of a tenant."""

    def __init__(self, runtime: Runtime) -> None:
        self._keys = runtime.keys
        self._issuers = runtime.issuers

    def GetSamlMetadata(
        self, request: pb.GetSamlMetadataRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call = current_call()
        provider = SAML.read(call.work, call.required_tenant)
        uses = ((SAML_SIGN, provider.sign_request), (SAML_ENCRYPT, provider.encrypt_response))
        certificates = {
            use: self._keys.certificates(call.work, call.required_tenant, use) for use, wanted in uses if wanted
        }
        document = service_provider(self._issuers.public_url, call.tenant_id, certificates)
        return httpbody_pb2.HttpBody(content_type="application/xml", data=document)
