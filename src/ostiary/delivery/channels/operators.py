"""The operator's own mail delivery, for tenants that have none of their own."""

from __future__ import annotations

from ostiary.config import Settings
from ostiary.delivery.channels.mail import MailProvider
from ostiary.delivery.channels.sinks import CONSOLE, MailSink
from ostiary.delivery.channels.smtp import SmtpProvider, read_smtp_url


def operators_provider(settings: Settings) -> MailProvider:
    """The mail server of the settings, else a sink for development. Raises ConfigurationError for a bad smtp_url."""
    if settings.smtp_url is not None:
        return SmtpProvider(read_smtp_url(settings.smtp_url.get_secret_value()), settings.mail_host)
    return MailSink(settings.mail_sink, settings.mail_host)


def mail_target(settings: Settings) -> str:
    """Describes where mails are sent, for the operator; never contains a password."""
    if settings.smtp_url is not None:
        server = read_smtp_url(settings.smtp_url.get_secret_value())
        return f"{server.host}:{server.port}"
    sink = "the console" if settings.mail_sink == CONSOLE else str(settings.mail_sink)
    return f"written to {sink}, sent to nobody: smtp_url is not set"
