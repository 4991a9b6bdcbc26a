"""Sign-in at the platform with a browser, and the way out."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.api import httpbody_pb2

from ostiary.http.forms import check_once, read_fields, read_form_of
from ostiary.login.platform_sign_out import PlatformSignOut
from ostiary.login.sign_in import SignIn
from ostiary.login.sign_out import PARAMETERS as LOGOUT_PARAMETERS
from ostiary.login.steps import platform_sign_in_steps
from ostiary.login.visits import AT_PLATFORM, SignInSite
from ostiary.oauth.authorize.transactions import SignInTransactions
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary.upstream.saml.documents import LONGEST
from ostiary.upstream.saml.settings import NAME as SAML
from ostiary_api.oidc.v1 import sign_in_pb2 as pb
from ostiary_api.oidc.v1 import sign_in_pb2_grpc

_FIELDS = {field.json_name: field.name for field in pb.AuthorizeRequest.DESCRIPTOR.fields}
_ANSWER = tuple(
    field.name
    for field in pb.ReturnFromProviderRequest.DESCRIPTOR.fields
    if field.name not in ("tenant_id", "provider")
)
FLOW = "platform_sign_in"


class SignInServicer(sign_in_pb2_grpc.SignInServiceServicer):
    """The authorization endpoint, the sign-in page and the end session endpoint."""

    steps = staticmethod(platform_sign_in_steps)
    """The steps of its sign-in, made of the parts of a server."""

    def __init__(self, runtime: Runtime) -> None:
        site = SignInSite.below(f"{runtime.issuers.oidc}/oauth2/authorize", "/{}", AT_PLATFORM)
        transactions = SignInTransactions(runtime.sealing, runtime.clock, runtime.entropy, FLOW)
        self._requests = runtime.oauth.platform_authorization
        self._sign_in = SignIn(
            runtime.store, transactions, runtime.clock, runtime.entropy, site, self._requests,
            runtime.oauth.platform_finish, self.steps(runtime),
        )  # fmt: skip
        self._sign_out = PlatformSignOut(
            runtime.store, runtime.clock, runtime.events, runtime.oauth.logout_notices, runtime.issuers,
            runtime.oauth.identity_tokens,
        )  # fmt: skip

    def Authorize(self, request: pb.AuthorizeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        check_once(current_call().query, _FIELDS)  # of a repeated one the gateway hands over the last
        return self._begin({name: getattr(request, field) for name, field in _FIELDS.items()})

    def PostAuthorization(
        self, request: pb.PostAuthorizationRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        form = read_fields(request.form, *_FIELDS)
        return self._begin({name: form.get(name) for name in _FIELDS})

    def SubmitSignIn(self, request: pb.SubmitSignInRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._sign_in.submit(current_call(), read_form_of(request.form, pb.SignInForm, *self._sign_in.fields))

    def ReturnFromProvider(
        self, request: pb.ReturnFromProviderRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        check_once(current_call().query, _ANSWER)
        answer = {name: getattr(request, name) for name in _ANSWER}
        return self._sign_in.returned(current_call(), request.provider, answer)

    def ReturnFromSaml(self, request: pb.ReturnFromSamlRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        form = read_form_of(request.form, pb.SamlResponseForm, longest=LONGEST)
        answer = {"state": form.get("RelayState"), "response": form.required("SAMLResponse")}
        return self._sign_in.returned(current_call(), SAML, answer)

    def EndSession(self, request: pb.EndSessionRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        check_once(current_call().query, LOGOUT_PARAMETERS)
        return self._sign_out(current_call(), {name: getattr(request, name) for name in LOGOUT_PARAMETERS})

    def PostEndSession(self, request: pb.PostEndSessionRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        form = read_fields(request.form, *LOGOUT_PARAMETERS)
        return self._sign_out(current_call(), {name: form.get(name) for name in LOGOUT_PARAMETERS}, request.confirm)

    def _begin(self, parameters: Mapping[str, str]) -> httpbody_pb2.HttpBody:
        call = current_call()
        call.tenant = self._requests.tenant_of(call.reading, parameters)
        return self._sign_in.begin(call, parameters)
