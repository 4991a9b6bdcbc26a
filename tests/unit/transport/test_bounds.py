"""Bounds of requests: what is refused, where it is said to be, and with which words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc_tools
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from ostiary.transport.bounds.faults import bounds_faults
from ostiary.transport.bounds.messages import Checks
from ostiary.transport.bounds.texts import TEXTS
from ostiary_api.options.v1 import rest_pb2 as rest

HERE, POOL = Path(__file__).parent, descriptor_pool.Default()
ROOT = HERE.parents[2]
BODY = {"isOn": True, "parts": [{"name": "p"}], "texts": []}
RIGHT = {"kind": "a", "needed": "x", "body": BODY}
PACKAGE = "ostiary.tests.bounds"


@pytest.fixture(scope="module", autouse=True)
def protos(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("bounds") / "bounds.binpb"
    roots = [HERE, ROOT / "proto", ROOT / "third_party", Path(grpc_tools.__file__).parent / "_proto"]
    assert protoc.main(["protoc", *(f"-I{root}" for root in roots), f"-o{target}", "bounds.proto"]) == 0
    (file,) = FileDescriptorSet.FromString(target.read_bytes()).file
    POOL.Add(file)


def refused(**changes: Any) -> tuple[str, str] | None:
    """Reason and message of the refusal of a right request with other values; None when it is taken."""
    message = POOL.FindMessageTypeByName(f"{PACKAGE}.Everything")
    check = Checks().request(message, {"kind"}, "body")
    assert check is not None
    request = json_format.ParseDict({**RIGHT, **changes}, message_factory.GetMessageClass(message)())
    excess = check(request)
    if excess is None:
        return None
    error = excess.error()
    return error.reason, error.message


def in_body(**changes: Any) -> tuple[str, str] | None:
    return refused(body={name: value for name, value in {**BODY, **changes}.items() if value is not ...})


def test_the_bounds_themselves_are_taken() -> None:
    assert refused() is None
    assert refused(word="äöü", needed="12345", number=9) is None
    assert refused(number=0) is None
    assert in_body(color="#0F", parts=[{"name": "1234"}] * 2, words=["x", "y"], named={"k": {"name": "n"}}) is None
    assert in_body(texts=["", "ab"], objects=[{}], described=[{"name": "d"}], needy={"name": "n", "other": "o"}) is None
    assert in_body(mail="ann@example.com", line="a line", url="https://example.com/a@b", header="a b") is None
    assert in_body(share=0.5, choice={"two": "2"}) is None


def test_an_empty_text_that_nothing_needs_counts_as_left_out() -> None:
    assert refused(word="") is None
    assert in_body(mail="", line="", url="", header="") is None


def test_an_empty_text_in_the_path_is_one_that_was_sent() -> None:
    assert refused(kind="") == ("INVALID_FIELD", "kind must be one of a, b; it was a text of 0 characters.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "c"}, "kind must be one of a, b; it was a text of 1 character."),
        ({"word": "1234"}, "word must have at most 3 characters, not 4."),
        ({"needed": "123456"}, "needed must have 1 to 5 characters, not 6."),
        ({"number": 10}, "number must be between 0 and 9, not 10."),
        ({"number": -1}, "number must be between 0 and 9, not -1."),
    ],
)
def test_a_value_beyond_a_bound_is_refused_in_the_servers_own_words(changes: dict[str, Any], message: str) -> None:
    assert refused(**changes) == ("INVALID_FIELD", message)


def test_what_is_missing_is_named() -> None:
    assert refused(needed="") == ("FIELD_MISSING", "needed is required.")
    assert in_body(texts=...) == ("FIELD_MISSING", "texts is required.")


@pytest.mark.parametrize(
    ("changes", "reason", "start"),
    [
        ({"parts": []}, "INVALID_FIELD", "parts takes 1 entries or more, not 0."),
        ({"parts": [{"name": "p"}, {}]}, "FIELD_MISSING", "parts[1].name is required."),
        ({"parts": [{"name": "p\n"}]}, "INVALID_FIELD", "parts[0].name must be one line, not blank"),
        ({"parts": [{"name": "   "}]}, "INVALID_FIELD", "parts[0].name must be one line, not blank"),
        ({"words": ["x", "z"]}, "INVALID_FIELD", "words[1] must be one of x, y"),
        ({"named": {"a": {"name": "n"}, "b": {"name": "n"}}}, "INVALID_FIELD", "named takes at most 1 entries, not 2."),
        ({"named": {"a": {"name": "12345"}}}, "INVALID_FIELD", "named.a.name must have 1 to 4 characters, not 5."),
        ({"labels": {"a": "abc", "b": "abcd"}}, "INVALID_FIELD", "labels.b must have at most 3 characters, not 4."),
        ({"texts": ["ab", 7]}, "INVALID_FIELD", "texts[1] must be a text."),
        ({"texts": ["abc"]}, "INVALID_FIELD", "texts[0] must have at most 2 characters, not 3."),
        ({"objects": [{}, "o"]}, "INVALID_FIELD", "objects[1] must be an object."),
        ({"described": [{"name": "d"}, 7]}, "INVALID_FIELD", "described[1] must be an object with name, other."),
        ({"described": [{"name": "d"}, {}]}, "FIELD_MISSING", "described[1].name is required."),
        ({"needy": {"name": "n"}}, "FIELD_MISSING", "needy.other is required."),
        ({"needy": {"name": "n", "other": ""}}, "FIELD_MISSING", "needy.other is required."),
        ({"mail": "nobody"}, "INVALID_FIELD", "mail must be a mail address such as"),
        ({"line": "a\u2028b"}, "INVALID_FIELD", "line must be one line"),
        ({"url": "ftp://example.com"}, "INVALID_FIELD", "url must be https://HOST"),
        ({"url": "https://example.com/" + "a" * 1_981}, "INVALID_FIELD", "url must have at most 2000 characters"),
        ({"header": "a\tb"}, "INVALID_FIELD", "header must be ASCII text"),
        ({"share": 0.4}, "INVALID_FIELD", "share must be 0.5 or more, not 0.4."),
        ({"share": "NaN"}, "INVALID_FIELD", "share must be 0.5 or more, not nan."),
        ({"choice": {}}, "FIELD_MISSING", "1 or more of one, two must be given."),
        ({"body": {"isOn": True, "texts": []}}, "INVALID_FIELD", "body.parts takes 1 entries or more"),
    ],
)  # fmt: skip
def test_paths_begin_in_the_body_and_lead_to_the_value(changes: dict[str, Any], reason: str, start: str) -> None:
    found = in_body(**changes)
    assert found is not None
    assert (found[0], found[1][: len(start)]) == (reason, start)


def test_a_dialect_has_its_own_reasons_and_words() -> None:
    assert in_body(isOn=...) == ("OFF", "isOn, please.")
    assert in_body(parts=[{"name": "p"}] * 3) == ("CROWD", "parts: 2")
    for color in ("", "#0f", "#0F\n", "#0F0"):
        found = in_body(color=color)
        assert found is not None
        assert found[0] == "COLOR"


def test_a_body_that_is_left_out_is_an_empty_one() -> None:
    message = POOL.FindMessageTypeByName(f"{PACKAGE}.Everything")
    check = Checks().request(message, {"kind"}, "body")
    assert check is not None
    excess = check(message_factory.GetMessageClass(message)(kind="a", needed="x"))
    assert excess is not None
    assert excess.error().reason == "OFF"


def test_what_answers_hold_and_what_operations_check_is_not_looked_at() -> None:
    assert refused(answered={"name": "far too long"}, own="far too long") is None
    assert Checks().request(POOL.FindMessageTypeByName(f"{PACKAGE}.Free"), (), "") is None


def test_a_refusal_shows_no_text_that_was_sent() -> None:
    found = refused(needed="my secret")
    assert found is not None
    assert "secret" not in found[1]


def test_contradictions_in_the_options_are_found_at_start() -> None:
    faults = "\n".join(bounds_faults(POOL.FindMessageTypeByName(f"{PACKAGE}.Wrong")))
    for field, words in {
        "is_on": "a required switch or number must be optional",
        "number": "a number with bounds must be optional",
        "open": "must reach from ^ to $",
        "ahead": "cannot be checked in linear time",
        "blanks": "does not mean the same",
        "dot": "a dot matches",
        "either": "put alternatives in a group",
        "when": "the format date-time cannot be checked",
        "size": "bounds of texts are on",
        "needy": "requires names nobody",
        "this": "cannot be required",
    }.items():
        assert re.search(rf"Wrong\.{field}: .*{re.escape(words)}", faults), field
    assert not [*bounds_faults(POOL.FindMessageTypeByName(f"{PACKAGE}.Everything"))]


@pytest.mark.parametrize("kind", [rest.TEXT_LINE, rest.TEXT_ASCII])
def test_documented_patterns_of_kinds_mean_what_is_checked(kind: int) -> None:
    known = TEXTS[kind]
    for number in (number for number in range(0x3100) if not 0xD800 <= number < 0xE000):
        for text in (chr(number), f"a{chr(number)}b", f" {chr(number)} "):
            assert known.holds(text) == bool(re.fullmatch(known.pattern[1:-1], text)), hex(number)
            assert known.filled(text) == bool(re.fullmatch(known.filled_pattern[1:-1], text)), hex(number)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "HTTP://EXAMPLE.com:8443/a?b=c#d", "https://[::1]/x", "http://_a.example.com/@user",
        "https://user@example.com/", "ftp://example.com", "https:///path", "https://example.com/a b", "https://",
        "https://example.com\\a", "https://exämple.com",
    ],
)  # fmt: skip
def test_the_documented_pattern_of_web_urls_means_what_is_checked(url: str) -> None:
    known = TEXTS[rest.TEXT_WEB_URL]
    assert known.holds(url) == bool(re.fullmatch(known.pattern[1:-1], url))
