"""Records of the query service: what each says of a user, a role or a right."""

from __future__ import annotations

from ostiary.directory.query_records.roles import RoleRecord
from ostiary.directory.query_records.users import UserRecord
from ostiary.directory.roles.right_list import Right
from ostiary.services.vcloud.documents import RIGHT, ROLE, USER, truth

UNLIMITED = "0"
"""The quota of virtual machines of everybody: none is counted here."""


def user_facts(api: str, user: UserRecord) -> dict[str, str]:
    """The attributes of a user's record. Users are those of the server's own directory, so never from LDAP."""
    return {
        "href": f"{api}/admin/user/{user.id}", "name": user.name, "type": USER, "fullName": user.full_name,
        "isEnabled": truth(user.enabled), "isLdapUser": "false", "roleNames": ",".join(user.roles),
        "org": f"{api}/org/{user.tenant_id}", "orgName": user.organization, "deployedVMQuota": UNLIMITED,
        "storedVMQuota": UNLIMITED,
    }  # fmt: skip


def role_facts(api: str, role: RoleRecord) -> dict[str, str]:
    """The attributes of a role's record."""
    return {
        "href": f"{api}/admin/role/{role.id}", "name": role.name, "type": ROLE, "description": role.description,
        "isReadOnly": truth(role.read_only), "org": f"{api}/org/{role.tenant_id}", "orgName": role.organization,
    }  # fmt: skip


def right_facts(api: str, right: Right) -> dict[str, str]:
    """The attributes of a right's record."""
    return {
        "href": f"{api}/admin/right/{right.id}", "name": right.permission.value, "type": RIGHT,
        "description": right.description,
    }  # fmt: skip
