"""Sessions of cloudapi."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import replace

import grpc
from google.protobuf import empty_pb2

from ostiary.access.callers import CallerView, caller_view
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.directory.roles.bindings import roles_of_user
from ostiary.directory.signin.admission import wrong_credentials
from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.errors import unauthenticated
from ostiary.names import name_key
from ostiary.oauth.platform.sessions import CLOUDAPI, OpenedSession
from ostiary.oauth.platform.tokens import LIFETIME_S
from ostiary.oauth.sessions.refresh import revoke_access_token
from ostiary.oauth.sessions.sessions import end_session
from ostiary.runtime import Runtime
from ostiary.services.sign_in_context import sign_in_context
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import sessions_pb2 as pb
from ostiary_api.cloudapi.v1 import sessions_pb2_grpc
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference

TOKEN_HEADERS = ("x-vmware-vcloud-access-token", "x-vcloud-authorization")
"""The token's header, and the older one that some clients still look for."""


class SessionsServicer(sessions_pb2_grpc.SessionsServiceServicer):
    """Signs people in and out."""

    def __init__(self, runtime: Runtime) -> None:
        self._sessions = runtime.oauth.platform_sessions
        self._url = runtime.issuers.public_url
        self._clock = runtime.clock

    def CreateSession(self, request: pb.CreateSessionRequest, context: grpc.ServicerContext) -> pb.Session:
        login, org, password = basic_credentials(current_call())
        if name_key(org) == name_key(SYSTEM_NAME):
            raise unauthenticated("PROVIDER_LOGIN", "Users of System sign in at /cloudapi/1.0.0/sessions/provider.")
        return self._signed_in(login, org, password)

    def CreateProviderSession(
        self, request: pb.CreateProviderSessionRequest, context: grpc.ServicerContext
    ) -> pb.Session:
        login, org, password = basic_credentials(current_call())
        if name_key(org) != name_key(SYSTEM_NAME):
            raise unauthenticated("TENANT_LOGIN", "Only System signs in here; others at /cloudapi/1.0.0/sessions.")
        return self._signed_in(login, org, password)

    def GetCurrentSession(self, request: pb.GetCurrentSessionRequest, context: grpc.ServicerContext) -> pb.Session:
        call = current_call()
        return self._session(session_id(call.principal), session_holder(call, self._clock.now_ms()))

    def DeleteCurrentSession(
        self, request: pb.DeleteCurrentSessionRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        sign_out(current_call(), self._clock.now_ms())
        return empty_pb2.Empty()

    def _signed_in(self, login: str, org: str, password: str) -> pb.Session:
        call = current_call()
        opened = self._sessions.sign_in(sign_in_context(CLOUDAPI), org, login, password)
        call.headers += [(name, opened.issued.access_token) for name in TOKEN_HEADERS]
        call.headers.append(("x-vmware-vcloud-token-type", "Bearer"))
        return self._session(opened.session.id, _caller(opened))

    def _session(self, identifier: str, caller: CallerView) -> pb.Session:
        tenant = caller.tenant
        return pb.Session(
            id=f"urn:vcloud:session:{identifier}",
            site=EntityReference(name=self._url, id=f"urn:vcloud:site:{SYSTEM_ID}"),
            user=EntityReference(name=caller.name, id=f"urn:vcloud:user:{caller.id}"),
            org=EntityReference(name=tenant.name, id=f"urn:vcloud:org:{tenant.id}"),
            location=self._url, roles=[role.name for role in caller.roles],
            role_refs=[EntityReference(name=role.name, id=f"urn:vcloud:role:{role.id}") for role in caller.roles],
            session_idle_timeout_minutes=LIFETIME_S // 60,
        )  # fmt: skip


def sign_out(call: Call, now_ms: int) -> None:
    """Ends the session of the presented token; the token itself is revoked too, since some belong to none."""
    principal = call.principal
    revoke_access_token(call.work, call.tenant_id, principal.token, now_ms)
    end_session(call.work, call.tenant_id, principal.session_id, now_ms)
    call.audit_target = session_id(principal)


def session_id(principal: Principal) -> str:
    """The session of a token; for tokens without one, such as an API key's, a GUID of the token itself."""
    return principal.session_id or str(uuid.uuid5(uuid.UUID(principal.tenant_id), principal.token))


def session_holder(call: Call, now_ms: int) -> CallerView:
    """The holder of the presented token, with all roles that it holds: a session says what its holder may do, so those
    that groups give are among them."""
    caller = caller_view(call.work, call.required_tenant, call.principal)
    if call.principal.kind is not PrincipalKind.USER:
        return caller
    return replace(caller, roles=roles_of_user(call.work, call.principal.tenant_id, caller.id, now_ms))


def _caller(opened: OpenedSession) -> CallerView:
    account = opened.account
    return CallerView(account.user.id, account.user.user_name, account.tenant, account.roles, account.user)


def basic_credentials(call: Call) -> tuple[str, str, str]:
    """Returns user, organization and password of HTTP Basic `user@org:password`; the last @ divides, the first colon
    ends.

    Raises 401 for anything else.
    """
    scheme, _, encoded = call.metadata.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise unauthenticated("BASIC_MISSING", "Sign in by HTTP Basic with user@org:password.")
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise wrong_credentials() from error
    login, _, org = name.rpartition("@")
    if not (login and org and colon):
        raise unauthenticated("BASIC_MALFORMED", "Sign in by HTTP Basic with user@org:password.")
    return login, org, password
