"""Calls of MFA extensions: `{"jws": …}`, signed with the tenant's key, to a URL of the tenant's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ostiary.clock import Clock
from ostiary.ids import Entropy, new_id
from ostiary.keys.issuers import Issuers
from ostiary.keys.tenant_signature import TenantSignature
from ostiary.mfa.settings import MfaExtension, url_missing
from ostiary.outgoing.client import HttpResponse, Outgoing

LIFETIME_S = 300
TYPE = "appid-mfa-extension+jwt"
MAX_SHOWN = 1_000
"""Characters of one header or of a text that the test of an extension reports."""
MAX_SHOWN_HEADERS = 50
SAMPLE = {
    "correlation_id": "00000000-0000-4000-8000-000000000000", "device_type": "web", "source_ip": "192.0.2.1",
    "headers": {"user-agent": "test"}, "client_id": "00000000-0000-4000-8000-000000000001",
    "user_id": "00000000-0000-4000-8000-000000000002", "username": "test@example.com",
    "application_type": "serverapp", "first_name": "Test", "last_name": "User",
    "last_successful_first_factor": "2000-01-01T00:00:00.000Z", "last_successful_mfa": "2000-01-01T00:00:00.000Z",
}  # fmt: skip
"""The data that the test of an extension sends: addresses and ids that are reserved for it and belong to no user."""
OUTCOME = {"status": "success", "reason": "test"}


class MfaExtensions:
    """Calls extensions. Hold no connection meanwhile: a call takes up to seven seconds."""

    def __init__(
        self, outgoing: Outgoing, sign: TenantSignature, issuers: Issuers, clock: Clock, entropy: Entropy
    ) -> None:
        self._outgoing = outgoing
        self._sign = sign
        self._issuers = issuers
        self._clock = clock
        self._entropy = entropy

    def test(self, tenant_id: str, name: str, extension: MfaExtension) -> dict[str, Any]:
        """Calls with sample data; what was answered, as callers see it. Raises URL_MISSING, CallFailed."""
        if not extension.url:
            raise url_missing()
        claims = {**SAMPLE, **(OUTCOME if name == "postmfa" else {})}
        return _reported(self.call(tenant_id, name, extension, claims))

    def call(self, tenant_id: str, name: str, extension: MfaExtension, claims: Mapping[str, Any]) -> HttpResponse:
        """Calls an extension; raises CallFailed."""
        now_s = self._clock.now_ms() // 1000
        standard = {
            "iss": self._issuers.tenant(tenant_id), "iat": now_s, "exp": now_s + LIFETIME_S,
            "jti": new_id(self._entropy), "tenant_id": tenant_id, "extension": name,
        }  # fmt: skip
        body = json.dumps({"jws": self._sign(tenant_id, {**claims, **standard}, TYPE)}).encode()
        headers = {**dict(extension.headers), "content-type": "application/json"}
        return self._outgoing.call("POST", extension.url, headers=headers, body=body)


def _reported(answer: HttpResponse) -> dict[str, Any]:
    """`headers` repeats `responseHeaders`: the reference names one, SDKs read the other."""
    headers = {name: value[:MAX_SHOWN] for name, value in list(answer.headers.items())[:MAX_SHOWN_HEADERS]}
    return {
        "statusCode": answer.status,
        "responseBody": _shown(answer.body),
        "responseHeaders": headers,
        "headers": headers,
    }


def _shown(body: bytes) -> dict[str, Any]:
    """The JSON object that was answered; of anything else the beginning, as text."""
    try:
        document = json.loads(body)
        json.dumps(document, allow_nan=False).encode()
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {"text": body[:MAX_SHOWN].decode(errors="replace")}
