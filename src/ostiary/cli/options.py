"""Command-line flags, made from the settings, so that no name, default or description is written twice."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from ostiary.config import Settings

STORE = ("config", "data", "database", "master_key_file", "old_master_key_file")
"""The settings that say which installation is meant."""

Command = Callable[..., Any]


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Gives a command the flags of these settings (of all when none is named) and calls it with `settings`."""
    fields = {name: field for name, field in Settings.model_fields.items() if name in names or not names}
    fields = {name: field for name, field in fields.items() if SecretStr not in (field.annotation, *_choices(field))}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def called(**given: Any) -> Any:
            flags = {name: given.pop(name) for name in fields}
            return command(settings=Settings(**flags), **given)

        decorated: Command = called
        for name, field in reversed(fields.items()):
            decorated = _option(name, field)(decorated)
        return decorated

    return decorate


def with_public_url(command: Command) -> Command:
    """Gives a command `--public-url`, for addresses that it prints; empty where the settings say it."""
    about = "What clients will reach it by; only printed here."
    return click.option("--public-url", default="", metavar="URL", callback=_public_url, help=about)(command)


def _public_url(_context: click.Context, _option: click.Parameter, given: str) -> str:
    """The URL without a slash at its end."""
    try:
        parts = urlsplit(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if given and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
        raise click.BadParameter("must be http(s)://HOST[:PORT]")
    return given.rstrip("/")


def as_json(command: Command) -> Command:
    """Gives a command `--json`, for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(command)


def _option(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    flag = f"--{name.replace('_', '-')}"
    about = f"{field.description or ''}{_default(field)}"
    if field.annotation is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=about)
    if get_origin(field.annotation) is Literal:
        return click.option(flag, name, type=click.Choice(get_args(field.annotation)), help=about)
    if get_origin(field.annotation) is tuple:
        return click.option(flag, name, metavar="TEXT", multiple=True, callback=_listed, help=f"{about}; repeatable")
    return click.option(flag, name, metavar=_metavar(field), help=about)  # pydantic checks: one wording for all sources


def _listed(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> str | None:
    """A flag that was given several times, as the environment would write it."""
    return ",".join(values) or None


def _choices(field: FieldInfo) -> tuple[Any, ...]:
    return get_args(field.annotation)


def _metavar(field: FieldInfo) -> str:
    kinds = {field.annotation, *_choices(field)}
    if Path in kinds:
        return "PATH"
    return "NUMBER" if kinds & {int, float} else "TEXT"


def _default(field: FieldInfo) -> str:
    written = field.default_factory is None and field.default not in (None, "", ())
    return f"  [default: {field.default}]" if written else ""
