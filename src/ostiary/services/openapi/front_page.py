"""Front page: what a person sees who opens the server's address in a browser."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary import __version__
from ostiary.errors import not_found
from ostiary.login.answers import shown
from ostiary.pages.appearance import plain_look
from ostiary.pages.rendering import render
from ostiary.runtime import Runtime
from ostiary.services.openapi.reference import PATH
from ostiary.store.tenancy import default_tenant
from ostiary.transport.call import current_call
from ostiary.transport.dialects.cloudapi import NO_SUCH_PATH
from ostiary.transport.dialects.html_page import prefers_html
from ostiary_api.openapi.v1 import document_pb2 as pb
from ostiary_api.openapi.v1 import document_pb2_grpc


class FrontPageServicer(document_pb2_grpc.FrontPageServiceServicer):
    """A page for browsers; programs are told that no operation is here."""

    def __init__(self, runtime: Runtime) -> None:
        self._issuers = runtime.issuers
        self._reference = PATH if runtime.settings.api_reference else ""

    def GetFrontPage(self, request: pb.GetFrontPageRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        if not prefers_html(call.metadata.get("accept", "")):
            raise not_found(
                NO_SUCH_PATH, "No operation is at the root; /openapi.json describes the paths that there are."
            )
        tenant_id = default_tenant(call.work)
        account = self._issuers.account(tenant_id) if tenant_id else ""
        discovery = f"{self._issuers.tenant(tenant_id)}/.well-known/openid-configuration" if tenant_id else ""
        look = plain_look(call.metadata.get("accept-language", ""))
        policy = ("form-action 'none'", "frame-ancestors 'none'")
        facts = {"account": account, "reference": self._reference, "discovery": discovery, "version": __version__}
        return shown(call, render("front.html", look, *policy, **facts))
