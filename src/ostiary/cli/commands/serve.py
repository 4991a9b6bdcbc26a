"""`ostiary serve`: serves an installation until Ctrl-C or SIGTERM."""

from __future__ import annotations

import click

from ostiary.cli.options import with_settings
from ostiary.config import Settings
from ostiary.serving.supervisor import serve


@click.command("serve")
@with_settings()
def command(settings: Settings) -> None:
    """Serves an installation on one port: REST, native gRPC, gRPC-Web, health and reflection.

    Ctrl-C and SIGTERM drain: health says NOT_SERVING, requests in flight are answered, then all processes end. A second
    one ends at once.

    \b
    Examples
      ostiary serve
      ostiary serve --database postgresql://ostiary@db/ostiary --listen 0.0.0.0:8443 \\
          --public-url https://id.example.com --tls-cert fullchain.pem --tls-key privkey.pem
      ostiary serve --listen 127.0.0.1:8080 --public-url https://id.example.com --trusted-hops 1
    """
    serve(settings)
