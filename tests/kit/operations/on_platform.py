"""What the operations of cloudapi, csp, oidc and SCIM are asked about: an entity of each kind that a path names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kit.scim import GROUP, PATCH, USER

if TYPE_CHECKING:
    from kit.operations.documented import Known, World

CLOUDAPI, CSP, SCIM = "/cloudapi/1.0.0", "/csp/gateway/am/api", "/scim/v2"
LANGUAGE = "internal:localLanguage"
MESSAGE = "urn:ietf:params:scim:api:messages:2.0:"
NOT_SENT = {"orgEntityRef": None, "roleEntityRef": None, "managerEntityRef": None, "nameInSource": None}
"""References that must be to what exists; they may be left out."""
ROLES = {"roleNamesToAdd": ["store:user"], "roleNamesToRemove": [], "rolesToAdd": [], "rolesToRemove": []}
SEARCH = {
    "schemas": [f"{MESSAGE}SearchRequest"], "filter": "id pr", "sortBy": "id", "sortOrder": "ascending",
    "attributes": ["id"], "excludedAttributes": None, "cursor": None,
}  # fmt: skip
MOBILE_APP = {
    "redirect_uris": ["com.example.app:/mobile/callback"],
    "jwks": {"keys": [{"kty": "RSA", "n": "_" * 86, "e": "AQAB"}]},
    "response_types": ["code"], "grant_types": ["password"],
}  # fmt: skip
Values = dict[str, Any]


@dataclass
class Person:
    """A user, and what it signs in with."""

    id: str
    address: str
    api_token: str


def on_platform(world: World, label: str, about: Known) -> Known:
    """The same, with what this operation needs besides; of two lines that say something, the later one holds."""
    makers = [more for pattern, more in VALUES.items() if re.fullmatch(pattern, label)]
    callers = [caller for pattern, caller in CALLERS.items() if re.fullmatch(pattern, label)]
    if not makers and not callers:
        return about
    user, _, api_token = world.user()
    person = Person(user["id"], user["emails"][0]["value"], api_token)
    values = {name: value for more in makers for name, value in more(world, person).items()}
    headers = callers[-1](world, person) if callers else about.headers
    return replace(about, values=about.values | values, headers=headers)


def _org(world: World, _: Person) -> Values:
    return {"name": f"org-{next(world.numbers)}", "displayName": "An organization"}


def _role_rights(world: World, _: Person) -> Values:
    return {"id": world.entity("roles"), "values": [{"id": world.right}]}


def _user(world: World, person: Person) -> Values:
    return {
        "id": f"urn:vcloud:user:{person.id}", "username": person.address, "email": person.address,
        "password": "correct horse battery staple 2", "roleEntityRefs": [{"name": "org_member"}], **NOT_SENT,
    }  # fmt: skip


def _new_user(world: World, person: Person) -> Values:
    return _user(world, person) | {"username": f"new{next(world.numbers)}", "email": None}


def _group(world: World, _: Person) -> Values:
    return {"name": f"group {next(world.numbers)}", "roleEntityRefs": [{"name": "org_member"}], **NOT_SENT}


def _group_roles(world: World, _: Person) -> Values:
    return {
        "organizationRoles": {"roleNamesToAdd": ["org_member"]},
        "serviceRoles": [{"serviceDefinitionId": world.service["id"], "roleNamesToAdd": ["store:user"]}],
    }


def _service_roles(world: World, _: Person) -> Values:
    return {"serviceDefinitionLink": f"/csp/gateway/slc/api/definitions/external/{world.service['id']}", **ROLES}


def _scim_group(world: World, person: Person) -> Values:
    return {"schemas": [GROUP], "displayName": f"group {next(world.numbers)}", "members": [{"value": person.id}]}


def _scim_user(world: World, person: Person) -> Values:
    name = f"scim{next(world.numbers)}"
    return {"schemas": [USER], "userName": name, "emails": [{"value": f"{name}@example.com"}], "id": person.id}


def _patch(world: World, _: Person) -> Values:
    change = {"op": "replace", "path": "displayName", "value": f"name {next(world.numbers)}"}
    return {"schemas": [PATCH], "Operations": [change]}


def _bulk(world: World, _: Person) -> Values:
    data = {"schemas": [USER], "userName": f"bulk{next(world.numbers)}"}
    made = {"method": "POST", "path": "/Users", "bulkId": "one", "data": data}
    return {"schemas": [f"{MESSAGE}BulkRequest"], "Operations": [made], "failOnErrors": 1}


def _refresh(_: World, person: Person) -> Values:
    unused = {"client_id": None, "client_secret": None, "code": None, "redirect_uri": None, "code_verifier": None}
    return {"grant_type": "refresh_token", "refresh_token": person.api_token, **unused}


def _guid(urn: str) -> str:
    return urn.rpartition(":")[2]


VALUES: dict[str, Callable[[World, Person], Values]] = {
    rf"\w+ {CLOUDAPI}/groups/{{id}}.*": lambda world, _: {"id": world.entity("groups")},
    rf"\w+ {CLOUDAPI}/groups.*": _group,
    rf"\w+ {CLOUDAPI}/orgs/{{id}}": lambda world, _: {"id": world.entity("orgs", displayName="An organization")},
    rf"\w+ {CLOUDAPI}/orgs.*": _org,
    rf"\w+ {CLOUDAPI}/rights/{{id}}": lambda world, _: {"id": world.right},
    rf"\w+ {CLOUDAPI}/roles/{{id}}": lambda world, _: {"id": world.entity("roles")},
    rf"(POST|PUT) {CLOUDAPI}/roles(/{{id}})?": lambda world, _: {"name": f"role {next(world.numbers)}"},
    rf"\w+ {CLOUDAPI}/roles/{{id}}/rights": _role_rights,
    rf"\w+ {CLOUDAPI}/users/{{id}}.*": _user,
    rf"POST {CLOUDAPI}/users": _new_user,
    rf"\w+ {CLOUDAPI}/.*{{classifier}}": lambda *_: {"classifier": LANGUAGE, "name": None, "value": "de"},
    rf"\w+ {CSP}/.*{{groupId}}.*": lambda world, _: {"groupId": _guid(world.entity("groups"))},
    rf"PATCH {CSP}/.*{{groupId}}/roles": _group_roles,
    rf"PATCH {CSP}/.*{{userId}}.*/service-roles": _service_roles,
    rf"GET {CSP}/orgs/{{orgId}}/roles/{{roleId}}": lambda world, _: {"roleId": world.org_role},
    rf"GET {CSP}/users/{{acct}}": lambda _, person: {"acct": person.address},
    rf"POST {CSP}/auth/authorize": _refresh,
    r"\w+ /oidc/oauth2/authorize": lambda world, _: {"client_id": world.server.credentials["clientId"]},
    r"GET .*{serviceDefinitionId}/orgs": lambda world, _: {"serviceDefinitionId": world.service["id"]},
    rf"\w+ {SCIM}/Groups.*": _scim_group,
    rf"\w+ {SCIM}/Groups/{{id}}": lambda world, _: {"id": _guid(world.entity("groups"))},
    rf"PUT {SCIM}/(Me|Users.*)": _scim_user,
    rf"PATCH {SCIM}/.*": _patch,
    rf"POST {SCIM}/.*\.search": lambda *_: SEARCH,
    rf"POST {SCIM}/Bulk": _bulk,
    r"\w+ /api/admin/role/{id}": lambda world, _: {"id": _guid(world.entity("roles"))},
    r"GET /api/admin/right/{id}": lambda world, _: {"id": _guid(world.right)},
    r"DELETE /api/admin/org/{id}": lambda world, _: {"id": _guid(world.entity("orgs", displayName="To go"))},
    r"PUT /management/.*/roles/{roleId}": lambda world, _: {"name": f"role {next(world.numbers)}"},
    r"GET /api/task/{id}": lambda world, _: {"id": world.task()},
    r"POST /oauth/v[34]/{tenantId}/clients": lambda *_: MOBILE_APP,
    rf"GET {SCIM}/ResourceTypes/{{id}}": lambda *_: {"id": "User"},
    rf"GET {SCIM}/Schemas/{{id}}": lambda *_: {"id": USER},
}
"""Values by verb and path (regular expressions)."""
CALLERS: dict[str, Callable[[World, Person], dict[str, str]]] = {
    rf"\w+ {CLOUDAPI}/orgs.*": lambda world, _: world.operator,
    rf"\w+ {CLOUDAPI}/preferences/{{classifier}}": lambda world, person: world.as_owner(person.id, person.address),
    rf"POST {CLOUDAPI}/deviceLookup/grant": lambda world, person: world.as_owner(person.id, person.address),
    r"DELETE /api/admin/org/{id}": lambda world, _: world.operator,
    rf"GET {CSP}/userinfo": lambda world, person: world.as_owner(person.id, person.address),
    rf"\w+ {SCIM}/Me": lambda world, person: world.as_owner(person.id, person.address),
    r"GET /oauth/check_id_token": lambda world, person: world.with_id_token(person.address),
}
"""Headers of the caller, where it is not a Manager."""
