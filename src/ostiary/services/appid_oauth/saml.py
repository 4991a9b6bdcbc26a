"""App ID runtime: the assertion consumer service of a tenant."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.http.forms import read_form_of
from ostiary.login.saml_arrivals import SamlArrivals
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary.upstream.saml.documents import LONGEST
from ostiary.upstream.saml.service_provider import ServiceProvider
from ostiary_api.appid.oauth.v4 import saml_pb2 as pb
from ostiary_api.appid.oauth.v4 import saml_pb2_grpc


class SamlServicer(saml_pb2_grpc.SamlServiceServicer):
    """Takes the responses of a tenant's SAML identity provider, which browsers bring."""

    def __init__(self, runtime: Runtime) -> None:
        self._arrivals = SamlArrivals(
            runtime.store, runtime.sealing, runtime.clock, runtime.entropy, runtime.events, runtime.issuers,
            ServiceProvider(runtime.keys, runtime.issuers, runtime.clock),
        )  # fmt: skip

    def AcceptSamlResponse(
        self, request: pb.AcceptSamlResponseRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._arrivals(current_call(), read_form_of(request.form, pb.SamlResponseForm, longest=LONGEST))
