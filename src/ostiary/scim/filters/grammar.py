"""Grammar of filters and of the paths of PATCH (RFC 7644 §3.4.2.2, §3.5.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from ostiary.errors import DomainError, invalid
from ostiary.names import is_text
from ostiary.scim.filters.nodes import (
    OPERATORS,
    PRESENT,
    Comparison,
    Joined,
    Name,
    Negated,
    Node,
    OneEntry,
    Operand,
    PatchPath,
)

MAX_LENGTH, MAX_DEPTH, MAX_COMPARISONS = 4_096, 16, 100
"""The longest filter in characters, the deepest nesting of brackets, and the most comparisons in one filter."""
_NAME = r"\$?[A-Za-z][A-Za-z0-9$_-]*"
_WRITTEN_NAME = re.compile(rf"(?:(urn:[A-Za-z0-9._:-]+):)?({_NAME})(?:\.({_NAME}))?", re.IGNORECASE)
_TOKEN = re.compile(
    rf"""[ \t\r\n\f]*(?:
    (?P<text>"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*")
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)(?![A-Za-z0-9._-])
    |(?P<word>(?:urn:[A-Za-z0-9._:-]+:)?{_NAME}(?:\.{_NAME})?)
    |(?P<mark>[()\[\].])
    |(?P<end>$))""",
    re.VERBOSE | re.IGNORECASE,
)
_NO_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_CONSTANTS: dict[str, Operand] = {"true": True, "false": False, "null": None}
_MAX_DIGITS = 30


def read_filter(text: str) -> Node:
    """The filter that `text` spells; raises INVALID_FILTER with what is wrong and where."""
    reader = _Reader(_tokens(text))
    found = reader.either()
    reader.expect_end()
    return found


def read_path(text: str) -> PatchPath:
    """The path that `text` spells; raises INVALID_PATH."""
    try:
        reader = _Reader(_tokens(text))
        found = reader.path()
        reader.expect_end()
    except DomainError as error:
        message = f"The path cannot be used: {error.facts['why']}."
        raise invalid("INVALID_PATH", message, scim_type="invalidPath") from error
    return found


def bad_filter(why: str) -> DomainError:
    """Returns the error for a filter that cannot be used."""
    return invalid("INVALID_FILTER", f"The filter cannot be used: {why}.", scim_type="invalidFilter", why=why)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise bad_filter(f"it has at most {MAX_LENGTH} characters")
    return list(_each_token(text))


def _each_token(text: str) -> Iterator[_Token]:
    position = 0
    while True:
        found = _TOKEN.match(text, position)
        if found is None:
            raise bad_filter(f"nothing that belongs in a filter begins at character {position + 1}")
        kind = found.lastgroup or "end"
        yield _Token(kind, found.group(kind), found.start(kind) + 1)
        if kind == "end":
            return
        position = found.end()


@dataclass(slots=True)
class _Reader:
    tokens: list[_Token]
    place: int = 0
    depth: int = 0
    comparisons: int = field(default=0)

    @property
    def next(self) -> _Token:
        """Returns the token that comes next; the last token of each text is the end."""
        return self.tokens[self.place]

    def take(self) -> _Token:
        """Returns the next token and moves past it."""
        token = self.tokens[self.place]
        self.place += token.kind != "end"
        return token

    def takes(self, word: str) -> bool:
        """Says whether this word or mark comes next, in any case of letters, and moves past it if so."""
        token = self.next
        found = token.kind in ("word", "mark") and token.text.lower() == word
        self.place += found
        return found

    def expect(self, mark: str) -> None:
        """Moves past a mark that must come next; raises INVALID_FILTER for anything else."""
        if not self.takes(mark):
            raise self.wrong(f"{mark} is missing")

    def expect_end(self) -> None:
        """Raises INVALID_FILTER when something follows where the text must end."""
        if self.next.kind != "end":
            raise self.wrong("it should end, or go on with and or or,")

    def wrong(self, what: str) -> DomainError:
        """Returns the error that names the place of the next token."""
        return bad_filter(f"{what} at character {self.next.position}")

    def either(self) -> Node:
        """Reads terms with `or` between them; each is what `both` reads."""
        terms = [self.both()]
        while self.takes("or"):
            terms.append(self.both())
        return terms[0] if len(terms) == 1 else Joined(False, tuple(terms))

    def both(self) -> Node:
        """Reads terms with `and` between them, which binds tighter than `or`; each is what `one` reads."""
        terms = [self.one()]
        while self.takes("and"):
            terms.append(self.one())
        return terms[0] if len(terms) == 1 else Joined(True, tuple(terms))

    def one(self) -> Node:
        """Reads a comparison, a group in round brackets, or the negation of a group."""
        if self.takes("("):
            return self.group(")")
        if self.next.text.lower() == "not" and self.tokens[self.place + 1].text == "(":
            self.place += 2
            return Negated(self.group(")"))
        name = self.name()
        if not self.takes("["):
            return self.comparison(name)
        condition = self.condition(name)
        if not self.takes("."):
            return OneEntry(name, condition)
        compared = self.comparison(self.name())
        return OneEntry(name, Joined(True, (condition, compared)))

    def group(self, end: str) -> Node:
        """Reads what is between two brackets, and the closing one; raises INVALID_FILTER beyond MAX_DEPTH."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise bad_filter(f"it nests deeper than {MAX_DEPTH} brackets")
        found = self.either()
        self.expect(end)
        self.depth -= 1
        return found

    def condition(self, name: Name) -> Node:
        """Reads the condition between the square brackets behind the name of a list."""
        if name.part:
            raise self.wrong(f"brackets stand behind a list, and {name} is no list,")
        found = self.group("]")
        if _holds_brackets(found):
            raise bad_filter("square brackets cannot be inside of square brackets")
        return found

    def name(self) -> Name:
        """Reads the name of an attribute, perhaps with the URN of its schema and a part."""
        found = _WRITTEN_NAME.fullmatch(self.next.text) if self.next.kind == "word" else None
        if found is None:
            raise self.wrong("the name of an attribute is missing")
        self.place += 1
        return Name(found[1] or "", found[2], found[3] or "")

    def comparison(self, name: Name) -> Comparison:
        """Reads an operator, and the value behind it unless the operator is `pr`."""
        self.comparisons += 1
        if self.comparisons > MAX_COMPARISONS:
            raise bad_filter(f"it has more than {MAX_COMPARISONS} comparisons")
        operator = self.next.text.lower()
        if operator not in OPERATORS:
            raise self.wrong(f"one of {', '.join(sorted(OPERATORS))} is missing behind {name}")
        self.place += 1
        return Comparison(name, operator) if operator == PRESENT else Comparison(name, operator, self.value())

    def value(self) -> Operand:
        """Reads a value: a text, a number, true, false or null, as JSON spells them."""
        token = self.next
        if token.kind == "text":
            self.place += 1
            return _text(token)
        if token.kind == "number" and len(token.text) <= _MAX_DIGITS:
            self.place += 1
            return Decimal(token.text) if set(token.text) & set(".eE") else int(token.text)
        if token.kind == "word" and token.text.lower() in _CONSTANTS:
            self.place += 1
            return _CONSTANTS[token.text.lower()]
        raise self.wrong("a value is missing: a text in quotation marks, a number, true, false or null,")

    def path(self) -> PatchPath:
        """Reads the path of a PATCH: a name, perhaps with a condition and a part of the entries that it chooses."""
        name = self.name()
        if not self.takes("["):
            return PatchPath(name)
        condition = self.condition(name)
        return PatchPath(name, condition, self.name().name if self.takes(".") else "")


def _holds_brackets(node: Node) -> bool:
    match node:
        case OneEntry():
            return True
        case Joined(terms=terms):
            return any(map(_holds_brackets, terms))
        case Negated(term=term):
            return _holds_brackets(term)
        case _:
            return False


def _text(token: _Token) -> str:
    r"""Returns the text that a token spells. Half of the clients write `"CORP\jo"`, which is no JSON, for CORP\jo."""
    try:
        text: str = json.loads(token.text)
    except ValueError:
        text = json.loads(_NO_ESCAPE.sub(_escaped, token.text))
    if not is_text(text):
        raise bad_filter(f"the text at character {token.position} holds NUL or half a surrogate pair")
    return text


def _escaped(found: re.Match[str]) -> str:
    sign = found[1]
    return found[0] if sign[0] in '"\\/bfnrt' or len(sign) > 1 else f"\\\\{sign}"
