"""Preferences that somebody has set, or that hold by default."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from ostiary.directory.preferences.definitions import (
    PreferenceDefinition,
    check_value,
    get_definition,
    list_definitions,
)
from ostiary.directory.preferences.language import LOCAL_LANGUAGE, check_language
from ostiary.directory.users.changes import set_locale
from ostiary.directory.users.users import get_user
from ostiary.store.prepared import prepared
from ostiary.store.tables import Preference as Row
from ostiary.store.tables import table_of
from ostiary.store.work import Work

USER, CLIENT, API_KEY, SERVICE_ACCOUNT = "User", "Client", "ApiKey", "ServiceAccount"
"""Kinds of owners."""
_ROWS = table_of(Row)
_OF_OWNER = prepared(
    select(_ROWS.c.classifier, _ROWS.c.value).where(
        _ROWS.c.tenant_id == bindparam("of_tenant"), _ROWS.c.owner_id == bindparam("owner_id"),
        _ROWS.c.owner_kind == bindparam("owner_kind"),
    )
)  # fmt: skip
_PUT = prepared(
    lambda insert: (adding := insert(_ROWS)).on_conflict_do_update(
        index_elements=_ROWS.primary_key.columns,
        set_={"value": adding.excluded.value, "modified_at": adding.excluded.modified_at},
    )
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who has preferences: a directory user, a client, an API key or a service account."""

    id: str
    kind: str = USER


@dataclass(frozen=True, slots=True)
class Preference:
    """A preference as the dialects show it; `value` is a text whatever its type."""

    classifier: str
    name: str
    value: str


def list_preferences(work: Work, tenant_id: str, owner: Owner) -> list[Preference]:
    """Every preference that is defined, by classifier, with what the owner has set or what holds by default."""
    values = _values(work, tenant_id, owner)
    return [_preference(definition, values) for definition in list_definitions(work)]


def get_preference(work: Work, tenant_id: str, owner: Owner, classifier: str) -> Preference:
    """The preference; raises PREFERENCE_NOT_FOUND for one that is not defined, USER_NOT_FOUND."""
    return _preference(get_definition(work, classifier), _values(work, tenant_id, owner))


def put_preference(
    work: Work, tenant_id: str, owner: Owner, classifier: str, value: str, now_ms: int
) -> Preference:  # fmt: skip
    """Sets a preference. Raises PREFERENCE_NOT_FOUND, INVALID_PREFERENCE_VALUE, INVALID_LANGUAGE, USER_NOT_FOUND."""
    definition = get_definition(work, classifier)
    if classifier == LOCAL_LANGUAGE:
        check_language(value)
    stored = check_value(definition, value)
    if classifier == LOCAL_LANGUAGE and owner.kind == USER:
        set_locale(work, tenant_id, owner.id, stored, now_ms)
    else:
        row = {"tenant_id": tenant_id, "owner_id": owner.id, "owner_kind": owner.kind}
        work.run(_PUT, {**row, "classifier": classifier, "value": stored, "modified_at": now_ms})
    return Preference(classifier, definition.name, stored)


def forget_preferences(work: Work, tenant_id: str, owner: Owner) -> None:
    """Deletes all that an owner has set; for clients and service accounts that are deleted."""
    of_owner = (_ROWS.c.owner_id == owner.id, _ROWS.c.owner_kind == owner.kind)
    work.run(delete(_ROWS).where(_ROWS.c.tenant_id == tenant_id, *of_owner))


def _values(work: Work, tenant_id: str, owner: Owner) -> dict[str, str]:
    asked = {"of_tenant": tenant_id, "owner_id": owner.id, "owner_kind": owner.kind}
    values = {row.classifier: row.value for row in work.rows(_OF_OWNER, asked)}
    if owner.kind == USER:
        values[LOCAL_LANGUAGE] = get_user(work, tenant_id, owner.id).locale
    return values


def _preference(definition: PreferenceDefinition, values: dict[str, str]) -> Preference:
    value = values.get(definition.classifier, definition.default_value)
    return Preference(definition.classifier, definition.name, value)
