"""Capabilities, types of resources and schemas of this SCIM service (RFC 7643 §5 to §7)."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.api import httpbody_pb2

from ostiary.errors import not_found
from ostiary.runtime import Runtime
from ostiary.scim.bodies import as_body
from ostiary.scim.schema.discovery import as_list, resource_types, schemas, service_provider_config
from ostiary.transport.dialects.scim import MOST, USUAL
from ostiary_api.scim.v2 import service_provider_config_pb2 as pb
from ostiary_api.scim.v2 import service_provider_config_pb2_grpc


class ServiceProviderConfigServicer(service_provider_config_pb2_grpc.ServiceProviderConfigServiceServicer):
    """Says what is supported, and nothing that is not. The documents are made once."""

    def __init__(self, runtime: Runtime) -> None:
        url = f"{runtime.issuers.public_url}/scim/v2"
        types, published = resource_types(url), schemas(url)
        self._config = as_body(service_provider_config(url, USUAL, MOST, runtime.settings.max_body_bytes))
        self._type_list, self._schema_list = (as_body(as_list(each.values())) for each in (types, published))
        self._types = {name: as_body(each) for name, each in types.items()}
        self._schemas = {urn.lower(): as_body(each) for urn, each in published.items()}

    def GetServiceProviderConfig(
        self, request: pb.GetServiceProviderConfigRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._config

    def ListResourceTypes(
        self, request: pb.ListResourceTypesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._type_list

    def GetResourceType(
        self, request: pb.GetResourceTypeRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return _one(self._types, request.id, "RESOURCE_TYPE_NOT_FOUND", "There is no resource type with this name.")

    def ListSchemas(self, request: pb.ListSchemasRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._schema_list

    def GetSchema(self, request: pb.GetSchemaRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return _one(self._schemas, request.id.lower(), "SCHEMA_NOT_FOUND", "There is no schema with this URN.")


def _one(documents: Mapping[str, httpbody_pb2.HttpBody], name: str, reason: str, message: str) -> httpbody_pb2.HttpBody:
    found = documents.get(name)
    if found is None:
        raise not_found(reason, message)
    return found
