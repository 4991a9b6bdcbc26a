"""What OAuth tests need: applications of a tenant, and forms sent to the runtime's endpoints as a client sends them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
from google.api import httpbody_pb2
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from kit.callers import Caller, bearer
from kit.patience import PATIENCE_S
from kit.servers.installation import ENTROPY

from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.oauth.clients.clients import CONFIDENTIAL, create_client
from ostiary.oauth.token.settings import TOKENS
from ostiary_api.appid.management.v4 import tokens_pb2 as tokens_pb
from ostiary_api.appid.oauth.v4 import (
    discovery_pb2,
    discovery_pb2_grpc,
    token_pb2,
    token_pb2_grpc,
    userinfo_pb2,
    userinfo_pb2_grpc,
)

PASSWORD = "correct horse 1"
URLENCODED = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Application:
    """An application with its secret (empty for single-page applications)."""

    tenant_id: str
    id: str
    secret: str

    @property
    def basic(self) -> str:
        """The Authorization header."""
        return basic(self.id, self.secret)


def basic(name: str, password: str) -> str:
    """A Basic Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Refused(Exception):
    """An OAuth error: `code` as REST clients see it, and the reason."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.status = error.code()
        self.message = error.details()
        status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        self.reason = info.reason
        self.facts = dict(info.metadata)
        self.error = self.facts.get("oauth_error", "")


@contextmanager
def oauth_errors() -> Iterator[None]:
    """Turns gRPC errors into Refused."""
    try:
        yield
    except grpc.RpcError as error:
        raise Refused(error) from error


@contextmanager
def refused(error: str) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """The call inside must be refused with this OAuth error."""
    with pytest.raises(Refused) as seen:
        yield seen
    assert seen.value.error == error, seen.value.facts


class Runtime:
    """A tenant's OAuth runtime over native gRPC."""

    def __init__(self, caller: Caller, tenant_id: str = "") -> None:
        self.caller = caller
        self.made = caller.installation
        self.tenant_id = tenant_id or self.made.tenant_id
        self._tokens = token_pb2_grpc.TokenServiceStub(caller.channel)
        self._userinfo = userinfo_pb2_grpc.UserinfoServiceStub(caller.channel)
        self._discovery = discovery_pb2_grpc.DiscoveryServiceStub(caller.channel)

    def application(self, name: str = "app", type: str = CONFIDENTIAL) -> Application:
        """A new application of the tenant."""
        made = self.made
        with made.runtime.store.write() as work:
            client, secret = create_client(
                work, made.runtime.sealing, ENTROPY, self.tenant_id, name, type, made.clock.now_ms()
            )
        return Application(self.tenant_id, client.id, secret)

    def user(self, email: str = "ada@example.com", password: str = PASSWORD, **facts: Any) -> str:
        """A directory user, confirmed unless said otherwise; its directory id."""
        made = self.made.runtime
        confirmed = facts.pop("confirmed", True)
        emails, named = [Contact(email, verified=confirmed)], {"display_name": "Ada Lovelace", **facts}
        new = NewUser(emails=emails, may_sign_in=confirmed, **named)
        hashed = made.directory.passwords.hash(self.tenant_id, password)
        with made.store.write() as work:
            return create_user(work, self.tenant_id, new, hashed, ENTROPY, self.made.clock.now_ms()).id

    def settings(self, **parts: Any) -> None:
        """Replaces the tenant's token settings."""
        with self.made.runtime.store.write() as work:
            TOKENS.replace(work, self.tenant_id, tokens_pb.TokensConfig(**parts), self.made.clock.now_ms())

    def sign_in(self, app: Application, username: str = "ada@example.com", **form: str) -> dict[str, Any]:
        """Tokens by the password grant."""
        grant = {"grant_type": "password", "username": username, "password": PASSWORD}
        return self.token({**grant, **form}, app.basic)

    def refresh(self, app: Application, token: str, **form: str) -> dict[str, Any]:
        """Tokens by the refresh_token grant."""
        return self.token({"grant_type": "refresh_token", "refresh_token": token, **form}, app.basic)

    def userinfo(self, token: str) -> dict[str, Any]:
        """The claims about the user of a token."""
        with oauth_errors():
            answer = self._userinfo.GetUserinfo(
                userinfo_pb2.GetUserinfoRequest(tenant_id=self.tenant_id), **bearer(token)
            )
        document: dict[str, Any] = json.loads(answer.data)
        return document

    def token(self, form: dict[str, str] | bytes, authorization: str = "", kind: str = URLENCODED) -> dict[str, Any]:
        """The answer of the token endpoint; raises Refused."""
        request = token_pb2.IssueTokenRequest(tenant_id=self.tenant_id, form=body(form, kind))
        with oauth_errors():
            answer = self._tokens.IssueToken(request, metadata=_headers(authorization), timeout=PATIENCE_S)
        document: dict[str, Any] = json.loads(answer.data)
        return document

    def introspect(self, form: dict[str, str], authorization: str = "") -> token_pb2.Introspection:
        """What the introspection endpoint says."""
        request = token_pb2.IntrospectTokenRequest(tenant_id=self.tenant_id, form=body(form))
        with oauth_errors():
            return self._tokens.IntrospectToken(request, metadata=_headers(authorization), timeout=PATIENCE_S)

    def is_active(self, token: str, app: Application) -> bool:
        """Whether introspection calls the token active."""
        return bool(self.introspect({"token": token}, app.basic).active)

    def revoke(self, form: dict[str, str], authorization: str = "") -> None:
        """Revokes a token."""
        request = token_pb2.RevokeTokenRequest(tenant_id=self.tenant_id, form=body(form))
        with oauth_errors():
            self._tokens.RevokeToken(request, metadata=_headers(authorization), timeout=PATIENCE_S)

    def verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token, its signature checked by a library of others against the public keys."""
        keys = self._discovery.GetPublicKeys(discovery_pb2.GetPublicKeysRequest(tenant_id=self.tenant_id))
        documents = [
            {"kty": key.kty, "use": key.use, "alg": key.alg, "kid": key.kid, "n": key.n, "e": key.e}
            for key in keys.keys
        ]
        lenient = JWSRegistry(algorithms=["RS256"], strict_check_header=False)  # `ver` is App ID's own
        lenient.max_payload_length = 200_000
        decoded = jwt.decode(token, KeySet.import_key_set({"keys": documents}), registry=lenient)
        return dict(decoded.header), dict(decoded.claims)


def body(form: dict[str, str] | bytes, kind: str = URLENCODED) -> httpbody_pb2.HttpBody:
    """A form as the gateway hands it over."""
    data = form if isinstance(form, bytes) else urlencode(form).encode()
    return httpbody_pb2.HttpBody(content_type=kind, data=data)


def _headers(authorization: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", authorization),) if authorization else ()
