"""Texts cite public documents and files of this repository only: a reader can open whatever is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("src", "tests", "proto", "deploy", "docs", "tools", "findings", "*.md")
BINARY = (".binpb", ".mo", ".png", ".jpg", ".gz", ".der", ".pyc")
# Their bad examples are no citations.
INVENTED = {f"tests/contract/test_{name}.py" for name in ("citations", "documents")}
# Numbers that mean nothing without a document. An operation's number has its meaning in docs/operations.md, and a
# decision of four digits is a file in docs/decisions. Standards are cited by section: "RFC 6749 §3.2".
NUMBERED = re.compile(
    r"""\bdecision\ "|\b(?:decisions?|catalogue|(?:attack\ )?cases?|faults?|issues?)\ (?!\d{4}\b)[A-Z]?\d+
    |\((?:[A-K]\d{1,3})(?:[,;]\ [A-K]\d{1,3})*\)""",
    re.VERBOSE,
)
# A file name in prose, with or without its folder. What is quoted is data and not a citation.
DOCUMENT = re.compile(r"""(?<![\w./"'{*-])((?:[\w.-]+/)*[\w-]+\.md)\b(?!["'])""")


def files() -> list[str]:
    """The text files of the repository: paths from the root."""
    found = [path for place in PLACES for path in sorted(ROOT.glob(place if "." in place else f"{place}/**/*"))]
    made = {"__pycache__", "node_modules", "target"}
    texts = [one for one in [*found, ROOT / "Makefile"] if one.suffix not in BINARY and one.is_file()]
    names = [str(one.relative_to(ROOT)) for one in texts if not made & set(one.parts)]
    return [name for name in names if name not in INVENTED]


def strangers(name: str, text: str) -> list[str]:
    """The citations in a text that nobody can follow; `name` is its path, from which its links are read."""
    missing = [one for one in DOCUMENT.findall(text) if not known(name, one)]
    return [found.group() for found in NUMBERED.finditer(text)] + missing


def known(name: str, cited: str) -> bool:
    return any((folder / cited).is_file() for folder in (ROOT, ROOT / "docs", (ROOT / name).parent))


def test_every_citation_can_be_opened() -> None:
    names = files()
    assert len(names) > 500, "the list is of the whole repository"
    found = {name: bad for name in names if (bad := strangers(name, (ROOT / name).read_text(encoding="utf-8")))}
    assert not found, "name the public document (RFC section, vendor's API) or a page under docs/"


@pytest.mark.parametrize(
    "cited",
    [
        "(decision 9)",
        '(decision "Secrets")',
        "(App ID catalogue 59, 60)",
        "catalogue I11",
        "(appid.md §2)",
        "(cases A5, A8)",
        "(case D53)",
        "(C42, G74)",
        "fault 4",
        "see issue 12",
        "[a page](nowhere.md)",
    ],
)
def test_what_nobody_can_open_is_found(cited: str) -> None:
    assert strangers("src/ostiary/app.py", f"A text {cited}.")


@pytest.mark.parametrize(
    "cited",
    [
        "RFC 6749 §3.2",
        "docs/operations.md",
        "[a page](docs/operations.md)",
        "docs/decisions/0006-restore.md",
        "operation A12",
        "SAML Core §3.3.2.2.1",
    ],
)
def test_what_everybody_can_open_is_not(cited: str) -> None:
    assert not strangers("src/ostiary/app.py", f"A text ({cited}).")
