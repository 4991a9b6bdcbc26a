"""Changes of which service roles a user or a group holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ostiary.directory.roles.granting import Giver, Holder, check_holder, lock_rights
from ostiary.directory.roles.role_changes import RoleChoice, apply_change
from ostiary.directory.service_definitions.definitions import Service, get_service, no_such_service
from ostiary.errors import not_found
from ostiary.store.work import Work


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
    lock_rights(work, tenant_id)
    check_holder(work, tenant_id, holder)
    for change in changes:
        service = service_by_id(work, change.service)
        added = [(role_in(service, choice), choice.expires_at) for choice in change.add]
        removed = [role_in(service, choice) for choice in change.remove]
        apply_change(work, tenant_id, holder, added, removed, giver, now_ms)


def service_by_id(work: Work, service_id: str) -> Service:
    """The service with this id, and not with this name. Raises SERVICE_DEFINITION_NOT_FOUND."""
    service = get_service(work, service_id)
    if service.id != service_id:
        raise no_such_service()
    return service


def role_in(service: Service, choice: RoleChoice) -> str:
    """The id of a role of a service. Raises ROLE_NOT_FOUND."""
    for role in service.roles:
        if choice.is_of(role.id, role.name):
            return role.id
    raise not_found("ROLE_NOT_FOUND", "This service definition has no such role.")
