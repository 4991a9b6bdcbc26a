"""Definitions of services and of their roles, which operators make. Every organization may use every one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from ostiary.directory.roles.granting import installation_operator
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role, delete_stored_role
from ostiary.errors import conflict, invalid, not_found
from ostiary.http.paging import Page
from ostiary.ids import Entropy, new_id
from ostiary.names import check_name, name_key
from ostiary.store.tables import OrganizationRole, RoleBinding, ServiceDefinition, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

MAX_NAME, MAX_TEXT, MAX_ROLES = 100, 2_000, 200
URLS = ("serviceHome", "offerConfiguration", "requestAccess", "healthCheck", "icon", "navBarIcon")
"""The names of the addresses of a service."""
_ROLE_NAME = re.compile(r"[^:\s]+:[^:\s]+")
_DEFINITIONS, _ROLES, _BINDINGS = table_of(ServiceDefinition), table_of(OrganizationRole), table_of(RoleBinding)
_ALL = select(_DEFINITIONS).order_by(_DEFINITIONS.c.name_key, _DEFINITIONS.c.id)
_COUNT = select(func.count()).select_from(_DEFINITIONS)
_ONE = select(_DEFINITIONS).where(
    (_DEFINITIONS.c.id == bindparam("named")) | (_DEFINITIONS.c.name_key == bindparam("name_key"))
)
_ROLES_OF = (
    select(_ROLES.c.service_definition_id, _ROLES.c.id, _ROLES.c.name, _ROLES.c.display_name)
    .where(_ROLES.c.service_definition_id.in_(bindparam("ids", expanding=True)))
    .order_by(_ROLES.c.name, _ROLES.c.id)
)


@dataclass(frozen=True, slots=True)
class ServiceRole:
    """A role of a service, such as `catalog:admin`. It permits nothing here."""

    id: str
    name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it was read, with its roles sorted by name. `urls` has the names of `URLS`."""

    id: str
    name: str
    display_name: str
    description: str
    visible: bool
    gated: bool
    beta: bool
    urls: Mapping[str, str]
    roles: Sequence[ServiceRole]


@dataclass(frozen=True, slots=True)
class NewService:
    """A service that is to be defined. `roles` are names to show by names, each `service:role`."""

    name: str
    display_name: str = ""
    description: str = ""
    visible: bool = True
    gated: bool = False
    beta: bool = False
    urls: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)


def define_service(work: Work, new: NewService, entropy: Entropy, now_ms: int) -> Service:
    """Adds a service with its roles. Raises SERVICE_DEFINITION_TAKEN, ROLE_NAME_TAKEN (409),
    INVALID_SERVICE_DEFINITION, and what is wrong with a name."""
    _check(new)
    service_id = new_id(entropy)
    row = {
        "id": service_id, "name": new.name, "name_key": name_key(new.name),
        "display_name": new.display_name or new.name, "description": new.description,
        "visible": new.visible, "gated": new.gated, "beta": new.beta,
        "urls": json.dumps(dict(new.urls)), "created_at": now_ms, "modified_at": now_ms,
    }  # fmt: skip
    if not work.insert_new(_DEFINITIONS, row):
        raise conflict("SERVICE_DEFINITION_TAKEN", f"There is a service definition named {new.name} already.")
    for name, display_name in new.roles.items():
        _create_role(work, service_id, name, display_name, entropy, now_ms)
    return get_service(work, service_id)


def add_role(work: Work, service: Service, name: str, display_name: str, entropy: Entropy, now_ms: int) -> Service:
    """Adds a role to a service; the service with it. Raises INVALID_SERVICE_DEFINITION, ROLE_NAME_TAKEN (409)."""
    _check_roles([*(role.name for role in service.roles), name])
    _create_role(work, service.id, name, display_name, entropy, now_ms)
    return get_service(work, service.id)


