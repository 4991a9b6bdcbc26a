"""Text messages through Vonage (formerly Nexmo), by its SMS API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from ostiary.delivery.channels.channel import NO_ANSWER, TAKEN, Receipt
from ostiary.delivery.channels.http_providers import posted
from ostiary.errors import invalid
from ostiary.outgoing.client import Outgoing

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " -().")
_FINAL = frozenset({"3", "6", "7", "15"})
"""The statuses of Vonage for numbers and texts that it will never accept."""


@dataclass(frozen=True, slots=True)
class SmsAccount:
    """An account at Vonage, and the number or name from which messages are sent."""

    key: str
    secret: str = field(repr=False)
    sender: str


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message to one number (E.164). `id` is the same at every attempt."""

    id: str
    recipient: str
    text: str


def phone_number(field: str, text: str) -> str:
    """A number as E.164 writes it, without the separators that people put in. Raises INVALID_PHONE_NUMBER."""
    number = text.translate(_SEPARATORS)
    if not _NUMBER.fullmatch(number):
        message = f"{field} must be a number with country code, such as +14155550123 (E.164)."
        raise invalid("INVALID_PHONE_NUMBER", message)
    return number


CODE_WORDS = "{code} is your confirmation code."
"""The words of a text message with a code, where nobody has chosen others."""


def code_text(code: str, words: str = CODE_WORDS) -> str:
    """The text of a message with a code, which takes the place of `{code}` in the words."""
    return words.replace("{code}", code)


class Vonage:
    """Hands text messages to Vonage."""

    def __init__(self, outgoing: Outgoing, base_url: str, account: SmsAccount) -> None:
        self._outgoing = outgoing
        self._url = f"{base_url}/sms/json"
        self._account = account

    def send(self, message: TextMessage) -> Receipt:
        """Sends one message. Vonage answers 200 also when it refuses: the result is in the body."""
        fields = {
            "api_key": self._account.key, "api_secret": self._account.secret, "from": self._account.sender,
            "to": message.recipient.removeprefix("+"), "text": message.text, "client-ref": message.id,
            **({} if message.text.isascii() else {"type": "unicode"}),
        }  # fmt: skip
        headers = {"content-type": "application/x-www-form-urlencoded"}
        receipt = posted(self._outgoing, self._url, headers, urlencode(fields).encode())
        return _read(receipt) if receipt.taken else receipt


def _read(receipt: Receipt) -> Receipt:
    try:
        parts = json.loads(receipt.body)["messages"]
        refused = next((part for part in parts if str(part["status"]) != "0"), None)
    except (ValueError, LookupError, TypeError, RecursionError):
        return Receipt(NO_ANSWER, body=b"Vonage answered something else than its documentation says.")
    if refused is None and parts:
        return Receipt(TAKEN)
    status = str(refused["status"]) if refused else ""
    said = str(refused.get("error-text", "")) if refused else "no message was sent"
    return Receipt(NO_ANSWER, body=f"{status} {said}".strip().encode(), is_final=status in _FINAL)
