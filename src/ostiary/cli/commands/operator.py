"""`ostiary operator`: platform operators, who may do everything and sign in with a password."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, Command, as_json, with_settings
from ostiary.cli.printing import print_facts, print_json, print_table
from ostiary.clock import rfc3339
from ostiary.config import Settings
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.users.operators import add_operator, get_operator, list_operators
from ostiary.directory.users.users import UserView
from ostiary.ids import SystemEntropy, new_secret
from ostiary.oauth.sessions.access_revocation import end_access_of_user, remove_user
from ostiary.store.tenancy import SYSTEM_ID, TenantView
from ostiary.store.work import Work

if TYPE_CHECKING:  # see ostiary.cli.operating
    from ostiary.runtime import Runtime

GENERATED_BYTES = 18


@click.group("operator")
def command() -> None:
    """Platform operators: users of the organization System, who may do everything in every tenant. They sign in as
    NAME@System at /cloudapi/1.0.0/sessions/provider, and with the domain System at /csp/gateway/am/api/login.

    Programs use an API key instead: `ostiary apikey create System`.

    \b
    Examples
      ostiary operator create jane                      # asks for the password twice
      ostiary operator create jane --generate --json | jq -r .password
      pass show ostiary/jane | ostiary operator password jane --password-stdin
      ostiary operator remove jane
    """


def with_password(command: Command) -> Command:
    """Gives a command the ways to a password. It is never an argument: others can read those."""
    command = click.option("--password-stdin", is_flag=True, help="Read the password from standard input (one line).")(
        command
    )
    return click.option("--generate", is_flag=True, help="Generate a password and print it once.")(command)


@command.command()
@click.argument("name")
@click.option("--email", default="", metavar="ADDRESS", help="Mail address, by which a password can be reset.")
@with_password
@with_settings(*STORE)
@as_json
def create(
    settings: Settings, name: str, email: str, generate: bool, password_stdin: bool, as_json: bool
) -> None:  # fmt: skip
    """Makes an operator with a password: asked for, from standard input, or generated."""
    with operating(settings) as runtime:
        password = _password(generate=generate, from_stdin=password_stdin)
        _check(runtime, password, name, email)
        phc = runtime.directory.passwords.hash(SYSTEM_ID, password)  # slow: outside the transaction
        with runtime.store.write() as work:
            user = add_operator(work, name, email, phc, runtime.entropy, runtime.clock.now_ms())
            recorded(runtime, work, "operator.create", SYSTEM_ID, user.id)
    _print({**_document(user), **({"password": password} if generate else {})}, as_json)


@command.command("list")
@with_settings(*STORE)
@as_json
def list_(settings: Settings, as_json: bool) -> None:
    """Lists the operators with a password, by name. `ostiary apikey list System` lists the API keys of operators."""
    with operating(settings) as runtime, runtime.store.read() as work:
        operators = [_document(user) for user in list_operators(work, runtime.clock.now_ms())]
    if as_json:
        print_json(operators)
        return
    shown = ("id", "name", "email", "state", "createdAt", "lastLogin")
    headers = ("ID", "NAME", "EMAIL", "STATE", "CREATED", "LAST LOGIN")
    print_table(headers, [[one[name] for name in shown] for one in operators])


@command.command("password")
@click.argument("name")
@with_password
@with_settings(*STORE)
@as_json
def password_(settings: Settings, name: str, generate: bool, password_stdin: bool, as_json: bool) -> None:
    """Gives an operator a new password and ends all sessions of the operator. NAME is a name or an id."""
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            user = get_operator(work, name, runtime.clock.now_ms())
        password = _password(generate=generate, from_stdin=password_stdin)
        with runtime.store.read() as work:
            system = _system(runtime, work)
        prepared = runtime.directory.password_change.prepare(system, user.id, password)
        with runtime.store.write() as work:
            runtime.directory.password_change.store(work, SYSTEM_ID, prepared, by_user=False)
            end_access_of_user(work, SYSTEM_ID, user.id, runtime.clock.now_ms())
            recorded(runtime, work, "operator.password", SYSTEM_ID, user.id)
    _print({**_document(user), **({"password": password} if generate else {})}, as_json)


@command.command()
@click.argument("name")
@with_settings(*STORE)
@as_json
def remove(settings: Settings, name: str, as_json: bool) -> None:
    """Removes an operator; sessions and tokens end with the next request. NAME is a name or an id."""
    with operating(settings) as runtime, runtime.store.write() as work:
        user = get_operator(work, name, runtime.clock.now_ms())
        remove_user(work, SYSTEM_ID, user.id, runtime.clock.now_ms())
        recorded(runtime, work, "operator.remove", SYSTEM_ID, user.id)
    if as_json:
        print_json({"id": user.id, "name": user.user_name, "removed": True})
    else:
        click.echo(f"The operator {user.user_name} is removed.")


def _password(*, generate: bool, from_stdin: bool) -> str:
    if generate and from_stdin:
        raise click.UsageError("--generate and --password-stdin exclude each other")
    if generate:
        return new_secret(SystemEntropy(), GENERATED_BYTES)
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise click.UsageError("standard input holds no password in its first line")
        return password
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked for the password: use --password-stdin or --generate")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _check(runtime: Runtime, password: str, name: str, email: str) -> None:
    with runtime.store.read() as work:
        check_new_password(work, _system(runtime, work), password, [name, email])


def _system(runtime: Runtime, work: Work) -> TenantView:
    system = runtime.tenancy.find(work, SYSTEM_ID)
    if system is None:
        raise click.ClickException("this store has no organization System")
    return system


def _document(user: UserView) -> dict[str, Any]:
    return {
        "id": user.id, "name": user.user_name, "email": user.email, "state": "active" if user.active else "inactive",
        "createdAt": rfc3339(user.created_at), "lastLogin": rfc3339(user.last_login) if user.last_login else "",
    }  # fmt: skip


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_facts(document)
