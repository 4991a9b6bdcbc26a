"""The outbox: a message is a row in the transaction that causes it, and is sent after that has committed."""

from __future__ import annotations

import json
import re
from typing import Any

from ostiary.errors import invalid
from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import Place, Sealing
from ostiary.store.tables import Message
from ostiary.store.work import Work

USER_VERIFICATION, WELCOME = "USER_VERIFICATION", "WELCOME"
DEFAULT_LANGUAGE = "en"
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class Outbox:
    """Writes messages. What fills a template is data in a JSON document, never text that is pasted together."""

    def __init__(self, sealing: Sealing, entropy: Entropy) -> None:
        self._sealing = sealing
        self._entropy = entropy

    def mail(
        self, work: Work, tenant_id: str, template: str, recipient: str, language: str, payload: dict[str, Any],
        now_ms: int, *, code: str = "",
    ) -> None:  # fmt: skip
        """One mail; `code` is a one-time code for it to carry, sealed until it is sent."""
        message_id = new_id(self._entropy)
        sealed = self._sealing.seal(code.encode(), code_place(tenant_id, message_id)) if code else ""
        work.add(
            Message(
                id=message_id, tenant_id=tenant_id, channel="email", template=template, recipient=recipient,
                language=language, payload=json.dumps(payload), sealed_code=sealed, created_at=now_ms,
                next_attempt_at=now_ms,
            )
        )  # fmt: skip


def code_place(tenant_id: str, message_id: str) -> Place:
    """Where the code of a message is sealed."""
    return Place(tenant_id, "outbox", message_id, "sealed_code")


def check_language(tag: str) -> str:
    """A language tag (RFC 5646) as messages are written in; `en` when empty. Raises INVALID_LANGUAGE."""
    if tag and (len(tag) > 35 or not _LANGUAGE.fullmatch(tag)):
        raise invalid("INVALID_LANGUAGE", "language must be a tag such as en or de-CH (RFC 5646).")
    return tag or DEFAULT_LANGUAGE
