"""Belongings of users in other tables: contacts, roles, groups, and the names that a provisioner gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Select, cast, false, literal, null, select, union_all

from ostiary.directory.groups.membership import GROUPS_OF_USERS, BelongsTo, groups_from
from ostiary.directory.roles.bindings import HeldRole, given_from, given_roles
from ostiary.directory.users.contacts import Contacts, contact_rows, contacts_from, contacts_of
from ostiary.directory.users.external_ids import EXTERNAL_IDS, USER
from ostiary.store.prepared import prepared
from ostiary.store.work import Work


def _rows() -> list[Select[Any]]:
    """All that belongs to the users `ids`, with the columns of contacts and one more; the first says what a row is."""
    never = cast(null(), BigInteger)
    roles, groups, names = (
        given_roles(USER).subquery("given"),
        GROUPS_OF_USERS.subquery("belonging"),
        EXTERNAL_IDS.subquery(),
    )
    return [
        *(each.add_columns(never.label("expires_at")) for each in contact_rows()),
        select(
            literal("role"), roles.c.holder_id, literal(0), roles.c.role, roles.c.name, roles.c.display_name, false(),
            false(), roles.c.expires_at,
        ),
        select(
            literal("group"), groups.c.user_id, literal(0), groups.c.id, groups.c.display_name,
            groups.c.display_name_key, groups.c.direct, false(), never,
        ),
        select(
            literal("name"), names.c.resource_id, literal(0), names.c.external_id, literal(""), literal(""), false(),
            false(), never,
        ),
    ]  # fmt: skip


_OF_USERS = prepared(union_all(*_rows()))


class Belongings:
    """Reads with one statement what belongs to users, where each would be a statement of its own, and keeps it by user
    id: the roles that they were given themselves and hold at `now_ms`, their groups, both sorted by name, and their
    names with `provisioner`."""

    def __init__(self, provisioner: str, now_ms: int, *, only_contacts: bool = False) -> None:
        """`only_contacts` reads no more than those."""
        self._only_contacts = only_contacts
        self._asked = {"provisioner": provisioner, "type": USER, "now_ms": now_ms}
        self.roles: Mapping[str, Sequence[HeldRole]] = {}
        self.groups: Mapping[str, Sequence[BelongsTo]] = {}
        self.external_ids: dict[str, str] = {}

    def read(self, work: Work, tenant_id: str, user_ids: Sequence[str]) -> Contacts:
        """Reads what belongs to these users, in place of what was read before, and returns their contacts."""
        if self._only_contacts:
            return contacts_of(work, tenant_id, user_ids)
        found = work.rows(_OF_USERS, {**self._asked, "of_tenant": tenant_id, "ids": user_ids}) if user_ids else ()
        parts: dict[str, list[Any]] = {"email": [], "phone": [], "role": [], "group": [], "name": []}
        for row in found:
            parts[row.kind].append(row)
        self.roles = given_from(
            tenant_id, user_ids, [(row[1], row[3], row[4], row[5], row[8]) for row in parts["role"]]
        )
        self.groups = groups_from(user_ids, [(row[1], *row[3:7]) for row in parts["group"]])
        self.external_ids = {row[1]: row[3] for row in parts["name"]}
        return contacts_from(row[:8] for row in (*parts["email"], *parts["phone"]))
