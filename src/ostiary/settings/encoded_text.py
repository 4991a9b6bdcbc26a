"""Text that callers send in base64, so that firewalls do not block its content."""

from __future__ import annotations

import base64
import binascii

from ostiary.errors import invalid

_LINE_ENDS_AND_BLANKS = str.maketrans("", "", " \t\r\n")


def decoded_text(name: str, encoded: str, what: str) -> str:
    """The text that the field `name` holds; `what` says what it should be, for the refusal.

    Line breaks and blanks between the letters are ignored (RFC 2045 §6.8): `base64 FILE` wraps its lines. Raises
    INVALID_BASE64.
    """
    try:
        return base64.b64decode(encoded.translate(_LINE_ENDS_AND_BLANKS), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        form = "RFC 4648 section 4, with padding; line breaks are ignored"
        message = f"{name} must be base64 ({form}) of {what} in UTF-8."
        raise invalid("INVALID_BASE64", message) from error
