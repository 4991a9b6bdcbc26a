"""How SCIM's lists are found: by which index, and how often a table is read for one page and its total."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kit.servers.databases import make_schema
from kit.stored.rows import TENANT
from sqlalchemy import event

from ostiary.access.principals import ANONYMOUS
from ostiary.directory.users.contacts import contacts_of
from ostiary.directory.users.input import ENTERPRISE
from ostiary.http.paging import Page
from ostiary.scim.filters.grammar import read_filter
from ostiary.scim.search import Search
from ostiary.scim.users.lists import find_page
from ostiary.store.engine import Store

STEPS = {
    'title eq "cook"': ("ix_users_title (tenant_id=? AND title_key=?", 2),
    'name.familyName sw "no"': ("ix_users_family_name (tenant_id=? AND family_name_key>? AND family_name_key<?", 2),
    f'{ENTERPRISE}:employeeNumber eq "7"': ("ix_users_employee_number (tenant_id=? AND employee_number_key=?", 2),
    f'{ENTERPRISE}:department eq "a"': ("ix_users_department (tenant_id=? AND department_key=?", 2),
    'emails[type eq "work" and value co "@x"]': ("user_emails USING COVERING INDEX ix_user_emails_searched", 1),
    'userName co "x"': ("users USING COVERING INDEX", 2),
}
"""What the plan of a page and its total has, and how often."""


def test_a_list_is_found_by_these_indexes(tmp_path: Path) -> None:
    """On SQLite; PostgreSQL chooses by statistics, of which an empty table has none."""
    url = f"sqlite:///{tmp_path}/plans.sqlite3"
    make_schema(url)
    with closing(Store(url)) as store:
        seen = {filtered: plan_of_list(store, filtered) for filtered in STEPS}
    for filtered, (step, times) in STEPS.items():
        plan = seen[filtered]
        assert sum(step in line for line in plan) == times, (filtered, plan)
        assert not [line for line in plan if line.startswith("SCAN user")], (filtered, plan)


def plan_of_list(store: Store, filtered: str) -> list[str]:
    asked: list[tuple[str, Any]] = []
    with store.read() as work:

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
            asked.append((statement, parameters))

        event.listen(store.reading, "before_cursor_execute", note)
        try:
            acting: Any = SimpleNamespace(work=work, tenant_id=TENANT, principal=ANONYMOUS)
            find_page(acting, Search(Page(1, 100), read_filter(filtered), filtered), 0, "", contacts_of)
        finally:
            event.remove(store.reading, "before_cursor_execute", note)
        driver: Any = work.connection.connection.dbapi_connection
        return [row[3] for sql, values in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
