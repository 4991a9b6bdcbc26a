"""Root command: finds the other commands, and reports every failure in one line on standard error."""

from __future__ import annotations

import importlib

import click

from ostiary import __version__
from ostiary.cli.failures import told

COMMANDS = {
    "init": "ostiary.cli.commands.init",
    "migrate": "ostiary.cli.commands.migrate",
    "tenant": "ostiary.cli.commands.tenant",
    "operator": "ostiary.cli.commands.operator",
    "apikey": "ostiary.cli.commands.credentials.api_key",
    "scim-token": "ostiary.cli.commands.credentials.scim_token",
    "key": "ostiary.cli.commands.key",
    "service-definition": "ostiary.cli.commands.definitions.service",
    "preference-definition": "ostiary.cli.commands.definitions.preference",
    "backup": "ostiary.cli.commands.backup",
    "restore": "ostiary.cli.commands.restore",
    "import": "ostiary.cli.commands.import_",
    "audit": "ostiary.cli.commands.audit",
    "routes": "ostiary.cli.commands.routes",
    "openapi": "ostiary.cli.commands.openapi",
    "protos": "ostiary.cli.commands.protos",
    "serve": "ostiary.cli.commands.serve",
    "gateway": "ostiary.cli.commands.gateway",
}
"""Command → module that defines it as `command`; loaded when it is called, so that none waits for another's imports."""

EXAMPLES = """
\b
Begin with
  ostiary init            make an installation under var/ and print its credentials once
  ostiary serve           serve it on http://127.0.0.1:8080
\b
Every setting is a flag of `serve`, an OSTIARY_… variable (OSTIARY_DATA=/srv/ostiary) and a name in a TOML file
(--config FILE); flags win over variables, variables over the file.
"""


class Commands(click.Group):
    """The commands of COMMANDS, in that order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.group(
    cls=Commands, help=f"Ostiary: one directory, spoken in several identity dialects.\n{EXAMPLES}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, no_args_is_help=False,
    invoke_without_command=True,
)  # fmt: skip
@click.version_option(__version__, prog_name="ostiary")
@click.pass_context
def root(context: click.Context) -> None:
    """Shows the help when no command is named."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: list[str]) -> int:
    """Runs the command line with `arguments`; what went wrong becomes one line and an exit code."""
    try:
        code = root.main(arguments, prog_name="ostiary", standalone_mode=False)
    except Exception as error:  # noqa: BLE001 an operator gets a sentence, never a traceback
        return told(error)
    return code if isinstance(code, int) else 0
