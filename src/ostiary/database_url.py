"""Database URLs: as an operator writes them, for libpq or for SQLite, and as the store takes them.

PostgreSQL's form is libpq's own (PostgreSQL documentation, "Connection URIs"): several hosts, and every parameter of a
connection.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

WANTED = "must be postgresql://USER@HOST/NAME or sqlite:///PATH"
MOST_PORT = 65_535
_POSTGRESQL = re.compile(r"(?:postgres|postgresql|postgresql\+psycopg)://(?=.)")
_WRITING = ("any", "read-write", "primary")
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "target_session_attrs": _WRITING,
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "gssencmode": ("disable", "prefer", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
    "client_encoding": ("UTF8", "utf8", "UTF-8", "utf-8", "auto"),
}
"""Parameters of which only some values exist, or only some let us write and read texts."""
_WHOLE_NUMBERS = (
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
)  # fmt: skip
_NOT_OURS = {"replication": "the store needs an ordinary connection"}


def normal(text: str) -> str:
    """The URL as `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/NAME?PARAMETERS`, the same if it is that
    already; several hosts and sockets are parameters then. Raises ValueError with what would be right, and no password.
    """
    if _POSTGRESQL.match(text):
        _refuse_repeated(text)
        return _written(_checked(_parsed(_POSTGRESQL.sub("postgresql://", text))))
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return _sqlite(text)
    raise ValueError(WANTED)


def shown(url: str) -> str:
    """A normal URL for people and logs: without password and parameters, some of which are secret."""
    if url.startswith("sqlite:"):
        return url
    parts = _parsed(url)
    return _written({name: value for name, value in parts.items() if name in ("user", "host", "port", "dbname")})


def _sqlite(text: str) -> str:
    path = text.removeprefix("sqlite:///")
    if "?" in path or path.startswith(("file:", ":memory:")):
        raise ValueError("a sqlite:///PATH takes no parameters, and is a file that several processes open")
    if "\0" in path or path.endswith("/"):
        raise ValueError("sqlite:///PATH must name a file")
    return text


def _refuse_repeated(text: str) -> None:
    """Refuses a parameter that is given twice: libpq would use the last one without a message."""
    for name, count in Counter(name for name, _ in parse_qsl(text.partition("?")[2], keep_blank_values=True)).items():
        if count > 1:
            how = "; several hosts are written HOST1:PORT1,HOST2:PORT2" if name in ("host", "port") else ""
            raise ValueError(f"{name} is given {count} times{how}")


def _parsed(text: str) -> dict[str, str]:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except (ProgrammingError, UnicodeError) as error:
        # libpq's words may hold a piece of the password, also of one with an unescaped question mark.
        misread = "@" in text.partition("?")[2]
        named = None if misread else re.search(r'invalid URI query parameter: "(\w+)"', str(error))
        why = (
            f"PostgreSQL knows no parameter {named[1]}" if named else "write special characters as %40 for @, and so on"
        )
        raise ValueError(f"{WANTED}; {why}") from None


def _checked(parts: dict[str, str]) -> dict[str, str]:
    hosts, ports = parts.get("host", "").split(","), parts.get("port", "").split(",")
    if any("@" in part[1:] for part in (*hosts, parts.get("dbname", ""))):
        raise ValueError(f"{WANTED}; in a password @ is written %40, and / %2F")
    if not all(_is_port(port) for port in ports):
        raise ValueError("a port of the database is a number from 1 to 65535")
    if len(ports) not in (1, len(hosts)):
        raise ValueError(f"{len(ports)} ports for {len(hosts)} hosts: give each its own, or one for all")
    for name, value in parts.items():
        _check_parameter(name, value)
    return parts


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_PORT)


def _check_parameter(name: str, value: str) -> None:
    if name in _NOT_OURS:
        raise ValueError(f"{name} cannot be given: {_NOT_OURS[name]}")
    if name in _ALLOWED and value not in _ALLOWED[name]:
        raise ValueError(f"{name} must be one of {', '.join(_ALLOWED[name])}")
    if name in _WHOLE_NUMBERS and not (value.isascii() and value.isdigit()):
        raise ValueError(f"{name} must be a whole number")
    if name == "connect_timeout" and int(value) < 1:
        raise ValueError("connect_timeout must be 1 or more: nobody waits for ever")
    if "\0" in value:
        raise ValueError(f"{name} must not hold a NUL character")


def _written(parts: dict[str, str]) -> str:
    rest = dict(parts)
    user = quote(rest.pop("user", ""), safe="")
    password = f":{quote(rest.pop('password'), safe='')}" if "password" in rest else ""
    place = ""
    if re.fullmatch(r"[\w.\-:]+", rest.get("host", "")) and "," not in rest.get("port", ""):
        host, port = rest.pop("host"), rest.pop("port", "")
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    name = quote(rest.pop("dbname", ""), safe="")
    signed = f"{user}{password}@" if user or password else ""
    query = f"?{urlencode(rest, quote_via=quote, safe='')}" if rest else ""
    return f"postgresql://{signed}{place}/{name}{query}"
