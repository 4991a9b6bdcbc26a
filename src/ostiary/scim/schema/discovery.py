"""Discovery documents (RFC 7643 §5 to §7): exactly what works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ostiary.scim.bulk import MAX_OPERATIONS
from ostiary.scim.schema.attributes import GROUPS, USERS, ResourceKind
from ostiary.scim.schema.published import PUBLISHED
from ostiary.scim.search import LIST_SCHEMA

_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
KINDS = (USERS, GROUPS)
"""The kinds of resources that are served."""


def service_provider_config(url: str, usual: int, most: int, most_bytes: int) -> dict[str, Any]:
    """What the service can do; `url` is its root. `usual` and `most` are sizes of pages, `most_bytes` of a body."""
    return {
        "schemas": [_CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": most_bytes},
        "filter": {"supported": True, "maxResults": most},
        "changePassword": {"supported": True},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True, "index": True, "defaultPaginationMethod": "index", "defaultPageSize": usual,
            "maxPageSize": most,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "OAuth bearer token", "primary": True,
            "description": "In the header Authorization (RFC 6750): a SCIM token, which an administrator of the "
            "organization makes for a provisioning client, or an access token of this platform.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{url}/ServiceProviderConfig"},
    }  # fmt: skip


def resource_types(url: str) -> dict[str, dict[str, Any]]:
    """The types of resources by their name."""
    return {kind.name: _resource_type(url, kind) for kind in KINDS}


def _resource_type(url: str, kind: ResourceKind) -> dict[str, Any]:
    return {
        "schemas": [_TYPE], "id": kind.name, "name": kind.name, "endpoint": kind.endpoint, "schema": kind.schema,
        "description": PUBLISHED[kind.schema]["description"],
        "schemaExtensions": [{"schema": urn, "required": False} for urn, _ in kind.extensions.values()],
        "meta": {"resourceType": "ResourceType", "location": f"{url}/ResourceTypes/{kind.name}"},
    }  # fmt: skip


def schemas(url: str) -> dict[str, dict[str, Any]]:
    """The schemas by their URN."""
    used = [urn for kind in KINDS for urn in (kind.schema, *(urn for urn, _ in kind.extensions.values()))]
    return {urn: _schema(url, urn, PUBLISHED[urn]) for urn in used}


def _schema(url: str, urn: str, published: Mapping[str, Any]) -> dict[str, Any]:
    meta = {"resourceType": "Schema", "location": f"{url}/Schemas/{urn}"}
    return {**published, "schemas": [_SCHEMA], "id": urn, "meta": meta}


def as_list(documents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """All of them on one page."""
    found = list(documents)
    return {
        "schemas": [LIST_SCHEMA], "totalResults": len(found), "startIndex": 1, "itemsPerPage": len(found),
        "Resources": found,
    }  # fmt: skip
