"""Pages of profiles, on both databases: the right ones, found without looking at all of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit.servers.installation import ENTROPY, Installation, install
from sqlalchemy import event

from ostiary.directory.profiles.pre_registered import waiting_profiles
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY, IdentityView, add_identity, new_profile
from ostiary.directory.profiles.search import search_profiles
from ostiary.directory.transfer.profile_transfer import export_profiles
from ostiary.http.paging import Page
from ostiary.store.tenancy import TenantView, fresh_view
from ostiary.store.work import Work

List = Callable[..., dict[str, Any]]
FIRST = Page(1, 100)
LISTS = pytest.mark.parametrize("ask", [search_profiles, export_profiles])
WIDE = re.compile(r"SCAN (profiles|identities)|SEARCH (profiles|identities) .*\(tenant_id=\?\)")


class Crowd:
    """Profiles of all kinds, one a millisecond or two in the same one; in two tenants."""

    def __init__(self, made: Installation, of_each: int = 2) -> None:
        self.made = made
        self._add(made.new_tenant("other"), of_each)
        self._add(made.tenant_id, of_each)

    def _add(self, tenant_id: str, of_each: int) -> None:
        kinds = [(CLOUD_DIRECTORY,), ("google",), ("google", "facebook"), (), ("saml",), ("google",)]
        with self.made.runtime.store.write() as work:
            for number, providers in enumerate(kinds * of_each):
                email = f"user{number}@example.com"
                ends = None if providers else 1 << 50
                profile_id = new_profile(work, tenant_id, {"email": email}, ENTROPY, number // 2, expires_at=ends)
                for provider in providers:
                    add_identity(work, tenant_id, profile_id, IdentityView(provider, f"id{number}", "{}"), email)

    def tenant(self, tenant_id: str = "") -> TenantView:
        """A view that knows nothing yet."""
        with self.made.runtime.store.read() as work:
            view = fresh_view(work, tenant_id or self.made.tenant_id)
        assert view is not None
        return view


@pytest.fixture
def crowd(installation: Installation) -> Crowd:
    return Crowd(installation)


def ids(answer: dict[str, Any]) -> list[str]:
    return [user["id"] for user in answer["users"]]


@LISTS
def test_a_page_is_the_same_from_whichever_end_it_is_sought(crowd: Crowd, ask: List) -> None:
    many = 10 if ask is search_profiles else 8
    with crowd.made.runtime.store.read() as work:
        everybody = ids(ask(work, crowd.tenant(), FIRST))
        assert len(set(everybody)) == many
        for start, count in itertools.product(range(1, many + 3), (0, 1, 3, 50)):
            for about in (0, 1, many // 2, many, 1_000):
                tenant = crowd.tenant()
                for name in ("profiles", "profiles from elsewhere"):
                    tenant.cached(("about how many", name), lambda about=about: about)
                page = ask(work, tenant, Page(start, count))
                first = start - 1
                assert (ids(page), page["totalResults"]) == (everybody[first : first + count], many), (start, about)


@pytest.mark.parametrize(("asked", "found"), [
    ({"email": "USER2@example.com"}, 1), ({"idp_id": "id2"}, 1), ({"email": "user2@example.com", "idp_id": "id2"}, 1),
    ({"email": "user3@example.com"}, 0), ({"idp_id": "id3"}, 0), ({"email": "user1@example.com", "idp_id": "id2"}, 0),
])  # fmt: skip
def test_a_search_finds_a_profile_once_however_many_identities_fit(crowd: Crowd, asked: Any, found: int) -> None:
    with crowd.made.runtime.store.read() as work:
        answer = search_profiles(work, crowd.tenant(), FIRST, **asked)
    assert (len(answer["users"]), answer["totalResults"]) == (found, found)


def test_sqlite_without_statistics_looks_at_no_more_profiles_than_it_must(tmp_path: Path) -> None:
    crowd = Crowd(install(f"sqlite:///{tmp_path}/ostiary.sqlite3", tmp_path))
    store = crowd.made.runtime.store
    asked: list[tuple[str, Any]] = []
    questions: list[Callable[[Work, TenantView], Any]] = [
        lambda work, tenant: search_profiles(work, tenant, Page(9, 100), scope="full"),
        lambda work, tenant: search_profiles(work, tenant, FIRST, email="user2@example.com", idp_id="id2"),
        lambda work, tenant: export_profiles(work, tenant, Page(7, 100)),
        lambda work, tenant: waiting_profiles(work, tenant.id, [f"user{number}@example.com" for number in range(100)]),
    ]

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    with store.write() as work:
        event.listen(store.writing, "before_cursor_execute", hear)
        for question in questions:
            question(work, crowd.tenant())
        event.remove(store.writing, "before_cursor_execute", hear)
        assert len(asked) >= 2 * len(questions)
        for statement, parameters in asked:
            plan = work.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert [row[3] for row in plan if WIDE.search(row[3])] == [], statement
    store.close()
