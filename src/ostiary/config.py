"""Settings: from flags, from `OSTIARY_…` in the environment, from a TOML file; unsafe combinations are refused.

Precedence, first wins: flags (the arguments of `Settings`), environment, the file that `--config` or `OSTIARY_CONFIG`
names, the defaults below. An unknown name is an error wherever it is found: a mistyped limit must not be a
missing one.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ostiary.database_url import normal
from ostiary.files import read_toml

PREFIX = "OSTIARY_"
MOST_WORKERS = 32


class ConfigurationError(Exception):
    """The operator must change something before the server can start; the message says what, in one line."""


def deploy_folder() -> Path:
    """Returns the folder of the gateway's template and the limits: inside the installed package, or in the source
    tree."""
    installed = Path(str(resources.files("ostiary"))) / "deploy"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "deploy"


def proto_folders() -> list[Path]:
    """Returns the folders of our protos and those that they import: inside the installed package, or in the source
    tree."""
    return [third_party_folder().with_name("proto"), third_party_folder()]


def third_party_folder() -> Path:
    """Returns the folder of files that others have written: inside the installed package, or in the source tree."""
    installed = Path(str(resources.files("ostiary"))) / "third_party"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "third_party"


def host_and_port(text: str) -> tuple[str, int]:
    """Splits `127.0.0.1:8080` or `[::1]:8080`. Raises ValueError with what would be right."""
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.path or parts.username:
        raise ValueError(f"{text!r} must be HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:8080")
    return host, port


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine only: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def largest_message(max_body_bytes: int) -> int:
    """Bytes of the largest gRPC message that is taken: 4 MiB as grpc's own default, or what a REST body may become."""
    return max(4 << 20, 2 * max_body_bytes)


def _address(text: str) -> str:
    host, _ = host_and_port(text)
    if host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(f"{text!r} must name an IP address of this machine, or localhost") from None
    return text


def _database(text: str) -> str:
    return normal(text) if text else ""


