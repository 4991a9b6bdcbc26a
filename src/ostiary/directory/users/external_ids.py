"""External ids: the ids that provisioning clients give to resources (RFC 7643 §3.1). Each client has ids of its own,
and an external id is never accepted in place of one of our ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, literal, select

from ostiary.errors import conflict
from ostiary.store.listed import listed
from ostiary.store.prepared import prepared
from ostiary.store.tables import ExternalId, table_of, unindexed
from ostiary.store.work import Work

USER = "User"
_IDS = table_of(ExternalId)
# By the resource and never by the provisioner, who has given as many names as there are resources.
EXTERNAL_IDS = select(_IDS.c.resource_id, _IDS.c.external_id).where(
    _IDS.c.tenant_id == bindparam("of_tenant"),
    unindexed(_IDS.c.provisioner) == bindparam("provisioner"),
    _IDS.c.resource_type == bindparam("type"),
    listed(_IDS.c.resource_id, "ids"),
)
"""The names that a provisioner has given to the resources `ids`."""
_OF = prepared(EXTERNAL_IDS)

_OF_ONE = (
    _IDS.c.tenant_id == bindparam("of_tenant"), _IDS.c.resource_id == bindparam("of_resource"),
    unindexed(_IDS.c.provisioner) == bindparam("by"), _IDS.c.resource_type == bindparam("kind"),
)  # fmt: skip
_FIND = prepared(select(_IDS.c.external_id).where(*_OF_ONE))
_FORGET = prepared(delete(_IDS).where(*_OF_ONE))
_GIVE = prepared(lambda insert: insert(_IDS).on_conflict_do_nothing().returning(literal(1)))


def external_id_of(work: Work, tenant_id: str, provisioner: str, type: str, resource_id: str) -> str:
    """The name that `provisioner` has given to a resource; empty if it has given none."""
    row = work.row(_FIND, _one(tenant_id, provisioner, type, resource_id))
    return row.external_id if row else ""


def change_external_id(
    work: Work, tenant_id: str, provisioner: str, type: str, before: str, external_id: str, resource_id: str
) -> None:
    """Records the name of a resource in place of the one `before`; an empty one is none. Raises EXTERNAL_ID_TAKEN."""
    if before == external_id:
        return
    work.run(_FORGET, _one(tenant_id, provisioner, type, resource_id))
    if external_id:
        give_external_id(work, tenant_id, provisioner, type, external_id, resource_id)


def _one(tenant_id: str, provisioner: str, type: str, resource_id: str) -> dict[str, str]:
    return {"of_tenant": tenant_id, "by": provisioner, "kind": type, "of_resource": resource_id}


def external_ids_of(
    work: Work, tenant_id: str, provisioner: str, type: str, resource_ids: Sequence[str]
) -> Mapping[str, str]:
    """The names that `provisioner` has given to these resources, by our ids."""
    if not resource_ids:
        return {}
    asked = {"of_tenant": tenant_id, "provisioner": provisioner, "type": type, "ids": resource_ids}
    return {row.resource_id: row.external_id for row in work.rows(_OF, asked)}


def give_external_id(
    work: Work, tenant_id: str, provisioner: str, type: str, external_id: str, resource_id: str
) -> None:
    """Records the name of a new resource; raises EXTERNAL_ID_TAKEN (409) when this client has used it already."""
    row = {
        "tenant_id": tenant_id, "provisioner": provisioner, "resource_type": type, "external_id": external_id,
        "resource_id": resource_id,
    }  # fmt: skip
    if work.row(_GIVE, row) is None:
        message = "You have given this externalId to another resource already."
        raise conflict("EXTERNAL_ID_TAKEN", message, scim_type="uniqueness")


def forget_provisioner(work: Work, tenant_id: str, provisioner: str) -> None:
    """Deletes all names that a client has given, whose credential is gone for good."""
    work.run(delete(_IDS).where(_IDS.c.tenant_id == tenant_id, _IDS.c.provisioner == provisioner))
