"""Mail by HTTP: SendGrid, and tenants' own endpoints."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from ostiary.delivery.addresses import Mailbox
from ostiary.delivery.channels.channel import NO_ANSWER, TOO_LATE, Receipt
from ostiary.delivery.channels.email_dispatcher import BASIC, HEADER, Authorization
from ostiary.delivery.channels.mail import Mail
from ostiary.outgoing.client import Caps, Outgoing
from ostiary.outgoing.targets import CallFailed

CAPS = Caps(redirects=0, cuts_body=True)
"""A redirected POST becomes a GET at most servers, and its 200 would say that a mail was taken. What counts is the
status: who took a mail and then talks too long has taken it."""
_JSON = {"content-type": "application/json"}
Sign = Callable[[str, Mapping[str, Any], str], str]
"""Tenant, claims and `typ` → a JWT signed with the tenant's key."""
MESSAGE_TYPE = "appid-message+jwt"
LIFETIME_S = 300
"""The lifetime of a message's signature; each attempt gets its own."""


def posted(outgoing: Outgoing, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    """Sends one POST; a failure to reach the other side becomes a receipt too."""
    try:
        answer = outgoing.call("POST", url, headers=headers, body=body, caps=CAPS)
    except CallFailed as failed:
        status = TOO_LATE if failed.reason == "OUTGOING_TIMEOUT" else NO_ANSWER
        return Receipt(status, body=failed.message.encode())
    return Receipt(answer.status, answer.headers, answer.body)


class SendGrid:
    """A tenant's account at SendGrid (its API v3)."""

    def __init__(self, outgoing: Outgoing, base_url: str, api_key: str) -> None:
        self._outgoing = outgoing
        self._url = f"{base_url}/v3/mail/send"
        self._headers = {**_JSON, "authorization": f"Bearer {api_key}"}

    def send(self, mail: Mail) -> Receipt:
        """Hands over one mail; SendGrid answers 202."""
        envelope, content = mail.envelope, mail.content
        people = {"to": mail.recipient, "cc": envelope.cc, "bcc": envelope.bcc}
        document: dict[str, Any] = {
            "personalizations": [{name: [_sendgrid(one)] for name, one in people.items() if one is not None}],
            "from": _sendgrid(envelope.sender),
            "subject": content.subject,
            "content": [{"type": "text/plain", "value": content.text}],
            "custom_args": {"id": mail.id},
        }
        if envelope.reply_to is not None:
            document["reply_to"] = _sendgrid(envelope.reply_to)
        if content.html:
            document["content"].append({"type": "text/html", "value": content.html})
        return posted(self._outgoing, self._url, self._headers, json.dumps(document).encode())


class CustomDispatcher:
    """A tenant's own endpoint: it gets the mail as a signed token, so that it can tell who sends it."""

    def __init__(
        self, outgoing: Outgoing, url: str, authorization: Authorization, issuer: str, sign: Sign
    ) -> None:  # fmt: skip
        self._outgoing = outgoing
        self._url = url
        self._authorization = authorization
        self._issuer = issuer
        self._sign = sign

    def send(self, mail: Mail) -> Receipt:
        """Hands over one mail; `jti` is the mail's id, the same at every attempt."""
        content = mail.content
        message: dict[str, Any] = {
            "to": mail.recipient.address,
            "from": _named(mail.envelope.sender),
            "subject": content.subject,
            "body": content.html or content.text,
            "text": content.text,
        }
        for name in ("reply_to", "cc", "bcc"):
            mailbox: Mailbox | None = getattr(mail.envelope, name)
            if mailbox is not None:
                message[name] = _named(mailbox)
        now = mail.sent_at // 1000
        # No `aud`: common libraries refuse a token that has one unless their caller names it, and none is documented.
        claims = {"tenant": mail.tenant_id, "iss": self._issuer, "iat": now, "exp": now + LIFETIME_S, "jti": mail.id}
        jws = self._sign(mail.tenant_id, {**claims, "message": message}, MESSAGE_TYPE)
        headers = {**_JSON, **_authorization(self._authorization)}
        return posted(self._outgoing, self._url, headers, json.dumps({"jws": jws}).encode())


def _authorization(authorization: Authorization) -> dict[str, str]:
    if authorization.type == HEADER:
        return {"authorization": authorization.value}
    if authorization.type == BASIC:
        pair = f"{authorization.username}:{authorization.password}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _sendgrid(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}


def _named(mailbox: Mailbox) -> dict[str, str]:
    return {"address": mailbox.address, "name": mailbox.name}
