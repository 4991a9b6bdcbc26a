"""How names and mail addresses are compared."""

from __future__ import annotations

import pytest

from ostiary.errors import DomainError
from ostiary.names import email_key, login_key, name_key


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Jane", "jane"),
        ("JANE", "\uff4a\uff41\uff4e\uff45"),  # full width
        ("Straße", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("\ufb01ona", "FIONA"),
        (" jane ", "jane"),
    ],
)
def test_spellings_of_one_name_are_one_name(left: str, right: str) -> None:
    assert name_key(left) == name_key(right) == login_key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Jane@Example.COM", "jane@example.com"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25.com", "jane@example.com"),
    ],
)
def test_spellings_of_one_address_are_one_address(left: str, right: str) -> None:
    assert email_key(left) == email_key(right) == login_key(left)


@pytest.mark.parametrize("other", ["jane+tag@example.com", "ja.ne@example.com", "jane@example.co", "jane"])
def test_other_addresses_are_other_people(other: str) -> None:
    assert login_key(other) != login_key("jane@example.com")


@pytest.mark.parametrize(
    "text", ["", "jane", "@example.com", "jane@", "a b@example.com", "jane@exa mple.com", "jane\r\n@example.com",
             "jane@example.com\0", "jane@-bad-.example", "a" * 250 + "@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(DomainError) as refused:
        email_key(text)
    assert refused.value.reason == "INVALID_EMAIL"
