"""Root command: finds the other commands, and reports every failure in one line on standard error."""

from __future__ import annotations

import importlib

import click

from ostiary import __version__

COMMANDS = {
    "init": ("ostiary.cli.commands.init", "Make an installation and print its credentials, once."),
    "migrate": ("ostiary.cli.commands.migrate", "Bring the store's schema up to this release."),
    "tenant": ("ostiary.cli.commands.tenant", "Create, list, show, disable, enable and delete tenants."),
    "operator": ("ostiary.cli.commands.operator", "Create, list and remove platform operators; set their passwords."),
    "apikey": ("ostiary.cli.commands.credentials.api_key", "Create, list and revoke API keys."),
    "scim-token": (
        "ostiary.cli.commands.credentials.scim_token",
        "Create, list, rotate and revoke SCIM tokens of provisioning clients.",
    ),
    "factors": ("ostiary.cli.commands.factors", "List and remove the second factors of users."),
    "key": ("ostiary.cli.commands.key", "Rotate signing keys; seal everything under a new master key."),
    "service-definition": ("ostiary.cli.commands.definitions.service", "Define services whose roles people hold here."),
    "preference-definition": ("ostiary.cli.commands.definitions.preference", "Define preferences that people may set."),
    "backup": ("ostiary.cli.commands.backup", "Copy the embedded store while it is in use."),
    "restore": ("ostiary.cli.commands.restore", "Go back to a backup; what was revoked since stays dead."),
    "import": ("ostiary.cli.commands.import_", "Copy a tenant from another server."),
    "audit": ("ostiary.cli.commands.audit", "Export the audit ledger."),
    "routes": ("ostiary.cli.commands.routes", "List every operation with who may call it."),
    "openapi": ("ostiary.cli.commands.openapi", "Print the OpenAPI document of all REST paths."),
    "protos": ("ostiary.cli.commands.protos", "Write the protos, those they import, and a descriptor set."),
    "serve": ("ostiary.cli.commands.serve", "Serve REST, gRPC and gRPC-Web on one port."),
    "gateway": ("ostiary.cli.commands.gateway", "For those who run their own Envoy: write its configuration."),
}
"""Command → module that defines it as `command`, loaded when it is called, and its line in the list of commands."""

EXAMPLES = """
\b
Begin with
  ostiary init            make an installation under var/ and print its credentials once
  ostiary serve           serve it on http://localhost:8080
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
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


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
        from ostiary.cli.failures import told  # knows the failures of every library, and imports them all

        return told(error)
    return code if isinstance(code, int) else 0