def _networks(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


Database = Annotated[str, AfterValidator(_database)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]


class Settings(BaseSettings):
    """All settings of an operator. Read once at start; passed on, never global."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True, env_ignore_empty=True
    )

    config: Path | None = Field(None, description="TOML file of settings, with the names of this list")
    data: Path = Field(Path("var"), description="folder of the embedded store and of the master key")
    database: Database = Field(
        "",
        description="database URL, such as postgresql://user@host/name (all that libpq takes); default: SQLite in data",
    )
    run_dir: Path | None = Field(None, description="folder of the sockets, mode 0700; default: a new temporary one")

    listen: Address = Field(  # a name, since browsers make passkeys for no address
        "localhost:8080", description="the one port of REST, gRPC, gRPC-Web and health"
    )
    public_url: str = Field("", description="what clients reach it by; default: made from listen")
    admin_listen: Address = Field("127.0.0.1:8081", description="metrics and probes; never the public port")
    trusted_hops: int = Field(0, ge=0, le=10, description="proxies in front whose X-Forwarded-For is believed")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM); reloaded when it changes")
    tls_key: Path | None = Field(None, description="private key of tls_cert (PEM)")
    reflection: bool = Field(True, description="answer gRPC reflection")
    api_reference: bool = Field(True, description="serve the API reference, a page for developers, at /reference")

    gateway: bool = Field(True, description="run Envoy; without it, one of your own must be in front of the workers")
    worker_listen: str = Field(
        "", description="HOST:PORT of worker 0, the next port for the next worker; default: unix sockets in run_dir"
    )
    workers: int = Field(0, ge=0, le=MOST_WORKERS, description="worker processes; 0: one for each allowed core")
    threads: int = Field(
        48, ge=8, le=256, description="request threads of each worker, those that wait included; more than hash_queue"
    )
    gateway_threads: int = Field(0, ge=0, le=64, description="threads of Envoy; 0: one for each four cores")
    drain_seconds: float = Field(8.0, ge=0, le=60, description="longest wait for requests in flight when stopping")
    request_seconds: int = Field(15, ge=1, le=300, description="longest time of one REST request")
    file_seconds: int = Field(300, ge=15, le=3600, description="longest time of one upload or download of a file")
    max_file_bytes: int = Field(256 << 20, ge=1 << 20, le=4 << 30, description="largest file that can be imported")
    max_body_bytes: int = Field(1 << 20, ge=1024, le=64 << 20, description="largest body of one REST request")

    master_key_file: Path | None = Field(None, description="file of the master key, mode 0600; default: in data")
    master_key: SecretStr | None = Field(None, description="the master key itself, base64; only by environment")

    old_master_key_file: Path | None = Field(
        None, description="an older master key: opens what it sealed, seals nothing"
    )
    old_master_key: SecretStr | None = Field(None, description="that key itself, base64; only by environment")

    limits_file: Path = Field(default_factory=lambda: deploy_folder() / "limits.toml", description="rate limits (TOML)")
    argon2_memory_kib: int = Field(19_456, ge=8, le=1 << 21, description="memory of one password hash, KiB")
    argon2_passes: int = Field(2, ge=1, le=32, description="passes of one password hash")
    argon2_lanes: int = Field(1, ge=1, le=16, description="lanes of one password hash")
    weak_hashes: bool = Field(
        False, description="imports take weak hashes too: MD5, SHA-1 without iterations, unsalted digests, DES"
    )
    hash_queue: int = Field(16, ge=1, le=63, description="password hashes a worker takes at once; beyond: 429")

    outgoing_allow: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="networks (CIDR) that outgoing calls may reach although they are private or loopback"
    )

    smtp_url: SecretStr | None = Field(
        None, description="mail server, smtp://USER:PASSWORD@HOST:PORT or smtps://…; by environment or file only"
    )
    mail_from: str = Field("", description="sender of tenants that have set none; default: no-reply at the public URL")
    mail_folder: Path | None = Field(
        None, description="without smtp_url: folder that mails are written to, - for the console; default: mail in data"
    )
    sendgrid_url: str = Field("https://api.sendgrid.com", description="where tenants' SendGrid accounts are")
    facebook_url: str = Field("https://www.facebook.com/v24.0", description="where people sign in with Facebook")
    facebook_graph_url: str = Field(
        "https://graph.facebook.com/v24.0", description="where Facebook says who has signed in"
    )
    google_url: str = Field("https://accounts.google.com", description="Google's issuer, where people sign in with it")
    vonage_url: str = Field("https://rest.nexmo.com", description="where tenants' Vonage accounts are")

    audit_reads: bool = Field(True, description="record in the audit ledger also who read what")
    audit_retention_days: int = Field(365, ge=0, le=36_500, description="days that audit records are kept; 0: for ever")

    log_format: Literal["json", "text"] = Field(
        default_factory=lambda: "text" if sys.stderr.isatty() else "json",
        description="one JSON object a line, or text for people; text where standard error is a terminal",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is written")

    _cores: tuple[int, ...] = PrivateAttr(default_factory=lambda: tuple(sorted(os.sched_getaffinity(0))))

    def __init__(self, **flags: Any) -> None:
        """`flags` are what the command line gave; those that are None were not given."""
        given = {name: value for name, value in flags.items() if value is not None}
        _refuse_unknown_variables(set(type(self).model_fields))
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ConfigurationError(_one_line(error)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, file: in this order, and nothing else."""
        del dotenv_settings, file_secret_settings
        named = init_settings().get("config") or os.environ.get(f"{PREFIX}CONFIG")
        sources = (init_settings, env_settings)
        if not named:
            return sources
        try:
            return (*sources, InitSettingsSource(settings_cls, read_toml(Path(named))))
        except ValueError as error:
            raise ConfigurationError(f"config: {error}") from None

    @model_validator(mode="before")
    @classmethod
    def _split_networks(cls, values: dict[str, Any]) -> dict[str, Any]:
        if "outgoing_allow" in values:
            values["outgoing_allow"] = _networks(values["outgoing_allow"])
        return values

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        for refuse in _REFUSALS:
            refuse(self)
        return self

    @property
    def cores(self) -> tuple[int, ...]:
        """The cores that this installation may use, as they were before any worker was pinned to one of them."""
        return self._cores

    @property
    def worker_count(self) -> int:
        """The number of workers: as configured, or one for each core that the machine and its quota allow."""
        return self.workers or min(MOST_WORKERS, len(self.cores), _quota_cores())

    def worker_address(self, number: int, folder: Path) -> str:
        """Returns the address of worker `number`: a socket in `folder`, the run directory, or HOST:PORT."""
        if not self.worker_listen:
            return str(folder / f"worker-{number}.sock")
        host, port = host_and_port(self.worker_listen)
        return f"{f'[{host}]' if ':' in host else host}:{port + number}"

    @property
    def gateway_thread_count(self) -> int:
        """Threads of Envoy, which needs about a third of what the workers need for the same request."""
        return self.gateway_threads or max(1, len(self.cores) // 4)

    @property
    def database_url(self) -> str:
        """The database as SQLAlchemy names it."""
        return self.database or f"sqlite:///{(self.data / 'ostiary.sqlite3').absolute()}"

    @property
    def key_file(self) -> Path:
        """The file from which the master key is read when the environment does not contain it."""
        return self.master_key_file or self.data / "master.key"

    @property
    def base_url(self) -> str:
        """The public URL without a trailing slash: issuers, links and cookies derive from it, never from Host."""
        if self.public_url:
            return self.public_url.rstrip("/")
        return f"{'https' if self.tls_cert else 'http'}://{self.listen}"

    @property
    def mail_host(self) -> str:
        """The domain that names our mails: the public host, if it has a name."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host
        return "localhost"

    @property
    def mail_sender(self) -> str:
        """The sender of mails whose tenant has set none."""
        return self.mail_from or f"no-reply@{self.mail_host}"

    @property
    def mail_sink(self) -> Path:
        """The folder to which mails are written if no server sends them."""
        return self.mail_folder or self.data / "mail"

    @property
    def is_https(self) -> bool:
        """Whether clients use TLS, ours or that of a proxy in front; cookies are Secure then."""
        return self.base_url.startswith("https:")


def _refuse_unknown_variables(known: set[str]) -> None:
    given = {name for name in os.environ if name.upper().startswith(PREFIX)}
    unknown = sorted(name for name in given if name.upper().removeprefix(PREFIX).lower() not in known)
    if unknown:
        raise ConfigurationError(f"{', '.join(unknown)}: no such setting (see ostiary serve --help)")


def _one_line(error: ValidationError) -> str:
    def said(fault: Any) -> str:
        where = ".".join(str(part) for part in fault["loc"])
        text = "no such setting" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
        return f"{where}: {text}" if where else text

    return "; ".join(said(fault) for fault in error.errors(include_url=False, include_input=False))


def _refuse_nul(settings: Settings) -> None:
    """The system would take such a path for another one, or for none."""
    for name in type(settings).model_fields:
        if "\0" in str(getattr(settings, name)):
            raise ValueError(f"{name} holds a NUL character")


def _refuse_half_a_certificate(settings: Settings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ValueError("tls_cert and tls_key belong together: give both or neither")
    for name in ("tls_cert", "tls_key"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            raise ValueError(f"{name}: there is no file {path}")


def _refuse_public_url(settings: Settings) -> None:
    url = urlsplit(settings.base_url)
    if url.scheme not in ("http", "https") or not url.hostname or url.port == 0:  # .port raises for what is none
        raise ValueError("public_url must be http(s)://HOST[:PORT]")
    if url.path or url.query or url.fragment or url.username:
        raise ValueError("public_url must name scheme, host and port only: the documented paths begin at its root")
    if settings.tls_cert and url.scheme == "http":
        raise ValueError("public_url is http although a certificate is given: write https")


def _refuse_unsealed_transport(settings: Settings) -> None:
    url = urlsplit(settings.base_url)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise ValueError(
            f"{settings.base_url} is plain http and not loopback: tokens and passwords would travel in the open; "
            "give tls_cert and tls_key, or a public_url with https and trusted_hops for the proxy that holds the "
            "certificate"
        )
    if url.scheme == "https" and not settings.tls_cert and not settings.trusted_hops:
        raise ValueError(
            "public_url is https but nothing here speaks TLS: give tls_cert and tls_key, or trusted_hops (1 or more) "
            "when a proxy in front does"
        )


def _refuse_long_queue(settings: Settings) -> None:
    if settings.hash_queue >= settings.threads:
        raise ValueError(
            f"hash_queue ({settings.hash_queue}) must be less than threads ({settings.threads}): each waiting hash "
            "holds a thread, and with all of them held nobody is left to answer the rest, not even with 429"
        )


def _refuse_hidden_workers(settings: Settings) -> None:
    if settings.worker_listen:
        try:
            _address(settings.worker_listen)
        except ValueError as error:
            raise ValueError(f"worker_listen: {error}") from None
    if not settings.gateway and not settings.run_dir and not settings.worker_listen:
        raise ValueError("without its own gateway, run_dir or worker_listen must say where yours finds the workers")


def _quota_cores() -> int:
    """Cores that the control group's CPU quota amounts to, rounded up; many when there is none."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        return MOST_WORKERS


_REFUSALS = (
    _refuse_nul,
    _refuse_half_a_certificate,
    _refuse_public_url,
    _refuse_unsealed_transport,
    _refuse_long_queue,
    _refuse_hidden_workers,
)
