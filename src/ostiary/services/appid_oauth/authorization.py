"""App ID runtime: the authorization endpoint and its sign-in page."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.http.forms import check_once, read_fields, read_form_of
from ostiary.login.sign_in import SignIn
from ostiary.login.steps import sign_in_steps
from ostiary.login.visits import SignInSite
from ostiary.oauth.authorize.transactions import SignInTransactions
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.oauth.v4 import authorization_pb2 as pb
from ostiary_api.appid.oauth.v4 import authorization_pb2_grpc

_PARAMETERS = tuple(field.name for field in pb.AuthorizeRequest.DESCRIPTOR.fields if field.name != "tenant_id")


class AuthorizationServicer(authorization_pb2_grpc.AuthorizationServiceServicer):
    """The authorization endpoint and the sign-in page, for browsers."""

    steps = staticmethod(sign_in_steps)
    """The steps of its sign-in, made of the parts of a server."""

    def __init__(self, runtime: Runtime) -> None:
        self._sign_in = SignIn(
            runtime.store, SignInTransactions(runtime.sealing, runtime.clock, runtime.entropy), runtime.clock,
            runtime.entropy, SignInSite.below(runtime.issuers.tenant("{}"), "/authorization/sign_in"),
            runtime.oauth.authorization_requests, runtime.oauth.finish, self.steps(runtime),
        )  # fmt: skip

    def Authorize(self, request: pb.AuthorizeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        check_once(current_call().query, _PARAMETERS)  # of a repeated one the gateway hands over the last
        return self._sign_in.begin(current_call(), {name: getattr(request, name) for name in _PARAMETERS})

    def PostAuthorization(
        self, request: pb.PostAuthorizationRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        form = read_fields(request.form, *_PARAMETERS)
        return self._sign_in.begin(current_call(), {name: form.get(name) for name in _PARAMETERS})

    def SubmitSignIn(self, request: pb.SubmitSignInRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._sign_in.submit(current_call(), read_form_of(request.form, pb.SignInForm, *self._sign_in.fields))
