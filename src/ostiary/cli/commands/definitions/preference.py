"""`ostiary preference-definition`: preferences that people and programs may set, beside the built-in ones."""

from __future__ import annotations

from typing import Any

import click

from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_facts, print_json, print_table
from ostiary.config import Settings
from ostiary.directory.preferences.definitions import (
    DataType,
    PreferenceDefinition,
    define_preference,
    delete_definition,
    get_definition,
    list_definitions,
)
from ostiary.store.tenancy import SYSTEM_ID


@click.group("preference-definition")
def command() -> None:
    """Preference definitions: what each preference may hold, for every organization. People read and set preferences at
    /cloudapi/1.0.0/preferences. CLASSIFIER is SCOPE:NAME. internal:localLanguage is built in.

    \b
    Examples
      ostiary preference-definition create ui:theme --name Theme --allowed dark --allowed light --default dark
      ostiary preference-definition create ui:rows --name "Rows per page" --type INTEGER --min 10 --max 100
      ostiary preference-definition list --json | jq -r '.[].classifier'
      ostiary preference-definition delete ui:theme
    """


@command.command()
@click.argument("classifier")
@click.option("--name", default="", metavar="TEXT", help="Name for people.  [default: CLASSIFIER]")
@click.option("--type", "data_type", type=click.Choice([*DataType]), default="STRING", show_default=True, help="Type.")
@click.option("--allowed", multiple=True, metavar="VALUE", help="A value that is taken; no others then; repeatable.")
@click.option("--min", "min_value", type=int, default=None, help="Least value of an INTEGER.")
@click.option("--max", "max_value", type=int, default=None, help="Greatest value of an INTEGER.")
@click.option("--default", "default_value", default="", metavar="VALUE", help="What holds while somebody has set none.")
@with_settings(*STORE)
@as_json
def create(
    settings: Settings, classifier: str, name: str, data_type: str, allowed: tuple[str, ...], min_value: int | None,
    max_value: int | None, default_value: str, as_json: bool,
) -> None:  # fmt: skip
    """Defines a preference."""
    definition = PreferenceDefinition(
        classifier, name or classifier, DataType(data_type), bool(allowed), allowed, min_value, max_value, default_value
    )
    with operating(settings) as runtime, runtime.store.write() as work:
        define_preference(work, definition, runtime.clock.now_ms())
        recorded(runtime, work, "preference-definition.create", SYSTEM_ID, classifier)
    _print(definition, as_json)


@command.command("list")
@with_settings(*STORE)
@as_json
def list_(settings: Settings, as_json: bool) -> None:
    """Lists the definitions by classifier, those that are built in too."""
    with operating(settings) as runtime, runtime.store.read() as work:
        definitions = list_definitions(work)
    if as_json:
        print_json([_document(one) for one in definitions])
    else:
        rows = [[one.classifier, one.name, str(one.data_type), one.default_value] for one in definitions]
        print_table(("CLASSIFIER", "NAME", "TYPE", "DEFAULT"), rows)


@command.command()
@click.argument("classifier")
@with_settings(*STORE)
@as_json
def show(settings: Settings, classifier: str, as_json: bool) -> None:
    """Shows a definition."""
    with operating(settings) as runtime, runtime.store.read() as work:
        found = get_definition(work, classifier)
    _print(found, as_json)


@command.command()
@click.argument("classifier")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings(*STORE)
@as_json
def delete(settings: Settings, classifier: str, yes: bool, as_json: bool) -> None:
    """Deletes a definition, and what everybody has set of it. There is no way back."""
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            get_definition(work, classifier)
        if not yes:
            click.confirm(f"Delete preference {classifier} with all that was set?", abort=True, err=True)
        with runtime.store.write() as work:
            delete_definition(work, classifier)
            recorded(runtime, work, "preference-definition.delete", SYSTEM_ID, classifier)
    if as_json:
        print_json({"classifier": classifier, "deleted": True})
    else:
        click.echo(f"The preference {classifier} is deleted.")


def _document(definition: PreferenceDefinition) -> dict[str, Any]:
    return {
        "classifier": definition.classifier, "name": definition.name, "dataType": str(definition.data_type),
        "constrained": definition.constrained, "allowedValues": list(definition.allowed_values),
        "minValue": definition.min_value, "maxValue": definition.max_value, "defaultValue": definition.default_value,
    }  # fmt: skip


def _print(definition: PreferenceDefinition, as_json: bool) -> None:
    document = _document(definition)
    if as_json:
        print_json(document)
    else:
        allowed = " ".join(definition.allowed_values)
        shown = {name: "" if value is None else value for name, value in document.items()}
        print_facts({**shown, "allowedValues": allowed})
