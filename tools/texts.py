"""Catalogues of the pages' texts: `make texts` takes new texts from templates and code into each, and compiles them.

A text that a catalogue lacks, or that has changed in English, is left empty and named: whoever speaks the language
translates it. With --check nothing is written: exits with 1 when a text is missing or a compiled file is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from ostiary.pages.texts import LANGUAGES, SOURCE, texts_of

PACKAGE = Path(__file__).parents[1] / "src/ostiary"
FOLDER = PACKAGE / "pages/locale"
METHODS = [
    ("pages/templates/**.html", "jinja2"), ("pages/**.py", "python"), ("login/**.py", "python"),
    ("account/**.py", "python"),
]  # fmt: skip


def extracted() -> Catalog:
    """Every text of templates and code, with the files in which it is."""
    found = Catalog(project="ostiary")
    keywords = {**DEFAULT_KEYWORDS, "marked": None}
    for file, _, text, *_ in extract_from_dir(PACKAGE, METHODS, keywords=keywords):
        found.add(text, locations=[(file, 1)])
    return found


def updated(language: str, texts: Catalog) -> Catalog:
    """The catalogue of a language with these texts and no others."""
    source = FOLDER / f"{language}.po"
    with source.open("rb") as file:
        catalogue = read_po(file, locale=language.replace("-", "_"))
    created = catalogue.creation_date
    catalogue.update(texts, no_fuzzy_matching=True)
    catalogue.creation_date = created
    catalogue.obsolete.clear()
    return catalogue


def write(language: str, catalogue: Catalog) -> None:
    """Writes the source and the compiled file."""
    with (FOLDER / f"{language}.po").open("wb") as source, (FOLDER / f"{language}.mo").open("wb") as machine:
        write_po(source, catalogue, width=120, include_lineno=False, sort_output=True)
        write_mo(machine, catalogue)


def compiled(catalogue: Catalog) -> Mapping[str, str]:
    """The texts of a catalogue by their English, as the compiled file has them."""
    return {str(message.id): str(message.string) for message in catalogue if message.id}


def main() -> int:
    """Writes all catalogues, or compares them."""
    texts, wrong = extracted(), []
    for language in sorted(set(LANGUAGES) - {SOURCE}):
        catalogue = updated(language, texts)
        wrong += [f"{language}.po lacks: {message.id}" for message in catalogue if message.id and not message.string]
        if "--check" not in sys.argv:
            write(language, catalogue)
        elif any(texts_of(language)(text) != translation for text, translation in compiled(catalogue).items()):
            wrong.append(f"{language}.mo is not what `make texts` makes")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
