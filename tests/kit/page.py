"""The examples of docs/grpc.md: what a reader would put into files and type.

A fenced block is a file where the text before it ends with the file's name and a colon, and is typed where it is `sh`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/grpc.md"
SECTION = re.compile(r"^###? (.+)$", re.MULTILINE)
BLOCK = re.compile(r"(?:`(?P<name>[\w./]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """The files of a section by name, and its commands for a shell."""

    files: dict[str, str]
    commands: str

    def write(self, folder: Path) -> None:
        """Puts its files into the folder."""
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def _example(section: str) -> Example:
    blocks = list(BLOCK.finditer(section))
    return Example(
        files={block["name"]: block["text"] for block in blocks if block["name"]},
        commands="".join(block["text"] for block in blocks if block["language"] == "sh" and not block["name"]),
    )


def examples() -> dict[str, Example]:
    """By heading, those of the sections in which something is typed."""
    _, *parts = SECTION.split(PAGE.read_text(encoding="utf-8"))
    found = {heading: _example(text) for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    return {heading: example for heading, example in found.items() if example.commands}