def remove_role(work: Work, service: Service, named: str) -> Service:
    """Removes the role with this name or id, and takes it from all who hold it; the service without it. Raises
    ROLE_NOT_FOUND."""
    for role in service.roles:
        if named == role.id or name_key(named) == name_key(role.name):
            delete_stored_role(work, SYSTEM_ID, role.id, installation_operator)
            return get_service(work, service.id)
    raise not_found("ROLE_NOT_FOUND", f"The service {service.name} has no role {named}.")


def _create_role(work: Work, service_id: str, name: str, display_name: str, entropy: Entropy, now_ms: int) -> None:
    role = RoleDefinition(name, display_name, service_definition_id=service_id)
    create_stored_role(work, SYSTEM_ID, role, installation_operator, entropy, now_ms)


def list_services(work: Work, page: Page | None = None) -> tuple[list[Service], int]:
    """Services by name, all or one page, and how many there are."""
    rows = work.rows(_ALL.offset(page.offset).limit(page.size) if page else _ALL)
    counted = work.row(_COUNT)
    return _read(work, rows), counted[0] if counted else 0


def get_service(work: Work, named: str) -> Service:
    """The service with this id or name; raises SERVICE_DEFINITION_NOT_FOUND."""
    rows = work.rows(_ONE, {"named": named, "name_key": name_key(named)})
    found = next((row for row in rows if row.id == named), rows[0] if rows else None)
    if found is None:
        raise no_such_service()
    return _read(work, [found])[0]


def services_of(work: Work, ids: Sequence[str]) -> dict[str, Service]:
    """Returns those of the services that exist, by id."""
    rows = work.rows(select(_DEFINITIONS).where(_DEFINITIONS.c.id.in_(ids))) if ids else ()
    return {service.id: service for service in _read(work, rows)}


def delete_service(work: Work, service_id: str) -> None:
    """Deletes a service, and takes its roles from all who hold them. Raises SERVICE_DEFINITION_NOT_FOUND."""
    roles = select(_ROLES.c.id).where(_ROLES.c.service_definition_id == service_id)
    work.run(delete(_BINDINGS).where(_BINDINGS.c.role.in_(roles)))
    work.run(delete(_ROLES).where(_ROLES.c.service_definition_id == service_id))
    if not work.run(delete(_DEFINITIONS).where(_DEFINITIONS.c.id == service_id)):
        raise no_such_service()


def no_such_service() -> Exception:
    """Returns the error for a service definition that is not there."""
    return not_found("SERVICE_DEFINITION_NOT_FOUND", "There is no such service definition.")


def _check(new: NewService) -> None:
    check_name("name", new.name, MAX_NAME)
    texts = {"displayName": new.display_name, "description": new.description, **new.urls}
    for name, text in texts.items():
        if len(text) > MAX_TEXT:
            raise invalid("INVALID_SERVICE_DEFINITION", f"{name} has at most {MAX_TEXT} characters.")
    for name, address in new.urls.items():
        if name not in URLS or not re.match(r"https?://\S+$|/\S*$", address):
            raise invalid("INVALID_SERVICE_DEFINITION", f"{name} must be an http or https address, or a path.")
    _check_roles(list(new.roles))


def _check_roles(names: Sequence[str]) -> None:
    if len(names) > MAX_ROLES:
        raise invalid("INVALID_SERVICE_DEFINITION", f"A service has at most {MAX_ROLES} roles.")
    for name in names:
        if not _ROLE_NAME.fullmatch(name):
            message = f"{name!r} is no name of a service role: it is service:role, such as catalog:admin."
            raise invalid("INVALID_SERVICE_DEFINITION", message)


def _read(work: Work, rows: Sequence[Any]) -> list[Service]:
    roles: dict[str, list[ServiceRole]] = {row.id: [] for row in rows}
    for row in work.rows(_ROLES_OF, {"ids": list(roles)}) if roles else ():
        roles[row.service_definition_id].append(ServiceRole(row.id, row.name, row.display_name))
    return [
        Service(
            row.id, row.name, row.display_name, row.description, row.visible, row.gated, row.beta, json.loads(row.urls),
            roles[row.id],
        )
        for row in rows
    ]  # fmt: skip
