"""Roles: named sets of (application, scope), held by profiles and by applications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import bindparam, delete, func, insert, select

from ostiary.errors import conflict, invalid, not_found
from ostiary.ids import Entropy, new_id
from ostiary.names import name_key
from ostiary.store.prepared import prepared
from ostiary.store.tables import Client, ClientRole, ClientScope, ProfileRole, Role, RoleScope, table_of, unindexed
from ostiary.store.tenancy import TenantView, touch
from ostiary.store.work import Work

MAX_ROLES = 50

_ROLES, _ROLE_SCOPES, _PROFILE_ROLES = table_of(Role), table_of(RoleScope), table_of(ProfileRole)
_CLIENTS, _CLIENT_SCOPES, _CLIENT_ROLES = table_of(Client), table_of(ClientScope), table_of(ClientRole)

_OF_TENANT = (
    select(_ROLES.c.id, _ROLES.c.name, _ROLES.c.description)
    .where(_ROLES.c.tenant_id == bindparam("of_tenant"))
    .order_by(_ROLES.c.name, _ROLES.c.id)
)
_SCOPES_OF_TENANT = (
    select(_ROLE_SCOPES.c.role_id, _ROLE_SCOPES.c.client_id, _ROLE_SCOPES.c.scope)
    .where(_ROLE_SCOPES.c.tenant_id == bindparam("of_tenant"))
    .order_by(_ROLE_SCOPES.c.role_id, _ROLE_SCOPES.c.position)
)
_COUNT = select(func.count()).where(_ROLES.c.tenant_id == bindparam("of_tenant"))
_NAMED = select(_ROLES.c.id).where(
    _ROLES.c.tenant_id == bindparam("of_tenant"), _ROLES.c.name_key == bindparam("name_key")
)
_DEFINED = (
    select(_CLIENTS.c.id, _CLIENT_SCOPES.c.scope)
    .select_from(
        _CLIENTS.outerjoin(
            _CLIENT_SCOPES,
            (_CLIENT_SCOPES.c.tenant_id == _CLIENTS.c.tenant_id) & (_CLIENT_SCOPES.c.client_id == _CLIENTS.c.id),
        )
    )
    .where(_CLIENTS.c.tenant_id == bindparam("of_tenant"))
)
_SCOPES_OF_PROFILE = prepared(
    select(_ROLE_SCOPES.c.scope)
    .join(_PROFILE_ROLES, _PROFILE_ROLES.c.role_id == _ROLE_SCOPES.c.role_id)
    .where(
        _PROFILE_ROLES.c.tenant_id == bindparam("of_tenant"),
        _PROFILE_ROLES.c.profile_id == bindparam("profile_id"),
        _ROLE_SCOPES.c.client_id == bindparam("client_id"),
    )
)
_ROLES_OF_PROFILE = prepared(
    select(_ROLES.c.id, _ROLES.c.name)
    .join(_PROFILE_ROLES, _PROFILE_ROLES.c.role_id == _ROLES.c.id)
    .where(_PROFILE_ROLES.c.tenant_id == bindparam("of_tenant"), _PROFILE_ROLES.c.profile_id == bindparam("profile_id"))
    .order_by(_ROLES.c.name, _ROLES.c.id)
)
_ROLES_OF_PROFILES = (
    select(_PROFILE_ROLES.c.profile_id, _ROLES.c.name)
    .join(_ROLES, _ROLES.c.id == _PROFILE_ROLES.c.role_id)
    .where(
        unindexed(_PROFILE_ROLES.c.tenant_id) == bindparam("of_tenant"),
        _PROFILE_ROLES.c.profile_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(_PROFILE_ROLES.c.profile_id, _ROLES.c.name)
)
_ROLES_OF_CLIENT = (
    select(_ROLES.c.id, _ROLES.c.name)
    .join(_CLIENT_ROLES, _CLIENT_ROLES.c.role_id == _ROLES.c.id)
    .where(_CLIENT_ROLES.c.tenant_id == bindparam("of_tenant"), _CLIENT_ROLES.c.client_id == bindparam("client_id"))
    .order_by(_ROLES.c.name, _ROLES.c.id)
)
_SCOPES_OF_CLIENT = (
    select(_ROLE_SCOPES.c.scope)
    .join(_CLIENT_ROLES, _CLIENT_ROLES.c.role_id == _ROLE_SCOPES.c.role_id)
    .where(_CLIENT_ROLES.c.tenant_id == bindparam("of_tenant"), _CLIENT_ROLES.c.client_id == bindparam("client_id"))
)

Access = Mapping[str, Sequence[str]]
"""Scopes by the id of the application that defines them, both in the order in which they were put."""


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role with what it gives."""

    id: str
    name: str
    description: str
    access: Access


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that a profile or an application holds."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """Roles, all named by their ids or all by their names."""

    ids: Sequence[str] = ()
    names: Sequence[str] = ()


def list_roles(work: Work, tenant: TenantView) -> Sequence[RoleView]:
    """The roles of a tenant, sorted by name."""
    return tuple(_roles(work, tenant).values())


def get_role(work: Work, tenant: TenantView, role_id: str) -> RoleView:
    """The role; raises ROLE_NOT_FOUND."""
    found = _roles(work, tenant).get(role_id)
    if found is None:
        raise _unknown()
    return found


def scopes_of_profile(work: Work, tenant_id: str, profile_id: str, client_id: str) -> list[str]:
    """The scopes that a profile's roles give it at one application, sorted."""
    facts = {"of_tenant": tenant_id, "profile_id": profile_id, "client_id": client_id}
    return sorted({row.scope for row in work.rows(_SCOPES_OF_PROFILE, facts)})


