"""JSON as callers wrote it: numbers keep every digit and objects their order, unlike in google.protobuf.Struct."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, NoReturn

from ostiary.errors import DomainError, invalid

MAX_DEPTH = 64


def read_json(data: bytes, *, checked: bool = True) -> Any:
    """The value that `data` spells in UTF-8, with Decimal for numbers that are not whole. Raises MALFORMED_JSON, also
    for an object that has a name twice (RFC 7493 §2.3): two readers would see two different objects.

    A byte order mark in front is ignored (RFC 8259 §8.1). `checked` off: the caller checks each part by itself
    (`check_json`), so that one bad part does not cost the others.
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=distinct
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise _malformed() from error
    if checked:
        check_json(value)
    return value


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose names all differ. Raises ValueError for others."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same name twice")
    return members


def read_for_tokens(text: str) -> Any:
    """The value that stored JSON spells, for readers who know no numbers but IEEE 754's (RFC 8259 §6): one beyond them
    is null, since Python would write it as Infinity, and no JSON library of others could read the token then."""
    return json.loads(text, parse_float=_double)


def write_json(value: Any, *, escaped: bool = True) -> str:
    """The value as compact JSON; in ASCII unless `escaped` is off."""
    match value:
        case dict():
            pairs = (f"{_text(name, escaped)}:{write_json(one, escaped=escaped)}" for name, one in value.items())
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(write_json(one, escaped=escaped) for one in value) + "]"
        case Decimal():
            return str(value)
        case _:
            return _text(value, escaped)


def _text(value: Any, escaped: bool) -> str:
    return json.dumps(value, ensure_ascii=escaped)


def _double(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def check_json(value: Any, left: int = MAX_DEPTH) -> None:
    """Raises MALFORMED_JSON where values are nested deeper than `left`, and for halves of surrogate pairs, which are no
    Unicode text (RFC 7493 §2.1): no store takes them."""
    if not left:
        raise _malformed()
    match value:
        case str():
            _check_text(value)
        case dict():
            for name, member in value.items():
                _check_text(name)
                check_json(member, left - 1)
        case list():
            for member in value:
                check_json(member, left - 1)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _malformed() from error


def _malformed() -> DomainError:
    message = f"The body must be JSON in UTF-8, nested at most {MAX_DEPTH} deep, without a name twice in an object."
    return invalid("MALFORMED_JSON", message)
