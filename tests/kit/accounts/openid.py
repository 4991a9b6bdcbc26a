"""The two OpenID issuers as one kind: a browser and a client of a new user and a new application."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from kit.accounts.people import PASSWORD, Made, new_person
from kit.accounts.platform_browser import SIGNED_OUT, PlatformBrowser, new_relying_party
from kit.browser import CALLBACK, Browser, Seen
from kit.callers import Caller, bearer
from kit.oauth import Application, Runtime, body
from kit.patience import PATIENCE_S
from kit.platform import basic, form

from ostiary.keys.keyring import TOKEN, new_key
from ostiary.keys.rotation import rotate
from ostiary.oauth.clients.clients import tell_of_sign_outs
from ostiary.oauth.clients.sso import SSO
from ostiary.store.tenancy import SYSTEM_ID
from ostiary_api.appid.management.v4.sso_pb2 import SsoConfig
from ostiary_api.appid.oauth.v4 import (
    discovery_pb2,
    discovery_pb2_grpc,
    token_pb2,
    token_pb2_grpc,
    userinfo_pb2,
    userinfo_pb2_grpc,
)
from ostiary_api.oidc.v1 import provider_pb2
from ostiary_api.oidc.v1.provider_pb2_grpc import ProviderServiceStub

NUMBERS = itertools.count()


class Issuer(ABC):
    """An issuer with a user and a client of its own."""

    def __init__(self, caller: Caller, beside: Issuer | None = None) -> None:
        self.caller = caller
        self.tenant_id = caller.installation.tenant_id
        number = next(NUMBERS)
        self.user = beside.user if beside else new_person(caller.installation, self.tenant_id, f"visitor{number}")
        self.party: Made = new_relying_party(caller, self.tenant_id)
        self._metadata: dict[str, Any] = {}
        self.mode: dict[str, str] = {}
        """The response_mode that every request asks for, where it does."""

    @property
    def client_id(self) -> str:
        return self.party.id

    @property
    def url(self) -> str:
        return self.caller.installation.runtime.issuers.public_url

    def another(self) -> Issuer:
        """The same person and browser with another client."""
        return type(self)(self.caller, self)

    def elsewhere(self) -> Issuer:
        """The same person and client with another browser."""
        twin = type(self)(self.caller, self)
        twin.party, twin.cookies = self.party, {}
        return twin

    def share(self, *, on: bool = True, idle_s: int = 86_400) -> None:
        """Switches single sign-on of the tenant."""
        made = self.caller.installation
        config = SsoConfig(is_active=on, inactivity_timeout_seconds=idle_s)
        config.logout_redirect_uris.extend([SIGNED_OUT])
        with made.runtime.store.write() as work:
            SSO.replace(work, self.tenant_id, config, made.clock.now_ms())

    def tell(self, back_channel: str = "", front_channel: str = "") -> None:
        """Registers where the client is told of sign-outs."""
        with self.caller.installation.runtime.store.write() as work:
            tell_of_sign_outs(work, self.tenant_id, self.client_id, back_channel, front_channel)

    def deliver(self) -> None:
        """Does what the background process does: tells of the sessions that have ended."""
        runtime = self.caller.installation.runtime
        runtime.oauth.logout_notices.turn()
        while runtime.messages.delivery.send_due():
            pass

    def rotate_keys(self) -> None:
        """Signs with the next key from now on, as `ostiary key rotate` does."""
        runtime = self.caller.installation.runtime
        self.caller.installation.clock.advance(400)  # the next key has been published long enough
        fresh = new_key(runtime.sealing, self.signer, TOKEN, runtime.clock.now_ms(), "next")
        with runtime.store.write() as work:
            rotate(work, fresh, runtime.clock.now_ms())

    @property
    def signer(self) -> str:
        """The tenant whose keys sign."""
        return self.tenant_id

    @property
    def cookies(self) -> dict[str, str]:
        """The browser's cookies by name, for reading and for playing tricks."""
        return self.web.cookies

    @cookies.setter
    def cookies(self, cookies: dict[str, str]) -> None:
        self.web.cookies = cookies

    @property
    def session(self) -> str:
        """The secret of the browser's session; empty if it has none."""
        return next((value for name, value in self.cookies.items() if name.startswith("ostiary_session_")), "")

    def sign_in(self, **parameters: str) -> str:
        """The whole way to a code, with as much of it as is asked for."""
        seen = self.authorize(**parameters)
        return (seen if seen.is_posted or seen.status == 303 else self.submit(seen)).sent_back["code"]

    def sign_out(self, confirm: str = "", **parameters: str) -> Seen:
        """Opens the end session endpoint, or sends the form of its page, which has this `confirm`."""
        return self.web.sign_out(confirm, **parameters)

    def send(self, parameters: dict[str, str]) -> str:
        """The same by a POST form, with whatever parameters."""
        given = {"client_id": self.client_id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s1"}
        return self.submit(self._post({**given, **self.mode, **parameters})).sent_back["code"]

    def redeem(self, code: str, *, in_body: bool = False, **more: str) -> dict[str, Any]:
        """The tokens of a code; the secret in the header or in the body."""
        return self._token(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more}, in_body
        )

    def refresh(self, token: str) -> dict[str, Any]:
        """The tokens of a refresh token."""
        return self._token({"grant_type": "refresh_token", "refresh_token": token, "scope": "openid"}, False)

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token, its signature checked by a library of others against the published keys."""
        lenient = JWSRegistry(algorithms=["RS256"], strict_check_header=False)  # `ver` is App ID's own
        return dict(jwt.decode(token, KeySet.import_key_set({"keys": self.jwks()}), registry=lenient).claims)

    def refused(self, ask: Callable[[], object]) -> str:
        """The OAuth error of a refusal; `invalid_token` for 401."""
        try:
            ask()
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return "invalid_token"
            return str(json.loads(dict(error.trailing_metadata())["x-http-error"])["error"])
        return ""

    def _secret(self, in_body: bool) -> tuple[dict[str, str], dict[str, Any]]:
        call = {"timeout": PATIENCE_S} if in_body else basic(self.party.id, self.party.secret)
        named = {"client_id": self.party.id, "client_secret": self.party.secret} if in_body else {}
        call["metadata"] = (*call.get("metadata", ()), ("x-envoy-original-path", "/"))
        return named, call

    @property
    @abstractmethod
    def web(self) -> Browser | PlatformBrowser: ...
    @abstractmethod
    def authorize(self, **parameters: str) -> Seen: ...
    @abstractmethod
    def userinfo(self, token: str, how: str = "get") -> dict[str, Any]: ...
    @abstractmethod
    def discovery(self) -> dict[str, Any]: ...
    @abstractmethod
    def jwks(self) -> list[dict[str, Any]]: ...
    @abstractmethod
    def submit(self, page: Seen) -> Seen: ...
    @abstractmethod
    def _post(self, parameters: dict[str, str]) -> Seen: ...
    @abstractmethod
    def _token(self, fields: dict[str, str], in_body: bool) -> dict[str, Any]: ...


class AppIssuer(Issuer):
    """App ID's issuer of a tenant."""

    def __init__(self, caller: Caller, beside: Issuer | None = None) -> None:
        super().__init__(caller, beside)
        self._runtime = Runtime(caller)
        self._runtime.settings(refresh={"enabled": True, "expires_in": 86_400})
        self._browser = Browser(self._runtime, beside.cookies if beside else {})

    @property
    def web(self) -> Browser:
        """Its browser."""
        return self._browser

    def authorize(self, **parameters: str) -> Seen:
        return self._browser.authorize(Application(self.tenant_id, self.party.id, self.party.secret),
                                       **_known({**self.mode, **parameters}))  # fmt: skip

    def submit(self, page: Seen) -> Seen:
        return self._browser.submit(page, f"{self.user.name}@example.com", PASSWORD)

    def _post(self, parameters: dict[str, str]) -> Seen:
        return self._browser.post_authorization(parameters)

    def _token(self, fields: dict[str, str], in_body: bool) -> dict[str, Any]:
        named, call = self._secret(in_body)
        request = token_pb2.IssueTokenRequest(tenant_id=self.tenant_id, form=body({**fields, **named}))
        answer = token_pb2_grpc.TokenServiceStub(self.caller.channel).IssueToken(request, **call)
        return dict(json.loads(answer.data))

    def userinfo(self, token: str, how: str = "get") -> dict[str, Any]:
        stub, here = userinfo_pb2_grpc.UserinfoServiceStub(self.caller.channel), {"tenant_id": self.tenant_id}
        if how == "get":
            answer = stub.GetUserinfo(userinfo_pb2.GetUserinfoRequest(**here), **bearer(token))
        elif how == "post-header":
            answer = stub.PostUserinfo(userinfo_pb2.PostUserinfoRequest(**here), **bearer(token))
        else:
            sent = form(access_token=token)
            answer = stub.PostUserinfo(userinfo_pb2.PostUserinfoRequest(**here, form=sent), timeout=PATIENCE_S)
        return dict(json.loads(answer.data))

    def discovery(self) -> dict[str, Any]:
        stub = discovery_pb2_grpc.DiscoveryServiceStub(self.caller.channel)
        answer = stub.GetConfiguration(discovery_pb2.GetConfigurationRequest(tenant_id=self.tenant_id))
        return MessageToDict(answer, always_print_fields_with_no_presence=True)

    def jwks(self) -> list[dict[str, Any]]:
        stub = discovery_pb2_grpc.DiscoveryServiceStub(self.caller.channel)
        answer = stub.GetPublicKeys(discovery_pb2.GetPublicKeysRequest(tenant_id=self.tenant_id))
        return list(MessageToDict(answer)["keys"])