def roles_of_profile(work: Work, tenant_id: str, profile_id: str) -> list[HeldRole]:
    """The roles of a profile, sorted by name."""
    return [
        HeldRole(row.id, row.name)
        for row in work.rows(_ROLES_OF_PROFILE, {"of_tenant": tenant_id, "profile_id": profile_id})
    ]


def role_names_of_profile(work: Work, tenant_id: str, profile_id: str) -> list[str]:
    """The names of a profile's roles, sorted: the claim `roles`."""
    return [role.name for role in roles_of_profile(work, tenant_id, profile_id)]


def roles_of_client(work: Work, tenant_id: str, client_id: str) -> list[HeldRole]:
    """The roles that an application holds itself, sorted by name."""
    return [
        HeldRole(row.id, row.name)
        for row in work.rows(_ROLES_OF_CLIENT, {"of_tenant": tenant_id, "client_id": client_id})
    ]


def scopes_of_client(work: Work, tenant: TenantView, client_id: str) -> Sequence[str]:
    """The scopes that an application's own roles give it, at whichever application, sorted; for client_credentials.

    Ask only for clients that exist: the answer is cached under their id.
    """
    facts = {"of_tenant": tenant.id, "client_id": client_id}
    return tenant.cached(
        ("scopes of client", client_id),
        lambda: tuple(sorted({row.scope for row in work.rows(_SCOPES_OF_CLIENT, facts)})),
    )


def create_role(
    work: Work, tenant_id: str, name: str, description: str, access: Access, entropy: Entropy, now_ms: int
) -> RoleView:
    """Creates a role. Raises TOO_MANY_ROLES, ROLE_NAME_TAKEN and for bad access."""
    touch(work, tenant_id)  # first: it locks the tenant, so that two at once are not both the last one allowed
    row = work.row(_COUNT, {"of_tenant": tenant_id})
    if row is not None and row[0] >= MAX_ROLES:
        raise invalid("TOO_MANY_ROLES", f"A tenant has at most {MAX_ROLES} roles; delete one first.")
    role = Role(
        id=new_id(entropy), tenant_id=tenant_id, name=name, name_key=name_key(name), description=description,
        created_at=now_ms,
    )  # fmt: skip
    _check_name_is_free(work, role)
    _check_access(work, tenant_id, access)
    work.add(role)
    return _put_access(work, role, access)


def update_role(work: Work, tenant_id: str, role_id: str, name: str, description: str, access: Access) -> RoleView:
    """Replaces a role. Raises ROLE_NOT_FOUND, ROLE_NAME_TAKEN and for bad access."""
    role = _locked(work, tenant_id, role_id)
    _check_access(work, tenant_id, access)
    role.name, role.name_key, role.description = name, name_key(name), description
    with work.session.no_autoflush:
        _check_name_is_free(work, role)
    work.flush()
    work.run(delete(_ROLE_SCOPES).where(_ROLE_SCOPES.c.tenant_id == tenant_id, _ROLE_SCOPES.c.role_id == role_id))
    return _put_access(work, role, access)


def delete_role(work: Work, tenant_id: str, role_id: str) -> None:
    """Deletes a role; the store takes it from profiles and applications. Raises ROLE_NOT_FOUND."""
    work.delete(_locked(work, tenant_id, role_id))


def chosen_roles(work: Work, tenant_id: str, choice: RoleChoice) -> list[str]:
    """The ids of the roles that are chosen. Raises IDS_AND_NAMES, ROLE_NOT_FOUND."""
    ids, names = choice.ids, choice.names
    if ids and names:
        raise invalid("IDS_AND_NAMES", "Name roles by roles.ids or by roles.names, not by both.")
    by_name = roles_by_name(work, tenant_id)
    known = by_name if names else {role_id: role_id for role_id in by_name.values()}
    wanted = dict.fromkeys(map(name_key, names) if names else ids)
    if not known.keys() >= wanted.keys():
        raise _unknown()
    return [known[key] for key in wanted]


