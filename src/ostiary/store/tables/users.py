"""Directory users: App ID's Cloud Directory users, SCIM users, `urn:vcloud:user:…`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from ostiary.store.tables.columns import SORTED, end_of_row, moment, only_where, owned_by, searched_text, text


def _found_by(name: str) -> Index:
    """An index of the users who have an attribute, in the order in which lists show them."""
    columns = ("tenant_id", f"{name}_key", "user_name_key", "id")
    return Index(f"ix_users_{name}", *columns, **only_where(f"{name}_key IS NOT NULL"))


class User(SQLModel, table=True):
    """A directory user. Its id is the SCIM id; the `sub` of tokens is the id of its profile.

    `…_key` columns hold the compared form (NFKC, casefold) of the column with the same name. Attributes of RFC 7643
    §4.1 without a column are in `document`, a JSON object, and with the names in `searched` in compared form. Those by
    which users are looked for most have there a column too, with the beginning of their compared form.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("tenant_id", "user_name_key"),
        Index("ix_users_list", "tenant_id", "created_at", "id"),
        Index("ix_users_name", "tenant_id", "user_name_key", "id"),
        Index("ix_users_id", "tenant_id", "id", "active"),
        Index("ix_users_display_name", "tenant_id", "display_name_key", "id", "active"),
        Index("ix_users_modified", "tenant_id", "modified_at", "id"),
        Index("ix_users_locked", "tenant_id", "locked_until", **only_where("locked_until IS NOT NULL")),
        Index("ix_users_active", "tenant_id", "active", "user_name_key", "id"),
        *map(_found_by, ("given_name", "family_name", "title", "department", "employee_number")),
    )
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id", index=True)
    """The tenant. Indexed by itself too: in that small index the users of a tenant are counted four times as fast."""
    user_name: str
    user_name_key: str = Field(sa_column=Column(SORTED, nullable=False))
    display_name: str = text()
    display_name_key: str = Field(default="", sa_column=Column(SORTED, nullable=False))
    given_name: str = text()
    family_name: str = text()
    document: str = text(default="{}")
    searched: str = text(default="{}")
    given_name_key: str | None = searched_text()
    family_name_key: str | None = searched_text()
    title_key: str | None = searched_text()
    department_key: str | None = searched_text()
    employee_number_key: str | None = searched_text()
    locale: str = text()
    active: bool = True
    may_sign_in: bool = Field(default=False, description="False: only where the tenant admits unverified people.")
    email_verified: bool = Field(default=False, description="The fact of the primary mail address, read with the user.")
    locked_until: int | None = moment(optional=True)
    lock_seconds: int = Field(default=0, description="How long wrong passwords locked it; 0: somebody chose the end.")
    version: int = Field(default=1, description="Grows with every change; the ETag of SCIM.")
    created_at: int = moment()
    modified_at: int = moment()
    last_login: int | None = moment(optional=True)
    original_id: str = text()
    """The directory id that an imported user had in its origin; no query uses it."""
    access_epoch: int = Field(default=0, description="Grows when all that the user holds ends.")


class LoginName(SQLModel, table=True):
    """A name with which a user can sign in: each user name and each mail address, in compared form.

    Both are in one table, so that no user name is ever the mail address of another user, also with concurrent writers.
    """

    __tablename__ = "login_names"
    tenant_id: str = owned_by("tenants.id", key=True)
    name_key: str = Field(sa_column=Column(SORTED, primary_key=True))
    user_id: str = owned_by("users.id", index=True)


class LinkedIdentity(SQLModel, table=True):
    """An identity at another provider with which a directory user signs in at the platform; one of each provider."""

    __tablename__ = "linked_identities"
    __table_args__ = (UniqueConstraint("tenant_id", "user_id", "provider"),)
    tenant_id: str = owned_by("tenants.id", key=True)
    provider: str = Field(primary_key=True, max_length=32)
    idp_id: str = Field(sa_column=Column(SORTED, primary_key=True))
    user_id: str = owned_by("users.id", index=True)
    created_at: int = moment()


class OneTimeCode(SQLModel, table=True):
    """A code that acts once: of a link in a mail, or one with which an application asks how such a link ended.

    `kind` is the message template that carried it, or that with `_RESULT`; `outcome` why the link failed, if it did.
    """

    __tablename__ = "one_time_codes"
    digest: str = Field(primary_key=True, max_length=64)
    tenant_id: str = owned_by("tenants.id", index=True)
    user_id: str = owned_by("users.id", index=True)
    kind: str = Field(max_length=32)
    address_key: str = Field(default="", description="The compared form of the address to which it was sent.")
    outcome: str = Field(default="", max_length=16, description="Of a result: empty, NOT_FOUND or GONE.")
    created_at: int = moment()
    expires_at: int = end_of_row()
    used_at: int | None = moment(optional=True)


