"""Access checks for services inside the installation."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from ostiary.access.checking import AccessCheck
from ostiary.access.exchange import GRANT_TYPE
from ostiary.access.policy import Requirement
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.errors import invalid
from ostiary.http.forms import Form
from ostiary.oauth.clients.clients import allow_service_account, limit_groups, tell_of_sign_outs
from ostiary.oauth.platform.identity import most_groups_of
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.transport.call import Call, current_call
from ostiary.transport.rules import required_permissions, roles_within
from ostiary_api.access.v1 import access_pb2 as pb
from ostiary_api.access.v1 import access_pb2_grpc
from ostiary_api.options.v1 import rules_pb2 as options

_KINDS: Mapping[PrincipalKind, pb.SubjectKind.ValueType] = {
    PrincipalKind.END_USER: pb.SUBJECT_KIND_END_USER,
    PrincipalKind.USER: pb.SUBJECT_KIND_USER,
    PrincipalKind.CLIENT: pb.SUBJECT_KIND_CLIENT,
    PrincipalKind.SERVICE_ACCOUNT: pb.SUBJECT_KIND_CLIENT,
    PrincipalKind.API_KEY: pb.SUBJECT_KIND_API_KEY,
}


class AccessServicer(access_pb2_grpc.AccessServiceServicer):
    """Looks at tokens, decides on access, issues tokens to clients."""

    def __init__(self, runtime: Runtime) -> None:
        self._check = AccessCheck(runtime.oauth.authentication)
        self._endpoint = runtime.oauth.token_endpoint
        self._profiles = runtime.oauth.token_profiles
        self._clock = runtime.clock

    def IntrospectToken(self, request: pb.IntrospectTokenRequest, context: grpc.ServicerContext) -> pb.TokenFacts:
        call = current_call()
        holder = self._check.holder(call.work, request.token)
        return _facts(holder) if holder is not None and holder.tenant_id == call.tenant_id else pb.TokenFacts()

    def CheckAccess(self, request: pb.CheckAccessRequest, context: grpc.ServicerContext) -> pb.AccessDecision:
        call, need = current_call(), _need(request)
        subject = self._subject(call, request)
        return pb.AccessDecision(allowed=self._check.allows(subject, call.tenant_id, need))

    def ExchangeApiKey(self, request: pb.ExchangeApiKeyRequest, context: grpc.ServicerContext) -> pb.ApiKeyToken:
        call, form = current_call(), Form({"grant_type": GRANT_TYPE, "apikey": request.api_key})
        asked = TokenCall(call, form, call.request_id, event=call.rules.audit)
        issued = self._endpoint(self._profiles.iam, asked)
        return pb.ApiKeyToken(access_token=issued["access_token"], expires_in=issued["expires_in"])

    def IssueClientToken(self, request: pb.IssueClientTokenRequest, context: grpc.ServicerContext) -> pb.ClientToken:
        call, form = current_call(), Form({"scope": " ".join(request.scopes)})
        asked = TokenCall(call, form, call.request_id, tenant=call.required_tenant)
        begun = self._profiles.app.for_client(asked, request.client_id, self._clock.now_ms())
        issued = self._endpoint.answer(begun)
        with call.transaction():  # the token leaves only once it is recorded who asked for it
            return pb.ClientToken(
                access_token=issued["access_token"], expires_in=issued["expires_in"], scopes=issued["scope"].split()
            )

    def SetServiceAccount(
        self, request: pb.SetServiceAccountRequest, context: grpc.ServicerContext
    ) -> pb.ServiceAccount:
        work = current_call().work
        client = allow_service_account(work, request.tenant_id, request.client_id, allowed=request.allowed)
        return pb.ServiceAccount(client_id=client.id, name=client.name, allowed=client.service_account)

    def SetMaxGroupsInIdToken(
        self, request: pb.SetMaxGroupsInIdTokenRequest, context: grpc.ServicerContext
    ) -> pb.MaxGroupsInIdToken:
        most = request.max_groups_in_id_token if request.HasField("max_groups_in_id_token") else None
        client = limit_groups(current_call().work, request.tenant_id, request.client_id, most)
        return pb.MaxGroupsInIdToken(client_id=client.id, max_groups_in_id_token=most_groups_of(client))

    def SetLogoutUris(self, request: pb.SetLogoutUrisRequest, context: grpc.ServicerContext) -> pb.LogoutUris:
        own = tell_of_sign_outs(
            current_call().work, request.tenant_id, request.client_id, request.backchannel_logout_uri,
            request.frontchannel_logout_uri,
        ).own  # fmt: skip
        return pb.LogoutUris(
            client_id=request.client_id, backchannel_logout_uri=own.backchannel_logout_uri,
            frontchannel_logout_uri=own.frontchannel_logout_uri,
        )  # fmt: skip

    def _subject(self, call: Call, request: pb.CheckAccessRequest) -> Principal | None:
        match request.WhichOneof("subject"):
            case "token":
                return self._check.holder(call.work, request.token)
            case "user_id":
                return self._check.user(call.work, call.tenant_id, request.user_id)
        raise invalid("SUBJECT_MISSING", "Name a token or a user_id.")


def _need(request: pb.CheckAccessRequest) -> Requirement:
    if not request.role and not request.scopes:
        raise invalid("NEED_MISSING", "Name a role, or scopes, or both.")
    if request.role not in options.Role.values():
        raise invalid("UNKNOWN_ROLE", f"There is no role {request.role}.")
    roles = {request.role} if request.role else set(options.Role.values())
    return Requirement(required_permissions(roles), False, frozenset(request.scopes), False)


def _facts(holder: Principal) -> pb.TokenFacts:
    return pb.TokenFacts(
        active=True, kind=_KINDS[holder.kind], subject=holder.id, client_id=holder.client_id,
        roles=roles_within(holder.permissions), scopes=sorted(holder.scopes),
        expires_at=holder.expires_at // 1000,
    )  # fmt: skip
