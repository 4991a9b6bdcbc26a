"""Replacement of the roles of a user or a group: what is new is given, what is missing is taken, the rest stays."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, or_, select

from ostiary.directory.roles.granting import Giver, Holder, grant_role, lock_rights, revoke_role
from ostiary.directory.roles.role_list import ListedRole
from ostiary.store.tables import OrganizationRole, RoleBinding, table_of
from ostiary.store.work import Work

_BINDINGS, _ROLES = table_of(RoleBinding), table_of(OrganizationRole)
_HELD = (
    select(_BINDINGS.c.role)
    .select_from(_BINDINGS.outerjoin(_ROLES, _ROLES.c.id == _BINDINGS.c.role))
    .where(
        _BINDINGS.c.tenant_id == bindparam("of_tenant"), _BINDINGS.c.holder_id == bindparam("holder"),
        _BINDINGS.c.holder_type == bindparam("kind"), _ROLES.c.service_definition_id.is_(None),
        or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > bindparam("now_ms")),
    )
)  # fmt: skip
"""The roles of the organization itself; those of service definitions are no roles of this list."""


def replace_roles(
    work: Work, tenant_id: str, holder: Holder, roles: Sequence[ListedRole], giver: Giver, now_ms: int
) -> None:  # fmt: skip
    """Makes `roles` those that a holder was given itself. One that it holds already keeps its end. Raises what
    `grant_role` and `revoke_role` raise."""
    lock_rights(work, tenant_id)
    asked = {"of_tenant": tenant_id, "holder": holder.id, "kind": holder.kind, "now_ms": now_ms}
    held, wanted = {row.role for row in work.rows(_HELD, asked)}, {role.key for role in roles}
    for role in sorted(wanted - held):
        grant_role(work, tenant_id, holder, role, giver, now_ms)
    for role in sorted(held - wanted):
        revoke_role(work, tenant_id, holder, role, giver)
