"""The database's URL as operators write it: what libpq takes is taken, what cannot work is refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from ostiary.config import ConfigurationError, Settings
from ostiary.database_url import normal, shown


def arguments(url: str) -> dict[str, Any]:
    """What the driver is told."""
    parsed = make_url(normal(url)).set(drivername="postgresql+psycopg")
    _, given = create_engine(parsed).dialect.create_connect_args(parsed)
    return {name: str(value) for name, value in given.items() if name != "context"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:p@h:5433/n", {"user": "u", "password": "p", "host": "h", "port": "5433", "dbname": "n"}),
        ("postgres://u:p@h/n", {"user": "u", "password": "p", "host": "h", "dbname": "n"}),
        ("postgresql+psycopg://h/n", {"host": "h", "dbname": "n"}),
        ("postgresql://u:p%40%2F%20+@h/n", {"user": "u", "password": "p@/ +", "host": "h", "dbname": "n"}),
        ("postgresql://[2001:db8::1]:5432/n", {"host": "2001:db8::1", "port": "5432", "dbname": "n"}),
        ("postgresql:///n?host=/run/postgresql&user=u", {"host": "/run/postgresql", "user": "u", "dbname": "n"}),
        ("postgresql://%2Frun%2Fpostgresql/n", {"host": "/run/postgresql", "dbname": "n"}),
        (
            "postgresql://u@a:5432,b:5433/n?target_session_attrs=read-write",
            {"user": "u", "host": "a,b", "port": "5432,5433", "dbname": "n", "target_session_attrs": "read-write"},
        ),
        ("postgresql://a,b/n", {"host": "a,b", "port": ",", "dbname": "n"}),
        ("postgresql://a,[::1]:5433/n", {"host": "a,::1", "port": ",5433", "dbname": "n"}),
        ("postgresql://h/n?ssl=true", {"host": "h", "dbname": "n", "sslmode": "require"}),
        (
            "postgresql://h/n?sslmode=verify-full&sslrootcert=/etc/ca.pem&application_name=a%26b",
            {"host": "h", "dbname": "n", "sslmode": "verify-full", "sslrootcert": "/etc/ca.pem",
             "application_name": "a&b"},
        ),
        ("postgresql://h/n?options=-csearch_path%3Dos", {"host": "h", "dbname": "n", "options": "-csearch_path=os"}),
        ("postgresql://h/n?keepalives_idle=5&connect_timeout=2",
         {"host": "h", "dbname": "n", "keepalives_idle": "5", "connect_timeout": "2"}),
        ("postgresql://?service=identity", {"service": "identity"}),
    ],
)  # fmt: skip
def test_what_libpq_takes_reaches_the_driver(url: str, told: dict[str, str]) -> None:
    assert arguments(url) == told
    assert normal(normal(url)) == normal(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://h/n", "must be postgresql://USER@HOST/NAME or sqlite:///PATH"),
        ("postgresql+asyncpg://h/n", "must be postgresql://"),
        ("postgresql://", "must be postgresql://"),
        ("postgresql:/h/n", "must be postgresql://"),
        ("postgresql://h/n?pool_size=5", "PostgreSQL knows no parameter pool_size"),
        ("postgresql://u:hidden@word@h/n", "written %40"),
        ("postgresql://u:hid@den/word@h/n", "%2F"),
        ("postgresql://u:hidden word@h/n", "as %40"),
        ("postgresql://h:54x2/n", "from 1 to 65535"),
        ("postgresql://h:99999/n", "from 1 to 65535"),
        ("postgresql://a:1,b:2/n?port=1,2,3", "3 ports for 2 hosts"),
        ("postgresql+psycopg:///n?host=a:5432&host=b:5433", "host is given 2 times"),
        ("postgresql://a,b/n?target_session_attrs=standby", "any, read-write, primary"),
        ("postgresql://h/n?sslmode=on", "verify-full"),
        ("postgresql://h/n?client_encoding=LATIN1", "client_encoding"),
        ("postgresql://h/n?replication=database", "replication cannot be given"),
        ("postgresql://h/n?connect_timeout=soon", "whole number"),
        ("postgresql://h/n?connect_timeout=0", "1 or more"),
        ("sqlite://", "must be postgresql://"),
        ("sqlite:///", "must be postgresql://"),
        ("sqlite:///:memory:", "takes no parameters"),
        ("sqlite:///a?mode=ro", "takes no parameters"),
        ("sqlite:///folder/", "must name a file"),
    ],
)
def test_what_cannot_work_is_refused_and_no_password_is_told(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings(database=url)
    assert says in str(refused.value)
    assert "hid" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_url_is_shown_without_what_is_secret() -> None:
    url = normal("postgresql://u:hidden@a:1,b:2/n?sslpassword=hidden&password=hidden")
    assert shown(url) == "postgresql://u@/n?host=a%2Cb&port=1%2C2"
    assert shown("sqlite:///var/x") == "sqlite:///var/x"
