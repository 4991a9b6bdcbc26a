"""Exchange of what was registered at an organization for tokens, as Cloud Director does it."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.directory.tenants.tenants import SYSTEM_NAME
from ostiary.http.forms import Form, read_form_of
from ostiary.names import is_text, name_key
from ostiary.oauth.clients.authentication import invalid_client
from ostiary.oauth.platform.devices import INTERVAL_S, LIFETIME_S
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.service_accounts import SERVICE
from ostiary.oauth.sessions.refresh import origin_of_refresh_token
from ostiary.oauth.token.grants.device_code import GRANT_TYPE
from ostiary.oauth.token.profile import TokenCall
from ostiary.runtime import Runtime
from ostiary.store.tenancy import tenant_named
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import tenant_token_pb2 as pb
from ostiary_api.cloudapi.v1 import tenant_token_pb2_grpc


class TenantTokenServicer(tenant_token_pb2_grpc.TenantTokenServiceServicer):
    """Swaps API tokens, each organization under its own name."""

    def __init__(self, runtime: Runtime) -> None:
        self._endpoint = runtime.oauth.token_endpoint
        self._people = runtime.oauth.token_profiles.cloudapi
        self._service_accounts = runtime.oauth.token_profiles.service_accounts
        self._devices = runtime.oauth.devices
        self._clock = runtime.clock
        self._events = runtime.events
        self._verification_uri = f"{runtime.issuers.public_url}/cloudapi/1.0.0/deviceLookup"

    def IssueTenantToken(self, request: pb.IssueTenantTokenRequest, context: grpc.ServicerContext) -> pb.TenantToken:
        return self._swapped(request.form, request.tenant)

    def IssueProviderToken(
        self, request: pb.IssueProviderTokenRequest, context: grpc.ServicerContext
    ) -> pb.TenantToken:
        return self._swapped(request.form, SYSTEM_NAME)

    def AuthorizeTenantDevice(
        self, request: pb.AuthorizeTenantDeviceRequest, context: grpc.ServicerContext
    ) -> pb.DeviceCodes:
        return self._waiting(request.form, request.tenant)

    def AuthorizeProviderDevice(
        self, request: pb.AuthorizeProviderDeviceRequest, context: grpc.ServicerContext
    ) -> pb.DeviceCodes:
        return self._waiting(request.form, SYSTEM_NAME)

    def _waiting(self, body: httpbody_pb2.HttpBody, org: str) -> pb.DeviceCodes:
        work, account_id = current_call().work, read_form_of(body, pb.DeviceForm).required("client_id")
        key = name_key(org)
        named = tenant_named(work, key) if is_text(key) and is_text(account_id) else None
        tenant = current_call().tenancy.find(work, named) if named else None
        tenant_id = tenant.id if tenant is not None and tenant.enabled else None
        codes = self._devices.begin(work, tenant_id, account_id, self._clock.now_ms()) if tenant_id else None
        if codes is None or tenant_id is None:
            raise invalid_client()
        call, who = current_call(), (SERVICE, account_id)
        self._events.emit(work, tokens_issued(tenant_id, call.rules.audit, call.request_id, who, who))
        return pb.DeviceCodes(
            device_code=codes.device_code, user_code=codes.user_code, verification_uri=self._verification_uri,
            expires_in=LIFETIME_S, interval=INTERVAL_S,
        )  # fmt: skip

    def _swapped(self, body: httpbody_pb2.HttpBody, org: str) -> pb.TenantToken:
        call, form = current_call(), read_form_of(body, pb.ApiTokenForm)
        asked = TokenCall(call, form, call.request_id, event=call.rules.audit, organization=org)
        if _is_of_service_account(call, form):
            answer = self._endpoint(self._service_accounts, asked)
        else:
            answer = self._endpoint(self._people, asked)
        return pb.TenantToken(
            access_token=answer["access_token"], token_type="Bearer", expires_in=answer["expires_in"],
            refresh_token=_new(answer.get("refresh_token"), form),
        )  # fmt: skip


def _new(token: str | None, form: Form) -> str | None:
    """A refresh token that the client does not have yet."""
    return token if token != form.get("refresh_token") else None


def _is_of_service_account(call: Call, form: Form) -> bool:
    """Whether a service account asks: by the device flow, or by a refresh token of its own."""
    if form.get("grant_type") != "refresh_token":
        return form.get("grant_type") == GRANT_TYPE
    origin = origin_of_refresh_token(call.reading, form.get("refresh_token"))
    return origin is not None and origin.kind == SERVICE
