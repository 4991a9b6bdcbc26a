"""`ostiary service-definition`: services outside of this server, whose roles people hold here."""

from __future__ import annotations

from typing import Any

import click

from ostiary.cli.operating import operating, recorded
from ostiary.cli.options import STORE, as_json, with_settings
from ostiary.cli.printing import print_facts, print_json, print_table
from ostiary.config import Settings
from ostiary.directory.service_definitions.definitions import (
    URLS,
    NewService,
    Service,
    add_role,
    define_service,
    delete_service,
    get_service,
    list_services,
    remove_role,
)
from ostiary.store.tenancy import SYSTEM_ID


@click.group("service-definition")
def command() -> None:
    """Service definitions: services beside this server, such as a catalog, with roles such as catalog:admin. Owners of
    organizations give these roles to users and groups; the service reads them, and they permit nothing here. Every
    organization may use every definition. SERVICE is an id or a name.

    \b
    Examples
      ostiary service-definition create catalog --display-name Catalog \\
          --role catalog:admin="Administrator" --role catalog:user --url serviceHome=https://catalog.example.com
      ostiary service-definition add-role catalog catalog:viewer
      ostiary service-definition list --json | jq -r '.[].id'
      ostiary service-definition delete catalog
    """


def _pairs(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=TEXT, any number of times."""
    return {name: text for name, _, text in (value.partition("=") for value in values)}


@command.command()
@click.argument("name")
@click.option("--display-name", default="", metavar="TEXT", help="Name for people.  [default: NAME]")
@click.option("--description", default="", metavar="TEXT", help="What the service does.")
@click.option(
    "--role", "roles", multiple=True, callback=_pairs, metavar="SERVICE:ROLE[=TEXT]",
    help="A role, and its name for people; repeatable.",
)  # fmt: skip
@click.option(
    "--url", "urls", multiple=True, callback=_pairs, metavar="WHICH=URL",
    help=f"An address; WHICH is one of {', '.join(URLS)}; repeatable.",
)  # fmt: skip
@click.option("--hidden", is_flag=True, help="A console is not to show it.")
@click.option("--gated", is_flag=True, help="Access must be asked for.")
@click.option("--beta", is_flag=True, help="The service is not finished yet.")
@with_settings(*STORE)
@as_json
def create(
    settings: Settings, name: str, display_name: str, description: str, roles: dict[str, str], urls: dict[str, str],
    hidden: bool, gated: bool, beta: bool, as_json: bool,
) -> None:  # fmt: skip
    """Defines a service with its roles."""
    new = NewService(
        name, display_name, description, visible=not hidden, gated=gated, beta=beta, urls=urls, roles=roles
    )  # fmt: skip
    with operating(settings) as runtime, runtime.store.write() as work:
        service = define_service(work, new, runtime.entropy, runtime.clock.now_ms())
        recorded(runtime, work, "service-definition.create", SYSTEM_ID, service.id)
    _print(service, as_json)


@command.command("list")
@with_settings(*STORE)
@as_json
def list_(settings: Settings, as_json: bool) -> None:
    """Lists the service definitions by name."""
    with operating(settings) as runtime, runtime.store.read() as work:
        services, _ = list_services(work)
    if as_json:
        print_json([_document(service) for service in services])
    else:
        rows = [[one.id, one.name, one.display_name, str(len(one.roles))] for one in services]
        print_table(("ID", "NAME", "DISPLAY NAME", "ROLES"), rows)


@command.command()
@click.argument("service")
@with_settings(*STORE)
@as_json
def show(settings: Settings, service: str, as_json: bool) -> None:
    """Shows a service definition with its roles."""
    with operating(settings) as runtime, runtime.store.read() as work:
        found = get_service(work, service)
    _print(found, as_json)


@command.command("add-role")
@click.argument("service")
@click.argument("role", metavar="SERVICE:ROLE[=TEXT]")
@with_settings(*STORE)
@as_json
def add_role_(settings: Settings, service: str, role: str, as_json: bool) -> None:
    """Adds a role to a service."""
    name, _, display_name = role.partition("=")
    with operating(settings) as runtime, runtime.store.write() as work:
        found = get_service(work, service)
        changed = add_role(work, found, name, display_name, runtime.entropy, runtime.clock.now_ms())
        recorded(runtime, work, "service-definition.add-role", SYSTEM_ID, found.id)
    _print(changed, as_json)


@command.command("remove-role")
@click.argument("service")
@click.argument("role", metavar="SERVICE:ROLE")
@with_settings(*STORE)
@as_json
def remove_role_(settings: Settings, service: str, role: str, as_json: bool) -> None:
    """Removes a role, and takes it from all who hold it. ROLE is a name or an id."""
    with operating(settings) as runtime, runtime.store.write() as work:
        found = get_service(work, service)
        changed = remove_role(work, found, role)
        recorded(runtime, work, "service-definition.remove-role", SYSTEM_ID, found.id)
    _print(changed, as_json)


@command.command()
@click.argument("service")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings(*STORE)
@as_json
def delete(settings: Settings, service: str, yes: bool, as_json: bool) -> None:
    """Deletes a service definition, and takes its roles from all who hold them. There is no way back."""
    with operating(settings) as runtime:
        with runtime.store.read() as work:
            found = get_service(work, service)
        if not yes:
            click.confirm(f"Delete service {found.name} ({found.id}) with its roles?", abort=True, err=True)
        with runtime.store.write() as work:
            delete_service(work, found.id)
            recorded(runtime, work, "service-definition.delete", SYSTEM_ID, found.id)
    if as_json:
        print_json({"id": found.id, "name": found.name, "deleted": True})
    else:
        click.echo(f"The service definition {found.name} is deleted.")


def _document(service: Service) -> dict[str, Any]:
    return {
        "id": service.id, "name": service.name, "displayName": service.display_name,
        "description": service.description, "visible": service.visible, "gated": service.gated, "beta": service.beta,
        "urls": dict(service.urls),
        "roles": [{"id": role.id, "name": role.name, "displayName": role.display_name} for role in service.roles],
    }  # fmt: skip


def _print(service: Service, as_json: bool) -> None:
    document = _document(service)
    if as_json:
        print_json(document)
        return
    urls = " ".join(f"{name}={url}" for name, url in service.urls.items())
    print_facts({**document, "urls": urls, "roles": " ".join(role.name for role in service.roles)})
