"""Setting of the service that delivers a tenant's mails."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.delivery.addresses import one_line
from ostiary.errors import invalid
from ostiary.settings.sealed import SealedSetting
from ostiary_api.appid.management.v4 import email_dispatcher_pb2 as pb

OPERATORS, SENDGRID, CUSTOM = "appid", "sendgrid", "custom"
"""The operator's own mail server has the vendor's name in this dialect."""
BASIC, HEADER = "basic", "value"
MAX_SECRET = 4_096


@dataclass(frozen=True, slots=True)
class Authorization:
    """Authorization at a tenant's own endpoint: `type` is none, BASIC or HEADER. Secrets are empty
    for who may not see them."""

    type: str
    value: str = field(repr=False)
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailService:
    """The service that delivers a tenant's mails: `provider` is OPERATORS, SENDGRID or CUSTOM; the parts of others may
    be there."""

    provider: str
    sendgrid_key: str = field(repr=False)
    custom_url: str
    custom_authorization: Authorization


def check_email_dispatcher(config: pb.EmailDispatcherConfig) -> None:
    """Refuses a provider without its part, and an authorization that could not work."""
    if config.provider == SENDGRID and not config.HasField("sendgrid"):
        raise invalid("SENDGRID_MISSING", "sendgrid is required when provider is sendgrid.")
    if config.provider == CUSTOM and not config.HasField("custom"):
        raise invalid("CUSTOM_MISSING", "custom is required when provider is custom.")
    if config.HasField("custom"):
        _check_authorization(config.custom.authorization)


def _check_authorization(authorization: pb.DispatcherAuthorization) -> None:
    where = "custom.authorization"
    if authorization.type == HEADER:
        _check_secret(f"{where}.value", authorization.value)
    if authorization.type == BASIC:
        _check_secret(f"{where}.username", authorization.username)
        _check_secret(f"{where}.password", authorization.password)
        if ":" in authorization.username:
            raise invalid("INVALID_AUTHORIZATION", f"{where}.username must not hold a colon (RFC 7617).")


def _check_secret(field: str, text: str) -> None:
    if not text or len(text) > MAX_SECRET or not text.isascii() or not one_line(text):
        message = f"{field} is required: at most {MAX_SECRET} ASCII characters, without line breaks."
        raise invalid("INVALID_AUTHORIZATION", message)


def _decoded(config: pb.EmailDispatcherConfig) -> MailService:
    given = config.custom.authorization
    authorization = Authorization(given.type, given.value, given.username, given.password)
    return MailService(config.provider, config.sendgrid.api_key, config.custom.url, authorization)


EMAIL_DISPATCHER = SealedSetting(
    "email_dispatcher",
    pb.EmailDispatcherConfig(provider=OPERATORS),
    check_email_dispatcher,
    _decoded,
    secrets=("sendgrid.api_key", "custom.authorization.value", "custom.authorization.password"),
)
