"""List of what the server serves: every servicer of every dialect, with the proto service that it implements."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from ostiary.runtime import Runtime
from ostiary.services import (
    account,
    appid,
    appid_oauth,
    cloudapi,
    csp,
    iam,
    internal,
    oidc,
    openapi,
    profiles,
    scim,
    vcloud,
)

Servicer = Callable[[Runtime], Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A proto service with the servicer that implements it, and how that is added to a server."""

    descriptor: ServiceDescriptor
    add: Callable[[Any, grpc.Server], None]
    servicer: Servicer


def _service(servicer: type) -> Service:
    """Finds the proto service through the generated class that the servicer extends."""
    generated = next(parent for parent in servicer.__mro__ if parent.__module__.endswith("_pb2_grpc"))
    stubs = sys.modules[generated.__module__]
    messages = sys.modules[generated.__module__.removesuffix("_grpc")]
    name = generated.__name__.removesuffix("Servicer")
    return Service(
        messages.DESCRIPTOR.services_by_name[name], getattr(stubs, f"add_{generated.__name__}_to_server"), servicer
    )


_DIALECTS = (iam, appid, appid_oauth, profiles, csp, cloudapi, vcloud, oidc, account, scim, openapi, internal)
SERVICES: Sequence[Service] = tuple(_service(servicer) for dialect in _DIALECTS for servicer in dialect.SERVICERS)
"""The list of every service that is served."""
