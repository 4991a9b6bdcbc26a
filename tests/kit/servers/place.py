"""Place of an installation that is backed up and put back, on both databases with their own tools."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kit.callers import Caller, serving
from kit.servers.command import Ended, ostiary_here
from kit.servers.databases import PostgresServer
from kit.servers.installation import Installation
from sqlalchemy import select

from ostiary.clock import FixedClock, SystemClock
from ostiary.config import Settings
from ostiary.runtime import open_runtime
from ostiary.store.engine import Store
from ostiary.store.tables import table_of


class Place:
    """An installation in a folder of its own that can be copied and put back."""

    def __init__(self, url: str, folder: Path, postgres: PostgresServer | None) -> None:
        self.url = url
        self.folder = folder
        self._postgres = postgres
        self._backup = folder / "store.backup"

    def run(self, *arguments: str) -> Ended:
        return ostiary_here(*arguments, cwd=self.folder, OSTIARY_DATABASE=self.url)

    def back_up(self) -> None:
        if self._postgres is None:
            assert self.run("backup", str(self._backup)).code == 0
        else:
            self._postgres.dump(self.url, self._backup)

    def put_back(self, *options: str) -> Ended:
        """The documented way: the command, on PostgreSQL after pg_restore into a new database beside the old one."""
        if self._postgres is None:
            return self.run("restore", str(self._backup), "--json", *options)
        before, self.url = self.url, self._postgres.new_database()
        self._postgres.load(self._backup, self.url)
        return self.run("restore", "--json", *([] if "--since" in options else ["--replaced", before]), *options)

    def put_back_unsettled(self) -> None:
        """The careless way: the bare copy in the place of the store."""
        if self._postgres is None:
            shutil.copyfile(self._backup, self.folder / "ostiary.sqlite3")
        else:
            self.url = self._postgres.new_database()
            self._postgres.load(self._backup, self.url)

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        opened = Store(self.url)
        try:
            yield opened
        finally:
            opened.close()

    def rows(self, model: Any, *columns: str) -> list[tuple[Any, ...]]:
        table = table_of(model)
        with self.store() as store, store.read() as work:
            return sorted(tuple(row) for row in work.rows(select(*(table.c[name] for name in columns))))

    @contextlib.contextmanager
    def serving(self, tenant_id: str) -> Iterator[Caller]:
        clock = FixedClock(SystemClock().now_ms())
        runtime = open_runtime(Settings(database=self.url, data=self.folder / "var"), clock=clock)
        with serving(Installation(runtime, clock, tenant_id, {})) as caller:
            yield caller