class PlatformIssuer(Issuer):
    """The issuer at `/oidc`."""

    def __init__(self, caller: Caller, beside: Issuer | None = None) -> None:
        super().__init__(caller, beside)
        self._browser = PlatformBrowser(caller, self.user, beside.cookies if beside else {})
        self._stub = ProviderServiceStub(caller.channel)

    @property
    def signer(self) -> str:
        return SYSTEM_ID

    @property
    def web(self) -> PlatformBrowser:
        """Its browser."""
        return self._browser

    def authorize(self, **parameters: str) -> Seen:
        return self._browser.authorize(self.party, **self.mode, **parameters)

    def submit(self, page: Seen) -> Seen:
        return self._browser.submit(page)

    def _post(self, parameters: dict[str, str]) -> Seen:
        return self._browser.post_authorization(parameters)

    def _token(self, fields: dict[str, str], in_body: bool) -> dict[str, Any]:
        named, call = self._secret(in_body)
        answer = self._stub.IssueToken(provider_pb2.IssueTokenRequest(form=form(**fields, **named)), **call)
        return MessageToDict(answer)

    def userinfo(self, token: str, how: str = "get") -> dict[str, Any]:
        if how == "get":
            return MessageToDict(self._stub.GetUserInfo(provider_pb2.GetUserInfoRequest(), **bearer(token)))
        sent = form(access_token=token)
        if how == "post-header":
            answer = self._stub.PostUserInfo(provider_pb2.PostUserInfoRequest(), **bearer(token))
        else:
            answer = self._stub.PostUserInfo(provider_pb2.PostUserInfoRequest(form=sent), timeout=PATIENCE_S)
        return MessageToDict(answer)

    def discovery(self) -> dict[str, Any]:
        answer = self._stub.GetConfiguration(provider_pb2.GetConfigurationRequest())
        return MessageToDict(answer, always_print_fields_with_no_presence=True)

    def jwks(self) -> list[dict[str, Any]]:
        return list(MessageToDict(self._stub.ListKeys(provider_pb2.ListKeysRequest()))["keys"])


def _known(parameters: dict[str, str]) -> dict[str, str]:
    """Without what App ID's endpoint does not list, and so ignores: a message has no place for it."""
    return {name: value for name, value in parameters.items() if name != "claims"}
