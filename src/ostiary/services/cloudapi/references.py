"""References of cloudapi: entities are named by URNs, such as `urn:vcloud:user:<GUID>`, and shown as name and id."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.roles.role_list import ListedRole, roles_by_id, roles_by_name
from ostiary.errors import invalid
from ostiary.ids import guid
from ostiary.store.work import Work
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference


def reference(kind: str, identifier: str, name: str) -> EntityReference:
    """How an entity is shown where another one refers to it."""
    return EntityReference(id=f"urn:vcloud:{kind}:{identifier}", name=name)


def roles_referred_to(work: Work, tenant_id: str, references: Sequence[EntityReference]) -> list[ListedRole]:
    """The roles that these references name: by id, or by name where there is no id. Raises INVALID_ROLE_REFERENCE."""
    ids = [guid(one.id, "role") for one in references if one.id]
    names = [one.name for one in references if not one.id]
    found = {
        role.id: role
        for role in (*roles_by_id(work, tenant_id, ids), *roles_by_name(work, tenant_id, names))
    }  # fmt: skip
    known = {*found, *(role.name.lower() for role in found.values())}
    for one in references:
        if (guid(one.id, "role") if one.id else one.name.lower()) not in known:
            named = one.id or one.name
            raise invalid("INVALID_ROLE_REFERENCE", f"roleEntityRefs names {named!r}, which is no role here.")
    return list(found.values())


def check_organization(named: EntityReference, tenant_id: str) -> None:
    """Raises ORG_MISMATCH where a request names another organization than the one on which it acts."""
    if named.id and guid(named.id, "org") != tenant_id:
        raise invalid("ORG_MISMATCH", "orgEntityRef names another organization than the one on which this call acts.")
