"""Texts of the pages: none is missing in any language, and each reader gets the language that fits."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from ostiary.errors import invalid
from ostiary.pages.appearance import plain_look
from ostiary.pages.problems import problem_text
from ostiary.pages.texts import LANGUAGES, SOURCE, accepted, look_up, texts_of

ROOT = Path(__file__).parents[3]
PLACEHOLDERS = re.compile(r"%\(\w+\)s|\{\w+\}")


def test_no_text_is_missing_in_any_language_and_what_is_compiled_is_fresh() -> None:
    asked = [sys.executable, str(ROOT / "tools/texts.py"), "--check"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=120)
    assert (found.returncode, found.stdout.strip(), found.stderr) == (0, "", "")


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE}))
def test_a_translation_is_not_the_english_text_and_keeps_its_places(language: str) -> None:
    with (ROOT / f"src/ostiary/pages/locale/{language}.po").open("rb") as file:
        texts = {str(message.id): str(message.string) for message in read_po(file) if message.id}
    places = {text: sorted(PLACEHOLDERS.findall(text)) for text in texts}
    assert {text: sorted(PLACEHOLDERS.findall(said)) for text, said in texts.items()} == places
    same = {text for text, said in texts.items() if text == said}
    assert same <= {"Code", "Error: %(title)s", "Passkey", "Password", "Message", "Reason"}, same


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-CH,de;q=0.9,en;q=0.8", "de"), ("en-US,en;q=0.9,de;q=0.8", "en"), ("xx, de;q=0.1, fr;q=0.9", "fr"),
        ("pt-PT", "pt-BR"), ("zh-HK", "zh-TW"), ("zh-Hans-SG", "zh-CN"), ("zh", "zh-CN"), ("AR-eg", "ar"),
        ("de;q=0, it", "it"), ("", "en"), ("*", "en"), (";;,=,é", "en"), ("nl", "en"), ("a" * 9_000, "en"),
    ],
)  # fmt: skip
def test_a_browser_gets_the_language_that_it_likes_best(header: str, language: str) -> None:
    look = plain_look(header)
    assert (look.texts.tag, look.texts.direction) == (language, "rtl" if language == "ar" else "ltr")


def test_a_tenants_languages_decide_and_its_first_is_for_all_others() -> None:
    enabled = ("fr", "de-AT", "zh-Hant-TW")
    cases = {"de": "de-AT", "de-AT": "de-AT", "fr-CA": "fr", "zh-HK": "zh-Hant-TW", "zh-CN": "", "en": ""}
    assert {wanted: look_up([wanted], enabled) for wanted in cases} == cases
    assert texts_of("de-AT").tag == "de"
    assert accepted("a;q=0.2, b, c;q=0.5") == ["b", "c", "a"]


def test_a_problem_is_told_in_the_language_of_the_page_and_a_tenants_own_words_as_they_are() -> None:
    german = texts_of("de")
    assert problem_text(german, invalid("PASSWORDS_DIFFER", "x")).startswith("Die beiden Passwörter")
    built_in = "The password doesn't meet the strength requirements."
    assert problem_text(german, invalid("INVALID_PASSWORD", built_in)) == "Das Passwort ist nicht stark genug."
    assert problem_text(german, invalid("INVALID_PASSWORD", "Zwei Emojis!")) == "Zwei Emojis!"
