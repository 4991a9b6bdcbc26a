"""A browser and an application in the code flow of the platform, over native gRPC as the gateway would call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.accounts.people import PASSWORD, Made
from kit.browser import CALLBACK, Seen, seen
from kit.callers import Caller
from kit.platform import CALL, basic, form
from kit.servers.installation import ENTROPY

from ostiary.oauth.clients.clients import OwnSettings, create_client
from ostiary.store.tables import Client
from ostiary.store.tenancy import touch
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1 import sign_in_pb2 as pb
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub
from ostiary_api.oidc.v1.sign_in_pb2_grpc import SignInServiceStub

SIGNED_OUT = "https://app.example.com/bye"


def new_relying_party(
    caller: Caller, tenant_id: str, type: str = "regularwebapp", *, service_account: bool = False
) -> Made:
    """An application with URIs of its own."""
    runtime, own = caller.installation.runtime, OwnSettings((CALLBACK,), (SIGNED_OUT,))
    with runtime.store.write() as work:
        view, secret = create_client(
            work, runtime.sealing, ENTROPY, tenant_id, "party", type, runtime.clock.now_ms(), own=own
        )
        row = work.get(Client, (tenant_id, view.id), lock=True)
        assert row is not None
        row.service_account = service_account
        touch(work, tenant_id)
    return Made(view.id, "party", tenant_id, "", secret)


@dataclass
class PlatformBrowser:
    """Keeps cookies, sends forms."""

    caller: Caller
    user: Made
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stub = SignInServiceStub(self.caller.channel)

    def authorize(self, client: Made, **parameters: str) -> Seen:
        """Opens the authorization endpoint."""
        given = {"client_id": client.id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s1", **parameters}
        return self._call(self._stub.Authorize, pb.AuthorizeRequest(**given))

    def post_authorization(self, parameters: dict[str, str]) -> Seen:
        """The same by POST."""
        return self._call(self._stub.PostAuthorization, pb.PostAuthorizationRequest(form=form(**parameters)))

    def submit(self, page: Seen, password: str = PASSWORD, **fields: str) -> Seen:
        """Sends the sign-in form of a page."""
        filled = {**page.hidden, "username": self.user.name, "password": password, **fields}
        request = pb.SubmitSignInRequest(tenant_id=self.user.tenant_id, form=form(**filled))
        return self._call(self._stub.SubmitSignIn, request)

    def come_back(self, location: str) -> Seen:
        """Comes back from another provider by the address to which the tenant's return address leads."""
        parts = urlsplit(location)
        assert parts.path.startswith(f"/oidc/oauth2/authorize/{self.user.tenant_id}/"), location
        answer = {name: values[0] for name, values in parse_qs(parts.query).items()}
        named = {"tenant_id": self.user.tenant_id, "provider": parts.path.rpartition("/")[2]}
        return self._call(self._stub.ReturnFromProvider, pb.ReturnFromProviderRequest(**named, **answer))

    def send(self, method: str, request: Any) -> Seen:
        """Sends a request to an RPC of the sign-in."""
        return self._call(getattr(self._stub, method), request)

    def sign_in(self, client: Made, **parameters: str) -> str:
        """The whole way to a code."""
        return self.submit(self.authorize(client, **parameters)).sent_back["code"]

    def sign_out(self, confirm: str = "", **parameters: str) -> Seen:
        """Opens the end session endpoint, or sends the form of its page, which has this `confirm`."""
        if confirm:
            return self._call(self._stub.PostEndSession, pb.PostEndSessionRequest(confirm=confirm))
        return self._call(self._stub.EndSession, pb.EndSessionRequest(**parameters))

    def _call(self, method: Any, request: Any) -> Seen:
        return seen(method, request, self.cookies, "/oidc/oauth2")


def redeem(caller: Caller, client: Made, code: str, **more: str) -> provider_pb2.TokenAnswer:
    """Exchanges a code for tokens."""
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more}
    request = provider_pb2.IssueTokenRequest(form=form(**grant, **({} if client.secret else {"client_id": client.id})))
    return ProviderServiceStub(caller.channel).IssueToken(
        request, **(basic(client.id, client.secret) if client.secret else CALL)
    )
