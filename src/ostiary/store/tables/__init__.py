"""The tables, one file for each aggregate. The import of this package registers all of them.

Every table but the installation's own starts with its tenant. Times are UTC milliseconds; ids are GUIDs unless said.
"""

from ostiary.store.tables.access import (
    GROUP,
    USER,
    ApiKey,
    OrganizationRole,
    RoleBinding,
    ScimToken,
    ServiceDefinition,
)
from ostiary.store.tables.clients import (
    Client,
    ClientRole,
    ClientScope,
    DeviceAuthorization,
    MobileApp,
    ServiceAccount,
)
from ostiary.store.tables.columns import as_id, one_of, table_of, temporary_tables, unindexed
from ostiary.store.tables.groups import Group, GroupMember
from ostiary.store.tables.installation import Fact, Job, Lease, Task
from ostiary.store.tables.keys import SigningKey
from ostiary.store.tables.preferences import Preference, PreferenceDefinition
from ostiary.store.tables.profiles import Identity, Profile, ProfileRole
from ostiary.store.tables.roles import Role, RoleScope
from ostiary.store.tables.sessions import Session, SessionClient, SignInTransaction
from ostiary.store.tables.tenants import Logo, MessageTemplate, SettingDocument, SettingSecret, Tenant
from ostiary.store.tables.tokens import AuthorizationCode, Grant, RefreshToken, RevokedToken, UsedOnce
from ostiary.store.tables.trail_and_outbox import AuditEvent, Counter, Message
from ostiary.store.tables.transfers import Transfer, TransferPart
from ostiary.store.tables.users import (
    ExternalId,
    Factor,
    LinkedIdentity,
    LoginName,
    OneTimeCode,
    Passkey,
    Password,
    PastPassword,
    User,
    UserEmail,
    UserPhone,
    WrongPassword,
)

__all__ = [
    "GROUP", "USER", "ApiKey", "AuditEvent", "AuthorizationCode", "Client", "ClientRole", "ClientScope", "Counter",
    "DeviceAuthorization", "ExternalId", "Fact", "Factor", "Grant", "Group", "GroupMember", "Identity", "Job", "Lease",
    "LinkedIdentity", "LoginName", "Logo", "Message", "MessageTemplate", "MobileApp", "OneTimeCode", "OrganizationRole",
    "Passkey", "Password", "PastPassword", "Preference", "PreferenceDefinition", "Profile", "ProfileRole",
    "RefreshToken", "RevokedToken", "Role", "RoleBinding", "RoleScope", "ScimToken", "ServiceAccount",
    "ServiceDefinition", "Session", "SessionClient", "SettingDocument", "SettingSecret", "SignInTransaction",
    "SigningKey", "Task", "Tenant", "Transfer", "TransferPart", "UsedOnce", "User", "UserEmail", "UserPhone",
    "WrongPassword", "as_id", "one_of", "table_of", "temporary_tables", "unindexed",
]  # fmt: skip
