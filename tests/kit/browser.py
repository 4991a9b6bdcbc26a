"""A browser's part of the authorization code flow over native gRPC: it sends what the gateway would hand over."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import grpc
from google.api import httpbody_pb2
from kit.oauth import PASSWORD, URLENCODED, Application, Runtime
from kit.patience import PATIENCE_S

from ostiary.oauth.clients.redirect_uris import REDIRECT_URIS
from ostiary_api.appid.management.v4 import redirect_uris_pb2
from ostiary_api.appid.oauth.v4 import authorization_pb2 as pb
from ostiary_api.appid.oauth.v4 import authorization_pb2_grpc

Header = tuple[str, str]
CALLBACK = "https://app.example.com/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636 appendix B."""
SDK_CHALLENGE = base64.b64encode(hashlib.sha256(VERIFIER.encode()).hexdigest().encode()).decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
_ACTION = re.compile(r'action="([^"]*)"')
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@dataclass
class Seen:
    """An answer as REST clients see it."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: str

    @property
    def is_posted(self) -> bool:
        """Whether it is the form by which the browser posts the answer to the client."""
        return self.status == 200 and f'action="{CALLBACK}"' in self.body

    @property
    def sent_back(self) -> dict[str, str]:
        """What the redirect, or the form in its place, carries."""
        if self.is_posted:
            return self.hidden
        assert self.status == 303, self.body
        return {name: values[0] for name, values in parse_qs(urlsplit(self.headers["location"]).query).items()}

    @property
    def confirm(self) -> str:
        """What the page that asks whether to sign out sends back."""
        return parse_qs(urlsplit(unescape(_ACTION.findall(self.body)[0])).query)["confirm"][0]

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page's form."""
        return {name: unescape(value) for name, value in _HIDDEN.findall(self.body)}


@dataclass
class Browser:
    """Keeps cookies, sends forms."""

    runtime: Runtime
    cookies: dict[str, str] = field(default_factory=dict)
    accept: str = ""
    headers: list[Header] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stub = authorization_pb2_grpc.AuthorizationServiceStub(self.runtime.caller.channel)

    def register(self, *uris: str) -> None:
        """Registers redirect URIs of the tenant."""
        config = redirect_uris_pb2.RedirectUrisConfig(redirect_uris=list(uris))
        with self.runtime.made.runtime.store.write() as work:
            REDIRECT_URIS.replace(work, self.runtime.tenant_id, config, self.runtime.made.clock.now_ms())

    def authorize(self, app: Application, **parameters: str) -> Seen:
        """Opens the authorization endpoint."""
        given = {"client_id": app.id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s1", **parameters}
        return self._call(self._stub.Authorize, pb.AuthorizeRequest(tenant_id=self.runtime.tenant_id, **given))

    def post_authorization(self, parameters: dict[str, str]) -> Seen:
        """The same by POST."""
        request = pb.PostAuthorizationRequest(tenant_id=self.runtime.tenant_id, form=_form(parameters))
        return self._call(self._stub.PostAuthorization, request)

    def submit(self, page: Seen, username: str = "ada@example.com", password: str = PASSWORD, **fields: str) -> Seen:
        """Sends the sign-in form of a page."""
        form = {**page.hidden, "username": username, "password": password, **fields}
        request = pb.SubmitSignInRequest(tenant_id=self.runtime.tenant_id, form=_form(form))
        return self._call(self._stub.SubmitSignIn, request)

    def press(self, page: Seen, go: str) -> Seen:
        """Presses a button of a page that leads to another step."""
        request = pb.SubmitSignInRequest(tenant_id=self.runtime.tenant_id, form=_form({**page.hidden, "go": go}))
        return self._call(self._stub.SubmitSignIn, request)

    def come_back(self, method: str, **answer: str) -> Seen:
        """Comes back from another provider, by the RPC of its return address."""
        request = getattr(pb, f"{method}Request")(tenant_id=self.runtime.tenant_id, **answer)
        return self._call(getattr(self._stub, method), request)

    def send(self, method: str, request: Any) -> Seen:
        """Sends a request to an RPC of the sign-in."""
        return self._call(getattr(self._stub, method), request)

    def sign_in(self, app: Application, **parameters: str) -> str:
        """The whole way to a code."""
        return self.submit(self.authorize(app, **parameters)).sent_back["code"]

    def sign_out(self, confirm: str = "", **parameters: str) -> Seen:
        """Opens the end session endpoint, or sends the form of its page, which has this `confirm`."""
        tenant = {"tenant_id": self.runtime.tenant_id}
        if confirm:
            return self._call(self._stub.PostEndSession, pb.PostEndSessionRequest(**tenant, confirm=confirm))
        return self._call(self._stub.EndSession, pb.EndSessionRequest(**tenant, **parameters))

    def sign_out_of_applications(self, **parameters: str) -> Seen:
        """The same as App ID documents it."""
        request = pb.SignOutOfApplicationsRequest(tenant_id=self.runtime.tenant_id, **parameters)
        return self._call(self._stub.SignOutOfApplications, request)

    def _call(self, method: Any, request: Any) -> Seen:
        return seen(method, request, self.cookies, "/oauth/v4", self.accept, self.headers)


def seen(
    method: Any, request: Any, cookies: dict[str, str], path: str, accept: str = "", more: Iterable[Header] = ()
) -> Seen:
    """The answer to a browser that has these cookies, which it changes, and sends `more` headers."""
    metadata = [("x-envoy-original-path", path), *more]
    metadata += [("accept", accept)] if accept else []
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    metadata += [("cookie", cookie)] if cookie else []
    try:
        answer, call = method.with_call(request, metadata=metadata, timeout=PATIENCE_S)
    except grpc.RpcError as error:
        headers = dict(error.trailing_metadata())
        return Seen(int(headers["x-http-status"]), headers, [], headers["x-http-error"])
    received = list(call.initial_metadata())
    set_cookies = [value for name, value in received if name == "set-cookie"]
    for line in set_cookies:
        name, _, value = line.partition(";")[0].partition("=")
        cookies[name] = value
    headers = dict(received)
    headers["content-type"] = answer.content_type
    return Seen(int(headers.get("x-http-status", "200")), headers, set_cookies, answer.data.decode())


def _form(fields: dict[str, str]) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type=URLENCODED, data=urlencode(fields).encode())


def redeem(runtime: Runtime, app: Application, code: str, authorization: str = "", **form: str) -> dict[str, object]:
    """Exchanges a code for tokens."""
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": app.id}
    return runtime.token({**grant, **form}, authorization or (app.basic if app.secret else ""))
