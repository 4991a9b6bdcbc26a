"""Changes of which service roles a user or a group holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ostiary.directory.roles.granting import Giver, Holder, grant_role, revoke_role
from ostiary.directory.service_definitions.definitions import Service, get_service, no_such_service
from ostiary.errors import invalid, not_found
from ostiary.names import name_key
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A role that is named by its id or its name. `expires_at` is in UTC milliseconds, None for good."""

    id: str = ""
    name: str = ""
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceRoleChange:
    """The roles of one service that a holder gets and loses. `service` is the id of the definition."""

    service: str
    add: Sequence[RoleChoice] = ()
    remove: Sequence[RoleChoice] = ()


def change_service_roles(
    work: Work, tenant_id: str, holder: Holder, changes: Iterable[ServiceRoleChange], giver: Giver, now_ms: int
) -> None:
    """Gives and takes service roles; all of it or, where it raises, nothing: the caller's transaction rolls back.

    Raises SERVICE_DEFINITION_NOT_FOUND, ROLE_NOT_FOUND, CONTRADICTING_ROLES (400), ALREADY_EXPIRED, USER_NOT_FOUND,
    GROUP_NOT_FOUND.
    """
    for change in changes:
        service = service_by_id(work, change.service)
        added = [(role_in(service, choice), choice.expires_at) for choice in change.add]
        removed = [role_in(service, choice) for choice in change.remove]
        if {role for role, _ in added} & set(removed):
            raise invalid("CONTRADICTING_ROLES", "A role is to be added and removed by the same request.")
        for role, expires_at in added:
            grant_role(work, tenant_id, holder, role, giver, now_ms, expires_at)
        for role in removed:
            revoke_role(work, tenant_id, holder, role, giver)


def service_by_id(work: Work, service_id: str) -> Service:
    """The service with this id, and not with this name. Raises SERVICE_DEFINITION_NOT_FOUND."""
    service = get_service(work, service_id)
    if service.id != service_id:
        raise no_such_service()
    return service


def role_in(service: Service, choice: RoleChoice) -> str:
    """The id of a role of a service. Raises ROLE_NOT_FOUND; where id and name are given, both must fit."""
    for role in service.roles:
        of_id = not choice.id or role.id == choice.id
        if of_id and (not choice.name or name_key(role.name) == name_key(choice.name)) and (choice.id or choice.name):
            return role.id
    raise not_found("ROLE_NOT_FOUND", "This service definition has no such role.")
