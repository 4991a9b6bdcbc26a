"""Import of many users at once, from another tenant or another system.

Users bring their hashes, so nothing slow is calculated. Queries are made once for all users and not once for each.
Each user is stored completely, or refused without effect on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, insert, select

from ostiary.directory.passwords.stored import CarriedPassword, bring_passwords
from ostiary.directory.profiles.pre_registered import WaitingProfile, give_profiles, waiting_profiles
from ostiary.directory.profiles.profiles import (
    CLOUD_DIRECTORY,
    IdentityView,
    directory_facts,
    identity_row,
    profile_row,
    sub_taken,
)
from ostiary.directory.roles.application_roles import roles_by_name
from ostiary.directory.transfer.cipher import TransferCipher
from ostiary.directory.transfer.transferred_user import TransferredUser, names_of, read_user
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY as DIRECTORY_SETTINGS
from ostiary.directory.users.cloud_directory import check_sign_in_name
from ostiary.directory.users.contacts import Contact, email_rows, email_taken, one_primary, phone_rows, primary_of
from ostiary.directory.users.login_names import take_login_names
from ostiary.directory.users.users import name_taken, user_row
from ostiary.errors import DomainError, conflict, invalid
from ostiary.ids import Entropy, new_id
from ostiary.names import email_key, login_key, name_key
from ostiary.store.tables import (
    Identity,
    LoginName,
    Password,
    Profile,
    ProfileRole,
    User,
    UserEmail,
    UserPhone,
    table_of,
)
from ostiary.store.work import Work

_USERS, _EMAILS, _PHONES, _NAMES = table_of(User), table_of(UserEmail), table_of(UserPhone), table_of(LoginName)
_PROFILES, _IDENTITIES, _PROFILE_ROLES = table_of(Profile), table_of(Identity), table_of(ProfileRole)
WRITTEN = (_USERS, _EMAILS, _PHONES, _NAMES, _PROFILES, _IDENTITIES, _PROFILE_ROLES, table_of(Password))
"""The tables that grow."""
_IN_USE = select(_NAMES.c.name_key).where(
    _NAMES.c.tenant_id == bindparam("of_tenant"), _NAMES.c.name_key.in_(bindparam("keys", expanding=True))
)


_SUBS_IN_USE = select(_PROFILES.c.id).where(
    _PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A user that was not taken, or of whom something was not: its names, as they were sent, and why."""

    names: dict[str, str]
    error: DomainError


@dataclass(frozen=True, slots=True)
class Entrant:
    """A user that can be stored once its names prove to be free. Computed outside the transaction."""

    names: dict[str, str]
    user: TransferredUser
    emails: tuple[Contact, ...]
    name_key: str
    email_keys: tuple[str, ...]

    @property
    def keys(self) -> set[str]:
        """The names with which the user would sign in."""
        return {self.name_key, *self.email_keys}

    @property
    def email(self) -> str:
        """The primary mail address; empty if there is none."""
        return next((email.value for email in self.emails if email.primary), "")

    @property
    def proved_email(self) -> str:
        """The primary mail address where it is confirmed, else empty."""
        return self.email if self.user.new.email_verified else ""


@dataclass(slots=True)
class Batch:
    """Users to store together, and those that were refused before."""

    entrants: list[Entrant] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def read_batch(documents: Sequence[Any], cipher: TransferCipher) -> Batch:
    """Reads users of an import. Slow (the key of the secret): call it outside any transaction. Raises 429."""
    batch = Batch()
    for document in documents:
        names = names_of(document)
        try:
            batch.entrants.append(_entrant(names, read_user(document, cipher)))
        except DomainError as error:
            if error.kind.value >= _NOT_THE_USERS_FAULT:
                raise
            batch.refused.append(Refusal(names, error))
    return batch


_NOT_THE_USERS_FAULT = 429


def _entrant(names: dict[str, str], user: TransferredUser) -> Entrant:
    emails = tuple(one_primary("emails", user.new.emails))
    primary = next((one.value for one in emails if one.primary), "")
    keys = tuple(email_key(one.value) for one in emails)
    return Entrant(names, user, emails, login_key(user.new.user_name or primary), keys)


def store_batch(work: Work, tenant_id: str, batch: Batch, entropy: Entropy, now_ms: int) -> list[Refusal]:
    """Stores the users of a batch whose names are free, each with a new id and a profile: one that was registered in
    advance for its confirmed address, or a new one, which has the `sub` that the user brings. Who was not taken, and
    why.

    Of two imports at once that bring the same name one fails as a whole with CONFLICT: repeat it then.
    """
    proved = [entrant.proved_email for entrant in batch.entrants if entrant.proved_email]
    waiting = waiting_profiles(work, tenant_id, proved)
    rows = _Rows(tenant_id, now_ms, roles_by_name(work, tenant_id), waiting)
    taken, directory = _Taken(work, tenant_id, batch.entrants), DIRECTORY_SETTINGS.load(work, tenant_id)
    refused = list(batch.refused)
    for entrant in batch.entrants:
        try:
            check_sign_in_name(directory, has_email=bool(entrant.emails))
            taken.check(entrant)
            rows.add(entrant, new_id(entropy), entrant.user.sub or new_id(entropy))
        except DomainError as error:
            refused.append(Refusal(entrant.names, error))
        else:
            taken.claim(entrant)
    rows.store(work)
    return refused


