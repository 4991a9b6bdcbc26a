"""Service accounts of Cloud Director as tests make, grant and use them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import grpc
from kit.accounts.people import Made
from kit.callers import Caller, bearer, refusal
from kit.platform import CALL, form

from ostiary.oauth.token.grants.device_code import GRANT_TYPE
from ostiary_api.cloudapi.v1 import device_lookup_pb2, registration_pb2, sessions_pb2, tenant_token_pb2
from ostiary_api.cloudapi.v1 import service_accounts_pb2 as pb
from ostiary_api.cloudapi.v1.device_lookup_pb2_grpc import DeviceLookupServiceStub
from ostiary_api.cloudapi.v1.registration_pb2_grpc import RegistrationServiceStub
from ostiary_api.cloudapi.v1.service_accounts_pb2_grpc import ServiceAccountsServiceStub
from ostiary_api.cloudapi.v1.sessions_pb2_grpc import SessionsServiceStub
from ostiary_api.cloudapi.v1.tenant_token_pb2_grpc import TenantTokenServiceStub


@dataclass
class Robots:
    """An organization of a test's own with an owner, and what happens to service accounts there."""

    caller: Caller
    id: str
    name: str
    owner: Made

    def register(self, who: Made | None = None, org: str = "", **asked: str) -> str:
        """The id of a new account."""
        wanted = {
            "client_name": f"sa-{uuid.uuid4().hex[:6]}", "software_id": "bot", "software_version": "1",
            "scope": "urn:vcloud:role:org_member", **asked,
        }  # fmt: skip
        registration = registration_pb2.ClientRegistration(**wanted)
        request = registration_pb2.RegisterTenantClientRequest(tenant=org or self.name, registration=registration)
        stub = RegistrationServiceStub(self.caller.channel)
        account_id: str = stub.RegisterTenantClient(request, **(who or self.owner).call).client_id
        return account_id

    def device(self, account_id: str, org: str = "") -> tenant_token_pb2.DeviceCodes:
        """Begins the device flow."""
        asked = form(client_id=account_id)
        request = tenant_token_pb2.AuthorizeTenantDeviceRequest(tenant=org or self.name, form=asked)
        return TenantTokenServiceStub(self.caller.channel).AuthorizeTenantDevice(request, **CALL)

    def decide(self, user_code: str, who: Made | None = None, *, grant: bool = True) -> None:
        """Grants or denies a device."""
        stub = DeviceLookupServiceStub(self.caller.channel)
        device = device_lookup_pb2.WaitingDevice(user_code=user_code)
        call = (who or self.owner).call
        if grant:
            stub.GrantDevice(device_lookup_pb2.GrantDeviceRequest(device=device), **call)
        else:
            stub.DenyDevice(device_lookup_pb2.DenyDeviceRequest(device=device), **call)

    def token(self, org: str = "", **fields: str) -> tenant_token_pb2.TenantToken:
        """The answer of the token endpoint."""
        request = tenant_token_pb2.IssueTenantTokenRequest(tenant=org or self.name, form=form(**fields))
        return TenantTokenServiceStub(self.caller.channel).IssueTenantToken(request, **CALL)

    def poll(self, account_id: str, device_code: str, org: str = "") -> tenant_token_pb2.TenantToken:
        """A question of the device."""
        return self.token(org, grant_type=GRANT_TYPE, client_id=account_id, device_code=device_code)

    def refresh(self, token: str, **more: str) -> tenant_token_pb2.TenantToken:
        """A use of a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=token, **more)

    def active(self, **asked: str) -> tuple[str, tenant_token_pb2.TenantToken]:
        """An account with its first tokens."""
        account_id = self.register(**asked)
        codes = self.device(account_id)
        self.decide(codes.user_code)
        return account_id, self.poll(account_id, codes.device_code)

    def get(self, account_id: str, who: Made | None = None) -> pb.ServiceAccount:
        """One account."""
        request = pb.GetServiceAccountRequest(id=f"urn:vcloud:serviceAccount:{account_id}")
        return ServiceAccountsServiceStub(self.caller.channel).GetServiceAccount(request, **(who or self.owner).call)

    def status(self, account_id: str) -> str:
        """The status of an account."""
        return self.get(account_id).status

    def session(self, access_token: str) -> sessions_pb2.Session:
        """What the holder of an access token is."""
        stub = SessionsServiceStub(self.caller.channel)
        return stub.GetCurrentSession(sessions_pb2.GetCurrentSessionRequest(), **bearer(access_token))

    def is_dead(self, access_token: str) -> bool:
        """Whether an access token opens nothing."""
        return refusal(lambda: self.session(access_token))[0] is grpc.StatusCode.UNAUTHENTICATED
