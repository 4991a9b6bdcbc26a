"""Sources of the attributes of users: where each is stored, and how it is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, Table, and_, func, literal, or_, select

from ostiary.directory.roles.nesting import users_of, with_nested
from ostiary.directory.users.contacts import phone_key
from ostiary.directory.users.external_ids import USER
from ostiary.directory.users.input import ENTERPRISE
from ostiary.directory.users.searched import FOUND_BY
from ostiary.names import folded, login_key, name_key
from ostiary.scim.filters.filed import Location, Version
from ostiary.scim.filters.grammar import bad_filter
from ostiary.scim.filters.nodes import EQUAL, PRESENT, Operand
from ostiary.scim.filters.sources import Condition, Constant, Entries, Flag, Moment, Source, Text, exactly
from ostiary.scim.schema.attributes import USERS, Attribute, Place
from ostiary.store.comparing import ENTRY, by_code_point, json_any, json_text, starts_with
from ostiary.store.tables import (
    ExternalId,
    Group,
    OrganizationRole,
    RoleBinding,
    User,
    UserEmail,
    UserPhone,
    table_of,
)
from ostiary.store.tables.access import USER as HOLDS
from ostiary.store.tables.columns import LONGEST_SEARCHED

_USERS, _EMAILS, _PHONES, _IDS = table_of(User), table_of(UserEmail), table_of(UserPhone), table_of(ExternalId)
_BINDINGS, _ROLES, _GROUPS = table_of(RoleBinding), table_of(OrganizationRole), table_of(Group)
_DOCUMENT = _USERS.c.searched

_SORTED_LISTS: Mapping[str, Table] = {"emails": _EMAILS, "phoneNumbers": _PHONES}
_LAST = "\U0010ffff"


def _exact(column: Any) -> Text:
    return Text(by_code_point(column), exactly, exactly)


_COLUMNS: Mapping[str, Source] = {
    "id": Text(_USERS.c.id, exactly, exactly),
    "userName": Text(_USERS.c.user_name_key, login_key, folded),
    "displayName": Text(_USERS.c.display_name_key, name_key, folded),
    "locale": Text(by_code_point(func.lower(_USERS.c.locale))),
    "active": Flag(_USERS.c.active),
    "meta.resourceType": Constant("User"),
    "meta.created": Moment(_USERS.c.created_at),
    "meta.lastModified": Moment(_USERS.c.modified_at),
}
"""Attributes that have a column of their own."""


@dataclass(frozen=True, slots=True)
class SearchedUsers:
    """The users of a tenant as a client with ids of its own (`provisioner`) searches them."""

    tenant_id: str
    provisioner: str
    now_ms: int
    location: str
    """The URL of the list of users."""
    _numbers: dict[int, tuple[Condition, Select[Any]]] = field(default_factory=dict, compare=False, repr=False)
    kind = USERS

    def number_of(self, conditions: Sequence[Condition]) -> Select[Any] | None:
        """Counts, as `n`, the users that these conditions choose where one asks about contacts and is alone: they are
        read for the page anyway, and name nobody who is not there. None for all others."""
        _, counting = self._numbers.get(id(conditions[0]), (None, None)) if len(conditions) == 1 else (None, None)
        return counting

    def source(self, place: Place) -> Source | None:
        """Finds an attribute, or a part of one; None for one that cannot be searched."""
        if place.extension or place.attribute is None:
            return _in_document(place)
        name = place.attribute.name + (f".{place.part.name}" if place.part else "")
        if name in _COLUMNS:
            return _COLUMNS[name]
        made = _MADE.get(place.attribute.name)
        if made is None:
            return _in_document(place)
        source = made(self)
        return source if place.part is None else _part_of(source, place.part)

    def sort_key(self, place: Place) -> ColumnElement[Any] | None:
        """Returns the value of a list by which resources are sorted: the primary one; None for what is no such list."""
        name = place.attribute.name if place.attribute and not place.extension else ""
        if name in _SORTED_LISTS and (place.part is None or place.part.name == "value"):
            table = _SORTED_LISTS[name]
            mine = (table.c.user_id == _USERS.c.id, table.c.is_primary)
            return func.coalesce(select(by_code_point(table.c.value_key)).where(*mine).scalar_subquery(), _LAST)
        if name == "externalId":
            given = (
                _IDS.c.tenant_id == self.tenant_id, _IDS.c.resource_id == _USERS.c.id,
                _IDS.c.provisioner == self.provisioner, _IDS.c.resource_type == USER,
            )  # fmt: skip
            return func.coalesce(select(by_code_point(_IDS.c.external_id)).where(*given).scalar_subquery(), _LAST)
        return None

    def _contacts(self, table: Table, key: Callable[[str], str], part: Callable[[str], str]) -> Entries:
        parts: dict[str, Source] = {
            "value": Text(by_code_point(table.c.value_key), key, part),
            "type": Text(by_code_point(func.lower(table.c.type))),
            "display": Text(by_code_point(func.lower(table.c.display))),
            "primary": Flag(table.c.is_primary),
        }

        def having(condition: Condition) -> Condition:
            owners = self._owners(table.c.user_id, table.c.tenant_id, condition)
            among = _USERS.c.id.in_(select(owners))
            once = select(owners.c.user_id).distinct().subquery()  # PostgreSQL hashes them; it sorts count(DISTINCT)
            self._numbers[id(among)] = among, select(func.count().label("n")).select_from(once)
            return among

        return Entries(parts, having)

    def _owners(self, user: Any, tenant: Any, *conditions: Condition) -> CTE:
        # A common table: the page and the number of all that match ask for it, and it is read once.
        return select(user).where(tenant == self.tenant_id, *conditions).cte()

    def emails(self) -> Source:
        """The mail addresses of a user, which are rows of their own."""
        return self._contacts(_EMAILS, login_key, folded)

    def phones(self) -> Source:
        """The phone numbers of a user, which are compared without blanks and punctuation."""
        return self._contacts(_PHONES, phone_key, phone_key)

    def external_id(self) -> Source:
        """The id that the caller has given to a user; ids of other clients are never found."""
        mine = (_IDS.c.provisioner == self.provisioner, _IDS.c.resource_type == USER)
        return Entries(
            {"value": _exact(_IDS.c.external_id)},
            lambda condition: _USERS.c.id.in_(
                select(self._owners(_IDS.c.resource_id, _IDS.c.tenant_id, *mine, condition))
            ),
            single=True,
        )

    def roles(self) -> Source:
        """The roles that a user was given itself and holds now; those of groups are not among them."""
        name = func.coalesce(_ROLES.c.name, _BINDINGS.c.role)
        held = _BINDINGS.outerjoin(_ROLES, _ROLES.c.id == _BINDINGS.c.role)
        now = or_(_BINDINGS.c.expires_at.is_(None), _BINDINGS.c.expires_at > self.now_ms)

        def having(condition: Condition) -> Condition:
            given = (_BINDINGS.c.tenant_id == self.tenant_id, _BINDINGS.c.holder_type == HOLDS, now, condition)
            return _USERS.c.id.in_(select(_BINDINGS.c.holder_id).select_from(held).where(*given))

        return Entries({"value": Text(by_code_point(func.lower(name)))}, having)

    def groups(self) -> Source:
        """The groups to which a user belongs, itself or because a group contains another."""
        parts: dict[str, Source] = {
            "value": Text(_GROUPS.c.id, exactly, exactly),
            "display": Text(_GROUPS.c.display_name_key, name_key, folded),
        }

        def having(condition: Condition) -> Condition:
            chosen = select(_GROUPS.c.id).where(_GROUPS.c.tenant_id == self.tenant_id, condition)
            return _USERS.c.id.in_(users_of(with_nested(chosen)).params(of_tenant=self.tenant_id))

        return Entries(parts, having)

    def schemas(self) -> Source:
        """The schemas of a user: the core one, and that of the extension for those who have any of it."""
        return _Schemas()

    def meta(self) -> Source:
        """The parts `version` and `location` of `meta`; its other parts have columns."""
        parts: dict[str, Source] = {
            "version": Version(_USERS.c.version), "location": Location(_USERS.c.id, self.location),
        }  # fmt: skip
        return Entries(parts, lambda condition: condition)


_MADE: Mapping[str, Callable[[SearchedUsers], Source]] = {
    "emails": SearchedUsers.emails,
    "phoneNumbers": SearchedUsers.phones,
    "externalId": SearchedUsers.external_id,
    "roles": SearchedUsers.roles,
    "groups": SearchedUsers.groups,
    "schemas": SearchedUsers.schemas,
    "meta": SearchedUsers.meta,
}


def _part_of(source: Source, part: Attribute) -> Source | None:
    """A part of the entries of a list that stands outside of brackets: any entry may fulfil the comparison (RFC 7644
    §3.4.2.2)."""
    if not isinstance(source, Entries):
        return None
    found = source.parts.get(part.name.lower())
    return None if found is None else Entries({"value": found}, source.having, source.single)


def _in_document(place: Place) -> Source:
    names = (place.extension,) if place.extension else ()
    attribute, part = place.attribute, place.part
    if attribute is None:
        return _Complex(names)
    if attribute.multi_valued:
        return _list_in_document(attribute, part)
    names = (*names, attribute.name, *((part.name,) if part else ()))
    if names in _INDEXED:
        return _Indexed(json_text(_DOCUMENT, *names), nullable=True, beginning=_INDEXED[names])
    if part is None and attribute.type == "complex":
        value = attribute.parts.get("value")
        return _Complex(names, _text(value, *names, "value") if value else None)
    return _text(place.leaf or attribute, *names)


def _text(attribute: Attribute, *names: str) -> Text:
    return _compared(attribute, json_text(_DOCUMENT, *names))


def _compared(attribute: Attribute, column: ColumnElement[str]) -> Text:
    if attribute.type == "boolean":
        return Text(column, _as_word, _as_word, nullable=True)
    key = exactly if attribute.case_exact else folded
    return Text(column, key, key, nullable=True)


_INDEXED: Mapping[tuple[str, ...], ColumnElement[str]] = {path: _USERS.c[name] for name, path in FOUND_BY.items()}


@dataclass(frozen=True, slots=True)
class _Indexed(Text):
    """A text in stored JSON whose beginning has an index."""

    beginning: ColumnElement[str] = field(kw_only=True)

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """See `Source`. Longer texts that begin alike are told apart by the whole."""
        whole = Text(self.column, self.key, self.part, self.nullable).compared(name, operator, value)
        if operator not in (EQUAL, "sw") or not isinstance(value, str):
            return whole
        start = folded(value)[:LONGEST_SEARCHED]
        found = self.beginning == start if operator == EQUAL else starts_with(self.beginning, start)
        return and_(found, self.beginning.is_not(None) if len(start) < LONGEST_SEARCHED else whole)


def _as_word(text: str) -> str:
    return text.lower()


def _list_in_document(attribute: Attribute, part: Attribute | None) -> Source:
    parts: dict[str, Source] = {
        name: _Flag(json_text(ENTRY, each.name)) if each.type == "boolean" else _compared(
            each, json_text(ENTRY, each.name)
        )
        for name, each in attribute.parts.items()
    }  # fmt: skip
    entries = Entries(parts, lambda condition: json_any(_DOCUMENT, (attribute.name,), condition))
    return entries if part is None else Entries({"value": parts[part.name.lower()]}, entries.having)


@dataclass(frozen=True, slots=True)
class _Flag:
    """A value in stored JSON that is true or false and is stored as a word; where it is absent it is false."""

    column: ColumnElement[str]

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        word = func.coalesce(self.column, "false") == literal("true")
        return Flag(word).compared(name, operator, value)


@dataclass(frozen=True, slots=True)
class _Complex:
    """An object in stored JSON, which is there or not, and is compared by its `value` if it has one."""

    names: Sequence[str]
    value: Text | None = None

    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition, as `Source.compared` says."""
        if operator == PRESENT:
            return json_text(_DOCUMENT, *self.names).is_not(None)
        if self.value is None:
            raise bad_filter(f"name a part of {name}")
        return self.value.compared(name, operator, value)


@dataclass(frozen=True, slots=True)
class _Schemas:
    def compared(self, name: str, operator: str, value: Operand) -> Condition:
        """Returns the condition that one of the schemas of a user fulfils, as `Source.compared` says."""
        core = Constant(USERS.schema).compared(name, operator, value)
        extended = Constant(ENTERPRISE).compared(name, operator, value)
        return or_(core, and_(extended, _Complex((ENTERPRISE,)).compared(name, PRESENT, None)))