def put_client_roles(work: Work, tenant_id: str, client_id: str, role_ids: Iterable[str]) -> None:
    """Replaces the roles that an application holds itself; both must exist."""
    of_client = (_CLIENT_ROLES.c.tenant_id == tenant_id, _CLIENT_ROLES.c.client_id == client_id)
    work.run(delete(_CLIENT_ROLES).where(*of_client))
    rows = [{"tenant_id": tenant_id, "client_id": client_id, "role_id": role_id} for role_id in role_ids]
    if rows:
        work.run(insert(_CLIENT_ROLES), rows)
    touch(work, tenant_id)


def put_profile_roles(work: Work, tenant_id: str, profile_id: str, role_ids: Iterable[str]) -> None:
    """Replaces the roles of a profile; both must exist. Profiles are never cached, so no generation moves."""
    of_profile = (_PROFILE_ROLES.c.tenant_id == tenant_id, _PROFILE_ROLES.c.profile_id == profile_id)
    work.run(delete(_PROFILE_ROLES).where(*of_profile))
    rows = [{"tenant_id": tenant_id, "profile_id": profile_id, "role_id": role_id} for role_id in role_ids]
    if rows:
        work.run(insert(_PROFILE_ROLES), rows)


def roles_by_name(work: Work, tenant_id: str) -> dict[str, str]:
    """The ids of a tenant's roles by the compared form of their names."""
    return {name_key(row.name): row.id for row in work.rows(_OF_TENANT, {"of_tenant": tenant_id})}


def role_names_of_profiles(work: Work, tenant_id: str, profile_ids: Sequence[str]) -> dict[str, list[str]]:
    """The names of the roles of these profiles, sorted, by profile."""
    found: dict[str, list[str]] = {}
    for row in work.rows(_ROLES_OF_PROFILES, {"of_tenant": tenant_id, "ids": list(profile_ids)}):
        found.setdefault(row.profile_id, []).append(row.name)
    return found


def _roles(work: Work, tenant: TenantView) -> dict[str, RoleView]:
    return tenant.cached("roles", lambda: _load(work, tenant.id))


def _load(work: Work, tenant_id: str) -> dict[str, RoleView]:
    rows = work.rows(_OF_TENANT, {"of_tenant": tenant_id})
    access: dict[str, dict[str, list[str]]] = {row.id: {} for row in rows}
    for row in work.rows(_SCOPES_OF_TENANT, {"of_tenant": tenant_id}):
        scopes = access.get(row.role_id)
        if scopes is not None:  # made since the statement above: the next request loads anew
            scopes.setdefault(row.client_id, []).append(row.scope)
    return {row.id: RoleView(**row._asdict(), access=_frozen(access[row.id])) for row in rows}


def _frozen(access: Access) -> Access:
    return MappingProxyType({client_id: tuple(scopes) for client_id, scopes in access.items()})


def _locked(work: Work, tenant_id: str, role_id: str) -> Role:
    """The role, held until commit; the tenant first, in the order of every change here (no deadlocks)."""
    touch(work, tenant_id)
    role = work.get(Role, role_id, lock=True)
    if role is None or role.tenant_id != tenant_id:
        raise _unknown()
    return role


def _check_name_is_free(work: Work, role: Role) -> None:
    found = work.row(_NAMED, {"of_tenant": role.tenant_id, "name_key": role.name_key})
    if found is not None and found.id != role.id:
        raise conflict("ROLE_NAME_TAKEN", f"There is a role named {role.name} already.")


def _check_access(work: Work, tenant_id: str, access: Access) -> None:
    """Checks that every scope is defined by its application."""
    defined: dict[str, set[str]] = {}
    for row in work.rows(_DEFINED, {"of_tenant": tenant_id}):
        defined.setdefault(row.id, set()).add(row.scope)
    for client_id, scopes in access.items():
        if client_id not in defined:
            raise invalid("UNKNOWN_APPLICATION", f"access names application {client_id!r}, which does not exist.")
        if not scopes:
            raise invalid("SCOPES_MISSING", f"access for application {client_id} must name at least one scope.")
        unknown = [scope for scope in scopes if scope not in defined[client_id]]
        if unknown:
            raise invalid("UNKNOWN_SCOPE", f"Application {client_id} defines no scope {unknown[0]!r}; add it first.")


def _put_access(work: Work, role: Role, access: Access) -> RoleView:
    given = {client_id: list(dict.fromkeys(scopes)) for client_id, scopes in access.items()}
    pairs = [(client_id, scope) for client_id, scopes in given.items() for scope in scopes]
    rows = [
        {"tenant_id": role.tenant_id, "role_id": role.id, "client_id": client_id, "scope": scope, "position": position}
        for position, (client_id, scope) in enumerate(pairs)
    ]
    if rows:
        work.run(insert(_ROLE_SCOPES), rows)
    return RoleView(role.id, role.name, role.description, given)


def _unknown() -> Exception:
    return not_found("ROLE_NOT_FOUND", "This tenant has no such role.")