def left_out(batch: Batch, refused: Sequence[Refusal]) -> list[Refusal]:
    """Returns what was left out of users who were added, and why; `refused` is the answer of `store_batch`."""
    not_added = {id(one.names) for one in refused}
    return [
        Refusal(entrant.names, error)
        for entrant in batch.entrants
        if id(entrant.names) not in not_added
        for error in entrant.user.left_out
    ]


class _Taken:
    """The names in use, as far as a batch could collide with them. Names that are taken meanwhile are found when the
    users are stored."""

    def __init__(self, work: Work, tenant_id: str, entrants: Sequence[Entrant]) -> None:
        keys = {key for entrant in entrants for key in entrant.keys}
        self._keys = {row.name_key for row in work.rows(_IN_USE, {"of_tenant": tenant_id, "keys": list(keys)})}
        subs = [entrant.user.sub for entrant in entrants if entrant.user.sub]
        found = work.rows(_SUBS_IN_USE, {"of_tenant": tenant_id, "ids": subs}) if subs else ()
        self._subs = {row.id for row in found}

    def check(self, entrant: Entrant) -> None:
        """Raises USERNAME_TAKEN, EMAIL_TAKEN, SUB_TAKEN."""
        if entrant.name_key in self._keys:
            raise name_taken() if entrant.user.new.user_name else email_taken()
        keys = set(entrant.email_keys)
        if len(keys) < len(entrant.email_keys) or keys & self._keys:
            raise email_taken()
        if entrant.user.sub in self._subs:
            raise sub_taken(entrant.user.sub)

    def claim(self, entrant: Entrant) -> None:
        """Marks these names as taken by this user."""
        self._keys |= entrant.keys
        self._subs |= {entrant.user.sub} - {""}


class _Rows:
    """The rows of new users, by table."""

    def __init__(
        self, tenant_id: str, now_ms: int, roles: dict[str, str], waiting: dict[str, WaitingProfile]
    ) -> None:  # fmt: skip
        self._tenant_id = tenant_id
        self._now_ms = now_ms
        self._roles = roles
        self._waiting = waiting
        self._given: list[tuple[WaitingProfile, dict[str, Any]]] = []
        self._names: list[tuple[str, str]] = []
        self._passwords: list[CarriedPassword] = []
        self._by_table: dict[Any, list[dict[str, Any]]] = {
            table: [] for table in (_USERS, _EMAILS, _PHONES, _PROFILES, _IDENTITIES, _PROFILE_ROLES)
        }

    def add(self, entrant: Entrant, user_id: str, profile_id: str) -> None:
        """Adds one user, with the profile `profile_id` if none waits for it. Raises ROLE_NOT_FOUND,
        ATTRIBUTES_TOO_LARGE and PROFILE_WAITS, and adds nothing then."""
        user, tenant_id = entrant.user, self._tenant_id
        held = self._role_ids(user.roles)
        row = user_row(tenant_id, user_id, user.new, primary_of(entrant.emails), self._now_ms)
        facts = directory_facts(row["display_name"], entrant.email, row["user_name"], row["locale"])
        waiting = self._waiting.get(login_key(entrant.proved_email))
        if waiting and user.sub not in ("", waiting.id):
            message = f"The profile {waiting.id} is registered for this mail address: delete it, or leave out sub."
            raise conflict("PROFILE_WAITS", message, scim_type="uniqueness")
        if waiting:
            profile_id, held = waiting.id, [role_id for role_id in held if role_id not in waiting.role_ids]
            attributes = waiting.with_attributes(user.attributes)
            self._given.append((waiting, {**facts, "attributes": attributes, "modified_at": self._now_ms}))
        else:
            profile = profile_row(tenant_id, profile_id, facts, self._now_ms, is_brought=bool(user.sub))
            self._by_table[_PROFILES].append({**profile, "attributes": user.attributes})
        belonging = identity_row(tenant_id, profile_id, IdentityView(CLOUD_DIRECTORY, user_id, "{}"), entrant.email)
        self._names += [(key, user_id) for key in entrant.keys]
        self._by_table[_USERS].append(row)
        self._by_table[_EMAILS] += email_rows(tenant_id, user_id, entrant.emails)
        self._by_table[_PHONES] += phone_rows(tenant_id, user_id, user.new.phones)
        self._by_table[_IDENTITIES].append(belonging)
        self._by_table[_PROFILE_ROLES] += [
            {"tenant_id": tenant_id, "profile_id": profile_id, "role_id": role_id} for role_id in held
        ]
        if user.hash:
            past = tuple(phc for phc in user.past if phc)
            self._passwords.append(CarriedPassword(user_id, user.hash, past, user.changed_at, user.valid_until))

    def _role_ids(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if name_key(name) not in self._roles:
                message = f"This tenant has no role named {name[:100]!r}; create it first."
                raise invalid("ROLE_NOT_FOUND", message, scim_type="invalidValue")
        return list(dict.fromkeys(self._roles[name_key(name)] for name in names))

    def store(self, work: Work) -> None:
        """All of them, in one statement a table."""
        give_profiles(work, self._tenant_id, self._given)
        for table, rows in self._by_table.items():
            if rows:
                # In the order of names: two imports that wait for each other's would both be refused.
                work.run(insert(table), sorted(rows, key=_name_of))
        if take_login_names(work, self._tenant_id, self._names):
            raise conflict("CONFLICT", "Another change came first; repeat the import.")
        if self._passwords:
            bring_passwords(work, self._tenant_id, self._passwords, self._now_ms)


def _name_of(row: dict[str, Any]) -> str:
    """Returns the name by which a row may collide with another's; rows without such a name stay as they are."""
    return str(row.get("user_name_key") or row.get("value_key") or "")
