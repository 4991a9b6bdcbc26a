"""Setting of the service that delivers a tenant's mails."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.delivery.addresses import one_line
from ostiary.errors import invalid
from ostiary.outgoing.targets import read_target
from ostiary.settings.sealed import SealedSetting
from ostiary_api.appid.management.v4 import email_dispatcher_pb2 as pb

OPERATORS, SENDGRID, CUSTOM = "appid", "sendgrid", "custom"
"""The operator's own mail server has the vendor's name in this dialect."""
PROVIDERS = (OPERATORS, SENDGRID, CUSTOM)
NO_AUTHORIZATION, BASIC, HEADER = "none", "basic", "value"
MAX_SECRET = 4_096


@dataclass(frozen=True, slots=True)
class Authorization:
    """How a tenant's own endpoint is told who sends: `type` is NO_AUTHORIZATION, BASIC or HEADER. Secrets are empty
    for who may not see them."""

    type: str
    value: str = field(repr=False)
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailService:
    """The service that delivers a tenant's mails: `provider` is one of PROVIDERS; the parts of others may be there."""

    provider: str
    sendgrid_key: str = field(repr=False)
    custom_url: str
    custom_authorization: Authorization


def check_email_dispatcher(config: pb.EmailDispatcherConfig) -> None:
    """Refuses an unknown provider, one without its part, and parts that could not work."""
    if config.provider not in PROVIDERS:
        raise invalid("INVALID_PROVIDER", f"provider must be one of {', '.join(PROVIDERS)}.")
    if config.provider == SENDGRID and not config.HasField("sendgrid"):
        raise invalid("SENDGRID_MISSING", "sendgrid is required when provider is sendgrid.")
    if config.provider == CUSTOM and not config.HasField("custom"):
        raise invalid("CUSTOM_MISSING", "custom is required when provider is custom.")
    if config.HasField("sendgrid"):
        _check_secret("sendgrid.apiKey", config.sendgrid.api_key, "API_KEY_MISSING")
    if config.HasField("custom"):
        read_target(config.custom.url)
        _check_authorization(config.custom.authorization)


def _check_authorization(authorization: pb.DispatcherAuthorization) -> None:
    where, wrong = "custom.authorization", "INVALID_AUTHORIZATION"
    match authorization.type:
        case "none":
            pass
        case "value":
            _check_secret(f"{where}.value", authorization.value, wrong)
        case "basic":
            _check_secret(f"{where}.username", authorization.username, wrong)
            _check_secret(f"{where}.password", authorization.password, wrong)
            if ":" in authorization.username:
                raise invalid(wrong, f"{where}.username must not hold a colon (RFC 7617).")
        case _:
            raise invalid(wrong, f"{where}.type must be one of {HEADER}, {BASIC}, {NO_AUTHORIZATION}.")


def _check_secret(field: str, text: str, reason: str) -> None:
    if not text or len(text) > MAX_SECRET or not text.isascii() or not one_line(text):
        message = f"{field} is required: at most {MAX_SECRET} ASCII characters, without line breaks."
        raise invalid(reason, message)


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
