"""`ostiary openapi`: the OpenAPI document of all REST paths."""

from __future__ import annotations

import click


@click.command("openapi")
def command() -> None:
    """Prints the OpenAPI 3.1 document that a running server answers at /openapi.json.

    \b
    Example
      ostiary openapi > openapi.json
    """
    from ostiary.services.openapi.document import document_file

    click.echo(document_file().read_text(encoding="utf-8"), nl=False)
