"""The documents of the repository: their links lead somewhere, and the index of decisions lists every decision."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from kit.cases import in_one_test

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
MADE_BY_TOOLS = frozenset({"build", "dist", "node_modules", "var"})
CODE_SUFFIXES = frozenset({".py", ".proto", ".j2", ".lua", ".toml"})
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
MENTIONED = re.compile(r"docs/[\w./-]+\.md")
FIRST_LINES = re.compile(r"# (?P<number>\d{4})\. (?P<title>.+)\n\nDate: (?P<date>\d{4}-\d\d-\d\d)\n\n")


def sources(root: Path, suffixes: frozenset[str] = CODE_SUFFIXES) -> Iterator[Path]:
    """The files below a folder that people wrote, by the end of their name."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in MADE_BY_TOOLS]
        yield from (Path(folder, name) for name in files if Path(name).suffix in suffixes)


DOCUMENTS = sorted(sources(ROOT, frozenset({".md"})))


@cache
def anchors(path: Path) -> frozenset[str]:
    """The fragments under which GitHub shows a document's headings: the second of the same name has `-1` at its end."""
    found: Counter[str] = Counter()
    named = set()
    for heading in HEADING.findall(FENCED.sub("", path.read_text(encoding="utf-8"))):
        slug = re.sub(r"[^\w\- ]", "", LINK.sub(lambda link: link[0].rpartition("](")[0], heading).lower())
        slug = slug.replace(" ", "-")
        named.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return frozenset(named)


def broken(document: Path) -> Iterator[str]:
    """The links of a document to files or headings that are not there."""
    text = CODE.sub("", FENCED.sub("", document.read_text(encoding="utf-8")))
    for target in LINK.findall(text):
        path, _, fragment = target.partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        file = (document.parent / unquote(path)).resolve() if path else document
        if not file.exists() or (fragment and fragment not in anchors(file)):
            yield target


@in_one_test("document", DOCUMENTS, lambda path: path.relative_to(ROOT))
def test_relative_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    assert list(broken(document)) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One `word`, two\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n")
    text = "[a](other.md#one-word-two) [b](other.md#same-1) [c](https://example.com/x.md) `[d](gone.md)` [e](#here)"
    document = tmp_path / "document.md"
    document.write_text(f"# Here\n\n{text}\n\n[f](gone.md) [g](other.md#no-heading) [h](other.md#same-2) [i](#there)\n")
    assert list(broken(document)) == ["gone.md", "other.md#no-heading", "other.md#same-2", "#there"]


def test_documents_that_code_and_protos_name_exist() -> None:
    texts = [*DOCUMENTS, *(path for folder in ("src", "proto", "tests", "tools") for path in sources(ROOT / folder))]
    named = {name: path for path in texts for name in MENTIONED.findall(path.read_text(encoding="utf-8"))}
    assert {name: str(path) for name, path in named.items() if not (ROOT / name).is_file()} == {}


def test_the_index_of_decisions_has_the_number_date_and_title_of_each() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    missing = []
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        first = FIRST_LINES.match(path.read_text(encoding="utf-8"))
        assert first, f"{path.name} does not begin with '# NNNN. Title', an empty line and 'Date: YYYY-MM-DD'"
        assert path.name.startswith(f"{first['number']}-"), f"{path.name} has the number {first['number']} in its title"
        line = f"| [{first['number']}]({path.name}) | {first['date']} | {first['title']} |"
        missing += [line] if line not in index.splitlines() else []
    assert missing == [], "add these lines to docs/decisions/README.md"


def test_the_cases_that_tests_readme_says_to_copy_exist() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)` in \[\w+\.py\]\((\S+)\)", text)
    assert len(named) == text.count("`test_")
    absent = [name for name, path in named if f"def {name}(" not in (ROOT / "tests" / path).read_text(encoding="utf-8")]
    assert absent == []
