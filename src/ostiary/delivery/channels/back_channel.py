"""Calls that tell an application of a sign-out (OpenID Connect Back-Channel Logout 1.0), as a channel of the outbox."""

from __future__ import annotations

from urllib.parse import urlencode

from ostiary.clock import Clock
from ostiary.delivery.channels.channel import QueuedMessage, Receipt
from ostiary.delivery.channels.http_providers import posted
from ostiary.delivery.outbox import NewMessage
from ostiary.keys.issuers import Issuers
from ostiary.keys.tenant_signature import TenantSignature
from ostiary.outgoing.client import Outgoing
from ostiary.store.tenancy import SYSTEM_ID, TenantView

BACK_CHANNEL = "backchannel_logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME_S = 120
"""The lifetime of a logout token (§2.4 advises two minutes at most); each attempt gets its own."""
_AGAIN = frozenset({408, 425, 429})
_FORM = {"content-type": "application/x-www-form-urlencoded"}


def logout_message(uri: str, *, audience: str, client_id: str, subject: str, session_id: str) -> NewMessage:
    """A message for the outbox: that the session of a subject, known to a client at `audience` (appid or platform), has
    ended."""
    facts = {"audience": audience, "client_id": client_id, "subject": subject, "session_id": session_id}
    return NewMessage(BACK_CHANNEL, BACK_CHANNEL, uri, facts)


class BackChannel:
    """Posts logout tokens."""

    def __init__(self, outgoing: Outgoing, sign: TenantSignature, issuers: Issuers, clock: Clock) -> None:
        self._outgoing = outgoing
        self._sign = sign
        self._issuers = issuers
        self._clock = clock

    def provider(self, target: str) -> str:
        """The address itself: applications at one host may be up and down each by itself."""
        return target

    def deliver(self, tenant: TenantView, message: QueuedMessage) -> Receipt:
        """Posts one logout token (§2.5), signed with the key of the issuer whose tokens the application got. A refusal
        is final: the application will say the same again."""
        facts, now = message.payload, self._clock.now_ms() // 1000
        at_app = facts["audience"] == "appid"
        claims = {
            "iss": self._issuers.tenant(tenant.id) if at_app else self._issuers.oidc, "sub": facts["subject"],
            "aud": [facts["client_id"]], "iat": now, "exp": now + LIFETIME_S, "jti": message.id,
            "sid": facts["session_id"], "events": {EVENT: {}},
        }  # fmt: skip
        token = self._sign(tenant.id if at_app else SYSTEM_ID, claims, "logout+jwt")
        receipt = posted(self._outgoing, message.target, _FORM, urlencode({"logout_token": token}).encode())
        refused = 400 <= receipt.status < 500 and receipt.status not in _AGAIN
        return Receipt(receipt.status, receipt.headers, receipt.body, is_final=refused)
