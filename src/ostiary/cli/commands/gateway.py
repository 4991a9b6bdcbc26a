"""`ostiary gateway`: the gateway's configuration, for operators who run their own Envoy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ostiary.cli.options import with_settings
from ostiary.config import ConfigurationError, Settings
from ostiary.files import write_text

NEEDED = (
    "config", "listen", "public_url", "trusted_hops", "tls_cert", "tls_key", "run_dir", "worker_listen", "workers",
    "request_seconds", "max_body_bytes", "log_format",
)  # fmt: skip


@click.group("gateway")
def command() -> None:
    """`ostiary serve` runs Envoy itself. Who runs it elsewhere starts `ostiary serve --no-gateway` and gives Envoy what
    `ostiary gateway render` writes: the same configuration, from the same template and descriptors."""


@command.command("render", short_help="Write Envoy's configuration.")
@with_settings(*NEEDED)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; default: standard output.")
def render_command(settings: Settings, output: Path | None) -> None:
    """Writes Envoy's configuration, as one YAML document that Envoy itself has found good. The workers are those that
    `ostiary serve --no-gateway` starts with the same --run-dir (sockets) or --worker-listen, and --workers.

    \b
    Example
      ostiary gateway render --run-dir /run/ostiary --workers 4 --listen 0.0.0.0:8443 \\
          --public-url https://id.example.com --tls-cert tls.crt --tls-key tls.key --output envoy.yaml
      envoy --config-path envoy.yaml
    """
    from ostiary.gateway import envoy
    from ostiary.gateway.operations import declared_interface
    from ostiary.gateway.render import gateway_for, render

    if settings.run_dir is None and not settings.worker_listen:
        raise ConfigurationError("run_dir or worker_listen must say where the workers listen")
    gateway = gateway_for(settings, (settings.run_dir or Path()).absolute())
    if settings.tls_cert and settings.tls_key:
        gateway = replace(gateway, tls=(settings.tls_cert.absolute(), settings.tls_key.absolute()))
    text = render(gateway, declared_interface())
    envoy.validate(text)
    if output:
        write_text(output, text)
    else:
        click.echo(text)
