"""A tenant as a service provider: asks its identity provider, and reads what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable

import structlog

from ostiary.clock import Clock
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import SAML_ENCRYPT, SAML_SIGN, Keyring
from ostiary.store.replay import use_once
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.saml.assertions import Assertion
from ostiary.upstream.saml.conditions import Expected
from ostiary.upstream.saml.documents import decoded
from ostiary.upstream.saml.refusals import ResponseRefused
from ostiary.upstream.saml.requests import Requester, request_url
from ostiary.upstream.saml.responses import Trust, read_response
from ostiary.upstream.saml.settings import SAML, read_certificate

_log = structlog.get_logger("ostiary.upstream")


class ServiceProvider:
    """Requests and responses of all tenants, each by its own settings and keys."""

    def __init__(self, keys: Keyring, issuers: Issuers, clock: Clock) -> None:
        self._keys = keys
        self._issuers = issuers
        self._clock = clock

    def request_url(self, work: Work, tenant: TenantView, request_id: str, relay_state: str) -> str:
        """The address to which the browser is sent, with a request. `work` must be one that reads: the tenant's key is
        created at its first use."""
        provider = SAML.read(work, tenant)
        sign = self._keys.signer(work, tenant, SAML_SIGN).sign if provider.sign_request else None
        return request_url(provider, self._requester(tenant), request_id, relay_state, self._clock.now_ms(), sign)

    def reader(self, work: Work, tenant: TenantView, request_id: str) -> Callable[[str], Assertion]:
        """Reads a response in base64 to this request (empty: one that nobody has asked for), by the settings of now and
        without a connection: it takes some milliseconds of computing. It raises ResponseRefused."""
        provider, requester = SAML.read(work, tenant), self._requester(tenant)
        if not provider.is_active:
            raise ResponseRefused("OFF", "Signing in with SAML is switched off for this tenant.")
        certificates = [read_certificate(text, at) for at, text in enumerate(provider.certificates)]
        keys = self._keys.private_keys(work, tenant, SAML_ENCRYPT) if provider.encrypt_response else []
        trust = Trust(certificates, keys, encrypted=provider.encrypt_response)

        def read(response: str) -> Assertion:
            expected = Expected(
                provider.entity_id, requester.entity_id, requester.acs_url, self._clock.now_ms(), request_id,
                provider.authn_classes, provider.authn_comparison,
            )  # fmt: skip
            try:
                return read_response(decoded(response), trust, expected)
            except ResponseRefused as refused:
                _log.warning("SAML response refused", tenant=tenant.id, reason=refused.reason, why=refused.message)
                raise

        return read

    def _requester(self, tenant: TenantView) -> Requester:
        return Requester(self._issuers.public_url, tenant.id)


def use_up(work: Work, tenant_id: str, assertion: Assertion) -> None:
    """Remembers an assertion for as long as it would be good, on any number of processes. Raises SAML_REPLAY for one
    that was used."""
    name = json.dumps([assertion.issuer, assertion.id])
    if not use_once(work, tenant_id, "SAML assertion", name, assertion.good_until):
        raise ResponseRefused("REPLAY", "The assertion was used before. Sign in again from the application.")
