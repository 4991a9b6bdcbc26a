"""Service accounts in cloudapi, and the devices that wait to be granted one."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf import empty_pb2
from sqlalchemy import Row

from ostiary.directory.roles.bindings import roles_named
from ostiary.directory.roles.role_list import ListedRole, roles_by_id, roles_by_name
from ostiary.errors import invalid
from ostiary.ids import guid
from ostiary.oauth.platform.service_accounts import (
    Software,
    delete_service_account,
    get_service_account,
    list_service_accounts,
    revoke_service_account,
    update_service_account,
)
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import asked_list, paged
from ostiary.services.cloudapi.references import reference
from ostiary.store.work import Work
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import device_lookup_pb2, device_lookup_pb2_grpc, service_accounts_pb2_grpc
from ostiary_api.cloudapi.v1 import service_accounts_pb2 as pb

KIND = "serviceAccount"


class ServiceAccountsServicer(service_accounts_pb2_grpc.ServiceAccountsServiceServicer):
    """Lists, changes, revokes and deletes service accounts."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/serviceAccounts"
        self._clock = runtime.clock
        self._authentication = runtime.oauth.authentication

    def ListServiceAccounts(
        self, request: pb.ListServiceAccountsRequest, context: grpc.ServicerContext
    ) -> pb.ServiceAccounts:
        call = current_call()
        found, total = list_service_accounts(
            call.work, call.tenant_id, self._clock.now_ms(), request.filter, **asked_list(request, "name")
        )
        shown = [account_message(call, row) for row in found]
        return pb.ServiceAccounts(**paged(self._url, "ServiceAccounts", request, total), values=shown)

    def GetServiceAccount(
        self, request: pb.GetServiceAccountRequest, context: grpc.ServicerContext
    ) -> pb.ServiceAccount:
        return self._shown(current_call(), guid(request.id, KIND))

    def UpdateServiceAccount(
        self, request: pb.UpdateServiceAccountRequest, context: grpc.ServicerContext
    ) -> pb.ServiceAccount:
        call, account_id, asked = current_call(), guid(request.id, KIND), request.account
        before = get_service_account(call.work, call.tenant_id, account_id, self._clock.now_ms())
        named = asked.role.id or asked.role.name
        role = role_in_scope(call.work, call.tenant_id, named).key if named else before.role
        software = Software(asked.software_id, asked.software_version, asked.uri)
        giver = self._authentication.giver(call.principal, call.tenant_id)
        update_service_account(call.work, call.tenant_id, account_id, software, role, giver, self._clock.now_ms())
        call.audit_target = account_id
        return self._shown(call, account_id)

    def RevokeServiceAccount(
        self, request: pb.RevokeServiceAccountRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        call, account_id = current_call(), guid(request.id, KIND)
        giver = self._authentication.giver(call.principal, call.tenant_id)
        revoke_service_account(call.work, call.tenant_id, account_id, giver, self._clock.now_ms())
        call.audit_target = account_id
        return empty_pb2.Empty()

    def DeleteServiceAccount(
        self, request: pb.DeleteServiceAccountRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        call, account_id = current_call(), guid(request.id, KIND)
        giver = self._authentication.giver(call.principal, call.tenant_id)
        delete_service_account(call.work, call.tenant_id, account_id, giver, self._clock.now_ms())
        call.audit_target = account_id
        return empty_pb2.Empty()

    def _shown(self, call: Call, account_id: str) -> pb.ServiceAccount:
        return account_message(call, get_service_account(call.work, call.tenant_id, account_id, self._clock.now_ms()))


class DeviceLookupServicer(device_lookup_pb2_grpc.DeviceLookupServiceServicer):
    """Decides on devices by the code that they show."""

    def __init__(self, runtime: Runtime) -> None:
        self._devices = runtime.oauth.devices
        self._clock = runtime.clock
        self._authentication = runtime.oauth.authentication

    def LookUpDevice(
        self, request: device_lookup_pb2.LookUpDeviceRequest, context: grpc.ServicerContext
    ) -> pb.ServiceAccount:
        call = current_call()
        found = self._devices.look_up(
            call.work, call.tenant_id, call.principal.id, request.device.user_code, self._clock.now_ms()
        )
        return account_message(call, found)

    def GrantDevice(
        self, request: device_lookup_pb2.GrantDeviceRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return self._decided(request.device.user_code, granted=True)

    def DenyDevice(
        self, request: device_lookup_pb2.DenyDeviceRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return self._decided(request.device.user_code, granted=False)

    def _decided(self, user_code: str, *, granted: bool) -> empty_pb2.Empty:
        call = current_call()
        giver = self._authentication.giver(call.principal, call.tenant_id)
        call.audit_target = self._devices.decide(
            call.work, call.tenant_id, call.principal.id, user_code, giver, self._clock.now_ms(), granted=granted
        )
        return empty_pb2.Empty()


def account_message(call: Call, row: Row[Any]) -> pb.ServiceAccount:
    """A service account of the tenant on which the call acts."""
    tenant, roles = call.required_tenant, roles_named(call.work, call.tenant_id, [row.role])
    return pb.ServiceAccount(
        id=f"urn:vcloud:{KIND}:{row.id}", name=row.name, software_id=row.software_id,
        software_version=row.software_version, uri=row.uri, status=row.status,
        role=reference("role", roles[0].id, roles[0].name) if roles else None,
        org=reference("org", tenant.id, tenant.name),
    )  # fmt: skip


def role_in_scope(work: Work, tenant_id: str, scope: str) -> ListedRole:
    """The role that a scope names: a URN with its id or its percent-encoded name, or one of these alone. Raises
    INVALID_SCOPE."""
    named = unquote(scope.removeprefix("urn:vcloud:role:"))
    identifier = guid(named, "role")
    found = roles_by_id(work, tenant_id, [identifier]) if identifier else roles_by_name(work, tenant_id, [named])
    if not found:
        raise invalid("INVALID_SCOPE", f"{scope!r} is no role here; an example is urn:vcloud:role:org_member.")
    return found[0]