class Password(SQLModel, table=True):
    """The password of a directory user, in PHC form. Apart from the user, so that no listing ever carries it."""

    __tablename__ = "passwords"
    __table_args__ = (Index("ix_passwords_tenant", "tenant_id", "user_id"),)
    tenant_id: str = owned_by("tenants.id")
    user_id: str = owned_by("users.id", key=True)
    hash: str = Field(sa_column=Column(Text, nullable=False))
    changed_at: int = moment()
    valid_until: int | None = moment(optional=True)
    """When the password expires; None: never."""
    expires_always: bool = Field(
        default=False, description="Whether valid_until was said of this person and holds whatever the policy says."
    )
    failures: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    """The number of wrong passwords in a row."""


class WrongPassword(SQLModel, table=True):
    """The last wrong password that was counted against a user, for the seconds in which it is not counted again."""

    __tablename__ = "wrong_passwords"
    tenant_id: str = owned_by("tenants.id", index=True)
    user_id: str = owned_by("users.id", key=True)
    digest: str = Field(max_length=64, description="Keyed, so that the store alone says nothing.")
    expires_at: int = end_of_row()


class PastPassword(SQLModel, table=True):
    """A password that a user had before, kept while the tenant refuses its reuse; the latest has the highest id."""

    __tablename__ = "past_passwords"
    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    tenant_id: str = owned_by("tenants.id", index=True)
    user_id: str = owned_by("users.id", index=True)
    hash: str = Field(sa_column=Column(Text, nullable=False))
    replaced_at: int = moment()


class Factor(SQLModel, table=True):
    """A factor that a directory user has enrolled: `kind` is totp, email, sms, recovery or passkey.

    `target` is where codes go, of email and sms. `sealed_secret` is what only the server may know: the shared secret of
    an authenticator app, the digests of the recovery codes that are left; empty where there is nothing of the kind.
    `counter` grows with each use, so that no proof counts twice: the last time step of an authenticator app (RFC 6238),
    the signature counter of a passkey.
    """

    __tablename__ = "factors"
    __table_args__ = (Index("ix_factors_user", "tenant_id", "user_id", "kind"),)
    id: str = Field(primary_key=True, max_length=36)
    tenant_id: str = owned_by("tenants.id")
    user_id: str = owned_by("users.id", index=True)
    kind: str = Field(max_length=16)
    name: str = text()
    target: str = text()
    sealed_secret: str = text()
    counter: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    created_at: int = moment()
    last_used_at: int | None = moment(optional=True)


class Passkey(SQLModel, table=True):
    """The credential of a factor that is a passkey (WebAuthn Level 3 §4). `credential_id` and `public_key` are in
    base64url; the key has up to some thousand characters. `discoverable`: it signs in without a name; `synced`: it may
    be on several devices.
    """

    __tablename__ = "passkeys"
    __table_args__ = (UniqueConstraint("tenant_id", "credential_digest"),)
    factor_id: str = owned_by("factors.id", key=True)
    tenant_id: str = owned_by("tenants.id")
    user_id: str = owned_by("users.id", index=True)
    credential_digest: str = Field(max_length=64, description="By which it is found.")
    credential_id: str = text()
    public_key: str = text()
    algorithm: int = Field(description="As COSE numbers it (RFC 9053).")
    discoverable: bool
    synced: bool
    transports: str = Field(default="", description="How browsers reach it, separated by blanks.")


class UserEmail(SQLModel, table=True):
    """A mail address of a user, unique in the tenant. The primary one signs in. `verified`: the user reads its mail."""

    __tablename__ = "user_emails"
    __table_args__ = (
        UniqueConstraint("tenant_id", "value_key"),
        # Has all that filters compare: what no index can find is looked for in its entries, and not in rows.
        Index("ix_user_emails_searched", "tenant_id", "value_key", "type", "is_primary", "user_id"),
    )
    tenant_id: str = owned_by("tenants.id")
    user_id: str = owned_by("users.id", key=True)
    position: int = Field(primary_key=True)
    value: str
    value_key: str = Field(sa_column=Column(SORTED, nullable=False))
    type: str = ""
    display: str = text()
    is_primary: bool = False
    verified: bool = False


class UserPhone(SQLModel, table=True):
    """A phone number of a user."""

    __tablename__ = "user_phones"
    __table_args__ = (Index("ix_user_phones_value", "tenant_id", "value_key"),)
    tenant_id: str = owned_by("tenants.id")
    user_id: str = owned_by("users.id", key=True)
    position: int = Field(primary_key=True)
    value: str
    value_key: str
    type: str = ""
    display: str = text()
    is_primary: bool = False


class ExternalId(SQLModel, table=True):
    """The id that a provisioning client gave a resource (RFC 7643 §3.1): each client has its own name for it."""

    __tablename__ = "external_ids"
    __table_args__ = (Index("ix_external_ids_resource", "tenant_id", "resource_id"),)
    tenant_id: str = owned_by("tenants.id", key=True)
    provisioner: str = Field(primary_key=True, max_length=255, description="An API key, a client or a user.")
    resource_type: str = Field(primary_key=True, max_length=16, description="User or Group.")
    external_id: str = Field(sa_column=Column(String, primary_key=True))
    resource_id: str = Field(max_length=36)
