"""The operator's own mail server, by SMTP (RFC 5321)."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from urllib.parse import parse_qs, unquote, urlsplit

from ostiary.config import ConfigurationError, is_loopback
from ostiary.delivery.channels.channel import NO_ANSWER, TAKEN, TOO_LATE, Receipt
from ostiary.delivery.channels.mail import Mail, mime_message
from ostiary.lanes import blocking
from ostiary.outgoing.client import trusted_tls

TIMEOUT_S = 10.0
"""The limit of each step of the SMTP dialogue."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server: `smtp://user:password@host:port?starttls=1`, or `smtps://…` for TLS from the first byte."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: bool = False
    starttls: bool = True

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port})"  # never the password


def read_smtp_url(url: str) -> SmtpServer:
    """Reads the operator's setting. STARTTLS is required unless the server is on this machine or the URL says
    `starttls=0`. Raises ConfigurationError, which never shows the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        asked = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise _bad_url() from None
    starttls = asked.pop("starttls", ["0" if is_loopback(host) else "1"])
    credentials = bool(parts.username), bool(parts.password)
    bad_path = parts.path not in ("", "/") or parts.fragment or asked
    if parts.scheme not in ("smtp", "smtps") or not host or bad_path or starttls not in (["0"], ["1"]):
        raise _bad_url()
    if credentials[0] != credentials[1]:
        raise _bad_url()
    tls = parts.scheme == "smtps"
    server = SmtpServer(
        host, port or (465 if tls else 587), unquote(parts.username or ""), unquote(parts.password or ""), tls,
        not tls and starttls == ["1"],
    )  # fmt: skip
    if server.username and not (server.tls or server.starttls or is_loopback(host)):
        raise ConfigurationError("smtp_url: a password needs TLS: use smtps:// or starttls=1")
    return server


def _bad_url() -> ConfigurationError:
    return ConfigurationError(
        "smtp_url must be smtp://[USER:PASSWORD@]HOST[:PORT][?starttls=0|1] or smtps://…; percent-encode the password"
    )


class SmtpProvider:
    """Hands mails to a mail server, each in a conversation of its own."""

    def __init__(self, server: SmtpServer, host: str, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._host = host
        self._tls = tls or trusted_tls()

    def send(self, mail: Mail) -> Receipt:
        """Hands over one mail; refused for good when the server says so of the recipient or the text (5yz)."""
        message = mime_message(mail, self._host)
        recipients = [mail.recipient, mail.envelope.cc, mail.envelope.bcc]
        addresses = [one.header().addr_spec for one in recipients if one is not None]
        try:
            with blocking, self._connected() as server:
                refused = _hand_over(server, message, mail.envelope.sender.header().addr_spec, addresses)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPDataError as error:
            return _refused(error.smtp_code, error.smtp_error, is_final=True)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error, is_final=False)
        except TimeoutError:
            return Receipt(TOO_LATE, body=b"The mail server did not answer in time.")
        except (OSError, smtplib.SMTPException):
            return Receipt(NO_ANSWER, body=b"The mail server cannot be reached, or does not offer what was asked for.")
        if addresses[0] in refused:  # copies that were refused are no reason to send it again
            return _refused(*refused[addresses[0]], is_final=True)
        return Receipt(TAKEN)

    def _connected(self) -> smtplib.SMTP:
        where = self._server
        if where.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                where.host, where.port, self._host, timeout=TIMEOUT_S, context=self._tls
            )
        else:
            server = smtplib.SMTP(where.host, where.port, self._host, timeout=TIMEOUT_S)
        try:
            if where.starttls:
                server.starttls(context=self._tls)
            if where.username:
                server.login(where.username, where.password)
        except BaseException:
            server.close()
            raise
        return server


def _hand_over(
    server: smtplib.SMTP, message: EmailMessage, sender: str, recipients: Sequence[str]
) -> dict[str, tuple[int, bytes]]:
    """Sends like smtplib's `send_message`, but without its `>` before lines that begin with "From ", as in mailbox
    files."""
    server.ehlo_or_helo_if_needed()
    is_international = not all(address.isascii() for address in (sender, *recipients))
    if is_international and not server.has_extn("smtputf8"):
        raise smtplib.SMTPNotSupportedError("The server takes no international addresses (RFC 6531).")
    options = ("SMTPUTF8", "BODY=8BITMIME") if is_international else ()
    content = message.as_bytes(policy=SMTPUTF8 if is_international else SMTP)
    return server.sendmail(sender, recipients, content, options)


def _refused(code: int, text: bytes | str, *, is_final: bool) -> Receipt:
    said = text if isinstance(text, bytes) else text.encode()
    return Receipt(NO_ANSWER, body=f"{code} ".encode() + said, is_final=is_final and code >= 500)
