"""Database URLs of libpq at a real PostgreSQL: several hosts, old names, parameters beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from kit.servers.command import ostiary_here
from kit.servers.databases import PostgresServer
from sqlalchemy import text
from sqlalchemy.engine import make_url

from ostiary.database_url import normal
from ostiary.store.engine import Store


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[tuple[str, Path]]:
    """The name of an empty database, and the folder of its server's socket."""
    url = postgres.new_database()
    yield make_url(url).database or "", postgres.folder
    postgres.drop(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_an_installation_is_made_on_the_host_that_answers_and_takes_writes(
    place: tuple[str, Path], tmp_path: Path, scheme: str
) -> None:
    name, folder = place
    hosts = quote(f"{tmp_path}/nobody,{folder}", safe="")
    url = f"{scheme}://postgres@/{name}?host={hosts}&target_session_attrs=read-write&application_name=identity"
    made = ostiary_here("init", "--json", cwd=tmp_path, OSTIARY_DATABASE=url)
    assert (made.code, made.stderr) == (0, ""), made
    listed = ostiary_here("tenant", "list", "--json", cwd=tmp_path, OSTIARY_DATABASE=url)
    assert listed.code == 0, listed
    assert [tenant["name"] for tenant in listed.json()] == ["System", "default"]


def test_options_of_the_url_are_kept_and_ours_win(place: tuple[str, Path]) -> None:
    name, folder = place
    options = quote("-c work_mem=7MB -c lock_timeout=0", safe="")
    url = normal(f"postgresql://postgres@/{name}?host={quote(str(folder), safe='')}&options={options}")
    with closing(Store(url)) as store:
        for opened in (store.read(), store.write()):
            with opened as work:
                shown = [work.row(text(f"SHOW {setting}")) for setting in ("work_mem", "lock_timeout")]
                memory, patience = [row[0] for row in shown if row]
                assert memory == "7MB"
                assert patience.rstrip("ms") != "0", "nobody waits for a lock for ever"
