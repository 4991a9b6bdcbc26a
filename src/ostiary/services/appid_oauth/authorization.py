"""App ID runtime: the authorization endpoint and its sign-in page."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.http.forms import check_once, read_fields, read_form_of
from ostiary.login.answers import sent_on
from ostiary.login.app_sign_out import AppSignOut
from ostiary.login.sign_in import SignIn
from ostiary.login.sign_out import PARAMETERS as LOGOUT_PARAMETERS
from ostiary.login.steps import sign_in_steps
from ostiary.login.steps.choices.change_details import DetailsCode
from ostiary.login.visits import AT_PLATFORM, SignInSite
from ostiary.oauth.authorize.request import CHANGE_DETAILS, CHANGE_PASSWORD, FORGOT_PASSWORD
from ostiary.oauth.authorize.transactions import SignInTransactions
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary.upstream.facebook import NAME as FACEBOOK
from ostiary.upstream.google import NAME as GOOGLE
from ostiary.upstream.openid.settings import NAME as OPENID
from ostiary.upstream.saml.documents import LONGEST
from ostiary.upstream.saml.settings import NAME as SAML
from ostiary_api.appid.oauth.v4 import authorization_pb2 as pb
from ostiary_api.appid.oauth.v4 import authorization_pb2_grpc, saml_pb2

_PARAMETERS = tuple(field.name for field in pb.AuthorizeRequest.DESCRIPTOR.fields if field.name != "tenant_id")


_Returns = pb.ReturnFromFacebookRequest | pb.ReturnFromGoogleRequest | pb.ReturnFromOpenIdProviderRequest
_Begins = pb.ForgotPasswordRequest | pb.ChangePasswordRequest | pb.ChangeDetailsRequest


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
        self._issuers = runtime.issuers
        self._details_code = DetailsCode(runtime.clock, runtime.entropy)
        self._sign_out = AppSignOut(
            runtime.store, runtime.clock, runtime.events, runtime.oauth.logout_notices, runtime.issuers,
            runtime.oauth.authorization_requests.claims_of,
        )  # fmt: skip

    def Authorize(self, request: pb.AuthorizeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        check_once(current_call().query, _PARAMETERS)  # of a repeated one the gateway hands over the last
        return self._sign_in.begin(current_call(), {name: getattr(request, name) for name in _PARAMETERS})

    def PostAuthorization(
        self, request: pb.PostAuthorizationRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        form = read_fields(request.form, *_PARAMETERS)
        return self._sign_in.begin(current_call(), {name: form.get(name) for name in _PARAMETERS})

    def ForgotPassword(self, request: pb.ForgotPasswordRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._begin(request, FORGOT_PASSWORD)

    def ChangePassword(self, request: pb.ChangePasswordRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._begin(request, CHANGE_PASSWORD, request.user_id)

    def ChangeDetails(self, request: pb.ChangeDetailsRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._begin(request, CHANGE_DETAILS, request.code)

    def GenerateCode(self, request: pb.GenerateCodeRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        code = self._details_code(current_call())
        return httpbody_pb2.HttpBody(content_type="text/plain; charset=utf-8", data=code.encode())

    def _returned(self, request: _Returns, step: str) -> httpbody_pb2.HttpBody:
        """The answer of another provider to the step that has sent the browser there."""
        names = [field.name for field in request.DESCRIPTOR.fields if field.name != "tenant_id"]
        check_once(current_call().query, names)
        answer = {name: getattr(request, name) for name in names}
        if request.state.startswith(AT_PLATFORM):  # the cookies of that sign-in are at the platform's address
            uri = f"{self._issuers.oidc}/oauth2/authorize/{request.tenant_id}/{step}"
            return sent_on(current_call(), uri, {name: value for name, value in answer.items() if value})
        return self._sign_in.returned(current_call(), step, answer)

    def _begin(self, request: _Begins, purpose: str, about: str = "") -> httpbody_pb2.HttpBody:
        """A flow with the parameters of an authorization request, whose response type is understood."""
        names = [field.name for field in request.DESCRIPTOR.fields if field.name != "tenant_id"]
        check_once(current_call().query, names)
        parameters = {name: getattr(request, name) for name in names}
        return self._sign_in.begin(current_call(), {**parameters, "response_type": "code"}, purpose, about)

    def SubmitSignIn(self, request: pb.SubmitSignInRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._sign_in.submit(current_call(), read_form_of(request.form, pb.SignInForm, *self._sign_in.fields))

    def ReturnFromFacebook(
        self, request: pb.ReturnFromFacebookRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._returned(request, FACEBOOK)

    def ReturnFromSaml(self, request: pb.ReturnFromSamlRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        form = read_form_of(request.form, saml_pb2.SamlResponseForm, longest=LONGEST)
        answer = {"state": form.get("RelayState"), "response": form.required("SAMLResponse")}
        return self._sign_in.returned(current_call(), SAML, answer)

    def ReturnFromGoogle(
        self, request: pb.ReturnFromGoogleRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._returned(request, GOOGLE)

    def ReturnFromOpenIdProvider(
        self, request: pb.ReturnFromOpenIdProviderRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        return self._returned(request, OPENID)

    def EndSession(self, request: pb.EndSessionRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        check_once(current_call().query, LOGOUT_PARAMETERS)
        return self._sign_out(current_call(), {name: getattr(request, name) for name in LOGOUT_PARAMETERS})

    def PostEndSession(self, request: pb.PostEndSessionRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        form = read_fields(request.form, *LOGOUT_PARAMETERS)
        return self._sign_out(current_call(), {name: form.get(name) for name in LOGOUT_PARAMETERS}, request.confirm)

    def SignOutOfApplications(
        self, request: pb.SignOutOfApplicationsRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call = current_call()
        check_once(call.query, ("redirect_uri", "client_id", "all_sessions"))
        everywhere = request.all_sessions not in ("", "false")
        return self._sign_out.of_application(call, request.client_id, request.redirect_uri, everywhere=everywhere)
