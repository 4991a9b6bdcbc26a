"""JSON of callers: what two readers would read alike, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ostiary.errors import DomainError
from ostiary.http.json_text import read_json


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": 1, "b": [1.50, null, "\\u00e9"]}', {"a": 1, "b": [1, None, "é"]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"[" * 60 + b"]" * 60, None),
    ],
)
def test_good_json_is_read(data: bytes, value: Any) -> None:
    found = read_json(data)
    if isinstance(value, dict) and "b" in value:
        assert found.pop("b") == [Decimal("1.50"), *value.pop("b")[1:]]
    assert value is None or found == value


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b'{"a": 1, "a": 1}', b'{"x": {"a": 1, "a": 2}}', b'[{"a": 1, "\\u0061": 2}]', b"NaN", b"[Infinity]",
        b"[-Infinity]", b'"\\ud800"', b'{"\\udfff": 1}', b'"\\ude00\\ud83d"', b'"\xff"', b'"\xed\xa0\x80"',
        '{"a": 1}'.encode("utf-16"), b"[" * 100 + b"]" * 100, b"[" * 100_000, b'{"a": 1}{"a": 1}',
    ],
)  # fmt: skip
def test_what_two_readers_might_read_differently_is_malformed(data: bytes) -> None:
    with pytest.raises(DomainError, match="MALFORMED_JSON"):
        read_json(data)
