"""Definitions of preferences: what each may hold. Some are built in; operators add others, for every tenant."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, delete, select

from ostiary.directory.preferences.language import LOCAL_LANGUAGE
from ostiary.errors import conflict, invalid, not_found
from ostiary.store.tables import Preference, table_of
from ostiary.store.tables import PreferenceDefinition as Row
from ostiary.store.work import Work

_ROWS, _PREFERENCES = table_of(Row), table_of(Preference)
_FACTS = ("classifier", "name", "data_type", "constrained", "allowed_values", "min_value", "max_value", "default_value")
_ALL = select(*(_ROWS.c[name] for name in _FACTS)).order_by(_ROWS.c.classifier)
_ONE = select(*(_ROWS.c[name] for name in _FACTS)).where(_ROWS.c.classifier == bindparam("classifier"))
_CLASSIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}:[A-Za-z0-9._-]{1,128}")
MAX_VALUE, MAX_NAME = 2_048, 255
"""Characters of a value, and of a name."""
MAX_ALLOWED_VALUES = 100
_FURTHEST = 1 << 53


class DataType(StrEnum):
    """The type of a preference's value, which is a text in every dialect."""

    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    STRING = "STRING"


@dataclass(frozen=True, slots=True)
class PreferenceDefinition:
    """What a preference may hold.

    `classifier` is `scope:name`. `allowed_values` count if it is `constrained`, `min_value` and `max_value` for
    integers. `default_value` is what holds while somebody has set none.
    """

    classifier: str
    name: str
    data_type: DataType = DataType.STRING
    constrained: bool = False
    allowed_values: Sequence[str] = ()
    min_value: int | None = None
    max_value: int | None = None
    default_value: str = ""


BUILT_IN: Mapping[str, PreferenceDefinition] = {
    LOCAL_LANGUAGE: PreferenceDefinition(LOCAL_LANGUAGE, "Local language"),
}
"""The definitions of every installation, by classifier."""


def list_definitions(work: Work) -> list[PreferenceDefinition]:
    """All definitions, by classifier."""
    found = [*BUILT_IN.values(), *(_read(row) for row in work.rows(_ALL))]
    return sorted(found, key=lambda one: one.classifier)


def get_definition(work: Work, classifier: str) -> PreferenceDefinition:
    """The definition of a classifier; raises PREFERENCE_NOT_FOUND."""
    if classifier in BUILT_IN:
        return BUILT_IN[classifier]
    row = work.row(_ONE, {"classifier": classifier})
    if row is None:
        raise not_found("PREFERENCE_NOT_FOUND", "There is no preference with this classifier.")
    return _read(row)


def define_preference(work: Work, definition: PreferenceDefinition, now_ms: int) -> None:
    """Adds a definition. Raises INVALID_PREFERENCE_DEFINITION, CLASSIFIER_TAKEN (409)."""
    _check(definition)
    row = {
        **{name: getattr(definition, name) for name in _FACTS}, "data_type": definition.data_type.value,
        "allowed_values": json.dumps(list(definition.allowed_values)), "created_at": now_ms,
    }  # fmt: skip
    if definition.classifier in BUILT_IN or not work.insert_new(_ROWS, row):
        raise conflict("CLASSIFIER_TAKEN", f"There is a preference {definition.classifier} already.")


def delete_definition(work: Work, classifier: str) -> None:
    """Deletes a definition, and what everybody has set of it. Raises PREFERENCE_NOT_FOUND, PREFERENCE_BUILT_IN."""
    if get_definition(work, classifier).classifier in BUILT_IN:
        raise invalid("PREFERENCE_BUILT_IN", f"The preference {classifier} is built in; it stays.")
    work.run(delete(_ROWS).where(_ROWS.c.classifier == classifier))
    work.run(delete(_PREFERENCES).where(_PREFERENCES.c.classifier == classifier))


def check_value(definition: PreferenceDefinition, value: str) -> str:
    """Returns a value as it is stored. Raises INVALID_PREFERENCE_VALUE, which says what would be right."""
    if len(value) > MAX_VALUE:
        raise _unfit(definition, f"has at most {MAX_VALUE} characters")
    if definition.data_type is DataType.BOOLEAN:
        value = value.lower()
        if value not in ("true", "false"):
            raise _unfit(definition, "is true or false")
    if definition.data_type is DataType.INTEGER:
        value = str(_whole_number(definition, value))
    if definition.constrained and value not in definition.allowed_values:
        raise _unfit(definition, f"is one of {', '.join(definition.allowed_values)}")
    return value


def _whole_number(definition: PreferenceDefinition, value: str) -> int:
    least = -_FURTHEST if definition.min_value is None else definition.min_value
    most = _FURTHEST if definition.max_value is None else definition.max_value
    number = int(value) if re.fullmatch(r"-?[0-9]{1,16}", value) else None
    if number is None or not least <= number <= most:
        raise _unfit(definition, f"is a whole number from {least} to {most}")
    return number


def _unfit(definition: PreferenceDefinition, rule: str) -> Exception:
    return invalid("INVALID_PREFERENCE_VALUE", f"The value of {definition.classifier} {rule}.")


def _check(definition: PreferenceDefinition) -> None:
    if not _CLASSIFIER.fullmatch(definition.classifier):
        raise _bad("the classifier is scope:name, of letters, digits, dots, hyphens and underscores")
    if not 0 < len(definition.name) <= MAX_NAME:
        raise _bad(f"the name has 1 to {MAX_NAME} characters")
    bounds = [bound for bound in (definition.min_value, definition.max_value) if bound is not None]
    if bounds and definition.data_type is not DataType.INTEGER:
        raise _bad("only an INTEGER has a least and a greatest value")
    if any(abs(bound) > _FURTHEST for bound in bounds) or bounds != sorted(bounds):
        raise _bad("the least value is not above the greatest, and both are whole numbers below 2^53")
    if definition.constrained == (not definition.allowed_values):
        raise _bad("allowed values belong to a constrained preference, which has at least one")
    if len(definition.allowed_values) > MAX_ALLOWED_VALUES:
        raise _bad(f"there are at most {MAX_ALLOWED_VALUES} allowed values")
    for value in (*definition.allowed_values, definition.default_value):
        if value and check_value(definition, value) != value:
            raise _bad(f"write {value!r} as {check_value(definition, value)!r}")


def _bad(rule: str) -> Exception:
    return invalid("INVALID_PREFERENCE_DEFINITION", f"A preference cannot be defined so: {rule}.")


def _read(row: Any) -> PreferenceDefinition:
    facts = {**row._asdict(), "data_type": DataType(row.data_type), "allowed_values": json.loads(row.allowed_values)}
    return PreferenceDefinition(**facts)
