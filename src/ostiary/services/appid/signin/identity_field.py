"""App ID's identityField: which one of their names people type. It cannot be switched once there are people, since
those without such a name could not sign in any more; the directory itself knows people by all their names."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY, check_cloud_directory
from ostiary.errors import invalid
from ostiary.store.tables import Tenant, User, table_of
from ostiary.store.work import Work
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb

_USERS = table_of(User)
_ANY_USER = select(_USERS.c.id).where(_USERS.c.tenant_id == bindparam("of_tenant")).limit(1)


def replace_cloud_directory(
    work: Work, tenant_id: str, provider: pb.CloudDirectoryProvider, now_ms: int
) -> pb.CloudDirectoryProvider:
    """Stores the settings. Raises IDENTITY_FIELD_FROZEN for another identityField than the one that users have."""
    check_cloud_directory(provider)
    # Lock, then look: a user who is being added holds a reference to this row, so none can slip in between.
    work.get(Tenant, tenant_id, lock=True)
    current = CLOUD_DIRECTORY.load(work, tenant_id).identity_field
    if not provider.config.HasField("identity_field"):
        provider.config.identity_field = current
    if provider.config.identity_field != current and work.row(_ANY_USER, {"of_tenant": tenant_id}):
        message = f"identityField is {current} and cannot be switched once the tenant has users."
        raise invalid("IDENTITY_FIELD_FROZEN", message)
    return CLOUD_DIRECTORY.replace(work, tenant_id, provider, now_ms)
