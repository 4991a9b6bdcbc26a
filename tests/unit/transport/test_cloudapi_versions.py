"""Which versions of cloudapi are taken (decision: 36.0 to 40.0 and 9.x)."""

from __future__ import annotations

import pytest

from ostiary.transport.dialects.cloudapi_versions import is_spoken, versions_of


@pytest.mark.parametrize("version", ["36.0", "36.3", "37.2", "38.1", "39.0", "40.0", "9.0", "9.1.0", "9.7"])
def test_these_versions_are_spoken(version: str) -> None:
    assert is_spoken(version)


@pytest.mark.parametrize(
    "version", ["35.9", "40.1", "41.0", "10.0", "8.9", "36", "", "x", "9", "9.1.0.0", "36.0-alpha"]
)
def test_these_versions_are_not(version: str) -> None:
    assert not is_spoken(version)


@pytest.mark.parametrize(
    ("accept", "versions"),
    [
        ("", []),
        ("*/*", []),
        ("application/json;version=", []),
        ("application/json;version=37.0", ["37.0"]),
        ('application/json; Version = "37.0" ;multisite=global, text/html', ["37.0"]),
        ("application/json;version=99.0, application/json;version=9.1.0", ["99.0", "9.1.0"]),
    ],
)
def test_accept_names_versions(accept: str, versions: list[str]) -> None:
    assert list(versions_of(accept)) == versions
