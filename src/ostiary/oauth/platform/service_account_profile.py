"""Token profile of service accounts: who they are is in `client_id` or in the refresh token, and nothing is secret but
that token, which is used once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.audit.event import Event
from ostiary.directory.roles.bindings import roles_named
from ostiary.errors import DomainError
from ostiary.http.forms import Form
from ostiary.names import is_text, name_key
from ostiary.oauth.platform.devices import Devices
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.service_accounts import SERVICE, get_service_account, lock_service_account
from ostiary.oauth.platform.tokens import PlatformOrder, PlatformTokens
from ostiary.oauth.sessions.refresh import PLATFORM, GrantTerms, invalid_grant
from ostiary.oauth.token.grants.device_code import DeviceState
from ostiary.oauth.token.issuing import Issued, UnsignedTokens
from ostiary.oauth.token.profile import (
    Authorized,
    GrantType,
    TokenCall,
    TokenRequest,
    find_grant,
    unsupported_grant_type,
)
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy, TenantView, tenant_named
from ostiary.store.work import Work

REFRESH_LIFETIME_S = 90 * 86_400
"""The lifetime of a refresh token; each use begins it anew, with another token."""


@dataclass(frozen=True, slots=True)
class ServiceAccountHolder:
    """A service account as its tokens describe it."""

    id: str
    name: str
    tenant: TenantView
    perms: Sequence[str]

    def access_claims(self) -> dict[str, Any]:
        """The claims beside those of every platform token."""
        return {
            "azp": self.id, "username": self.name, "domain": self.tenant.name, "context": self.tenant.id,
            "perms": list(self.perms),
        }  # fmt: skip


ServiceRequest = TokenRequest[ServiceAccountHolder]


@dataclass(frozen=True, slots=True)
class ServiceAccountProfile:
    """The authorization server of service accounts."""

    grants: Mapping[str, GrantType[ServiceAccountHolder]]
    tenancy: Tenancy
    tokens: PlatformTokens
    audience: str = PLATFORM

    def unknown_grant(self, form: Form) -> DomainError:
        """RFC 6749 §5.2 `unsupported_grant_type`."""
        return unsupported_grant_type(form, ", ".join(self.grants))

    def begin(self, call: TokenCall, now_ms: int) -> ServiceRequest:
        """The path names the organization; an unknown one looks like a wrong credential."""
        grant, work, key = find_grant(self, call.form), call.reading.work, name_key(call.organization)
        tenant_id = tenant_named(work, key) if is_text(key) else None
        tenant = self.tenancy.find(work, tenant_id) if tenant_id else None
        if tenant is None or not tenant.enabled:
            raise invalid_grant()
        return TokenRequest(self, grant, call, tenant, None, now_ms)

    def find_subject(self, request: ServiceRequest, terms: GrantTerms) -> ServiceAccountHolder | None:
        """The account, unless it was deleted; its `client_id` may be sent, and is compared then."""
        if request.form.get("client_id") not in ("", terms.subject):
            return None
        return _find(request.reading.work, request.tenant, terms.subject, request.now_ms)

    def refresh_lifetime_s(self, request: ServiceRequest) -> int:
        """Returns the lifetime, which is the same for all."""
        return REFRESH_LIFETIME_S

    def prepare(self, request: ServiceRequest, authorized: Authorized[ServiceAccountHolder]) -> UnsignedTokens:
        """The platform signs."""
        holder = _holder(authorized)
        claims, scope = holder.access_claims(), " ".join(holder.perms)
        order = PlatformOrder(holder.id, SERVICE, request.tenant.id, scope=scope, claims=claims)
        return self.tokens.prepare(self.tokens.signer(request.reading.work), order, request.now_ms)

    def events(self, request: ServiceRequest, authorized: Authorized[ServiceAccountHolder]) -> Sequence[Event]:
        """One event, named as the rules of the RPC name it."""
        who, call = (SERVICE, _holder(authorized).id), request.call
        return (tokens_issued(request.tenant.id, call.event, call.request_id, who, authorized.audit_target),)

    def check_unchanged(
        self, work: Work, request: ServiceRequest, authorized: Authorized[ServiceAccountHolder],
        unsigned: UnsignedTokens,
    ) -> None:  # fmt: skip
        """Checks nothing: what is used up is locked, and a deleted account has no grants."""

    def response(self, issued: Issued) -> dict[str, Any]:
        """RFC 6749 §5.1."""
        return issued.document()


@dataclass(frozen=True, slots=True)
class GrantedDevices:
    """The devices behind the device code grant."""

    devices: Devices
    store: Store

    def poll(self, request: ServiceRequest, device_code: str) -> DeviceState:
        """The state of a device. Anybody may ask about any code, so one that nobody has takes no transaction."""
        tenant_id, account_id = request.tenant.id, request.form.required("client_id")
        known = self.devices.is_known(request.reading.work, tenant_id, account_id, device_code)
        request.reading.release()
        if not known:
            return DeviceState.UNKNOWN
        with self.store.write(awaited=False) as work:
            return self.devices.poll(work, tenant_id, account_id, device_code, request.now_ms)

    def open(self, request: ServiceRequest, device_code: str) -> Authorized[ServiceAccountHolder]:
        """The first tokens of the account; raises `invalid_grant` where another device was first."""
        tenant, now_ms, account_id = request.tenant, request.now_ms, request.form.required("client_id")
        holder = _find(request.reading.work, tenant, account_id, now_ms)
        if holder is None:
            raise invalid_grant()

        def settle(work: Work, issued: Issued) -> None:
            lock_service_account(work, tenant.id, account_id, now_ms)
            if not self.devices.use_up(work, tenant.id, account_id, device_code, now_ms):
                raise invalid_grant("The device code is not valid, or was used.")

        terms = GrantTerms(SERVICE, PLATFORM, account_id, now_ms, name=holder.name)
        return Authorized(holder, "", audit_target=(SERVICE, account_id), terms=terms, settle=settle)


def _find(work: Work, tenant: TenantView, account_id: str, now_ms: int) -> ServiceAccountHolder | None:
    try:
        account = get_service_account(work, tenant.id, account_id, now_ms)
    except DomainError:
        return None
    roles = roles_named(work, tenant.id, [account.role])
    return ServiceAccountHolder(account.id, account.name, tenant, [f"csp:{role.name}" for role in roles])


def _holder(authorized: Authorized[ServiceAccountHolder]) -> ServiceAccountHolder:
    if authorized.subject is None:
        raise LookupError("these tokens are service accounts'")
    return authorized.subject
