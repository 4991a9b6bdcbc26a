"""Search in the profiles of a tenant, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, tuple_

from ostiary.directory.profiles.document import profile_documents
from ostiary.directory.profiles.profiles import (
    COLUMNS,
    IDENTITY_COLUMNS,
    OF_PROFILE,
    PROVIDERS,
    ProfileView,
    profile_views,
)
from ostiary.errors import invalid
from ostiary.http.page_bytes import fitting
from ostiary.http.paging import Page
from ostiary.names import is_text, login_key
from ostiary.store.pages import about_how_many, counted_rows, on_page, page_of, total_of_empty
from ostiary.store.tables import Identity, Profile, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

FULL = "full"
_PROFILES, _IDENTITIES = table_of(Profile), table_of(Identity)
_BY_AGE = (_PROFILES.c.created_at, _PROFILES.c.id)
_KEY = tuple_(_PROFILES.c.tenant_id, _PROFILES.c.id)
_KNOWN = _PROFILES.c.anonymous.is_(False)


def search_profiles(
    work: Work, tenant: TenantView, page: Page, *, scope: str = "", email: str = "", idp_id: str = ""
) -> dict[str, Any]:
    """Returns one page of the profiles that are not anonymous, oldest first: whole with the scope FULL."""
    conditions = _conditions(tenant.id, email, idp_id)
    about = 0 if email or idp_id else about_how_many(work, tenant, "profiles", counted_rows(_PROFILES, *conditions))
    profiles, total = profile_page(work, conditions, page, about)
    if scope == FULL:
        return page_document(fitting(profile_documents(work, tenant.id, profiles)), total, page)
    return page_document([_entry(each) for each in profiles], total, page)


def page_document(entries: Sequence[dict[str, Any]], total: int, page: Page) -> dict[str, Any]:
    """Returns one page of `users` as App ID answers it, with the paging that was asked for."""
    return {
        "totalResults": total, "itemsPerPage": len(entries), "requestOptions": dict(page.asked), "users": entries,
    }  # fmt: skip


def with_identity(tenant_id: str, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that a profile is of this tenant and has such an identity.

    The tenant is asked of the identities alone: asked of profiles too, it would lead SQLite to look at every profile.
    """
    holders = select(_IDENTITIES.c.tenant_id, _IDENTITIES.c.profile_id)
    return _KEY.in_(holders.where(_IDENTITIES.c.tenant_id == tenant_id, *conditions))


def known_profiles(tenant_id: str) -> list[ColumnElement[bool]]:
    """The conditions that a profile is of this tenant, and not anonymous."""
    return [_PROFILES.c.tenant_id == tenant_id, _KNOWN]


def _conditions(tenant_id: str, email: str, idp_id: str) -> list[ColumnElement[bool]]:
    if not is_text(email + idp_id):
        raise invalid("INVALID_FILTER", "email and id cannot hold NUL characters.")
    if not email and not idp_id:
        return known_profiles(tenant_id)
    conditions: list[ColumnElement[bool]] = [_KNOWN]
    if email:
        conditions.append(with_identity(tenant_id, _IDENTITIES.c.email_key == login_key(email)))
    if idp_id:  # the key of identities begins with the provider
        named = (_IDENTITIES.c.provider.in_(PROVIDERS), _IDENTITIES.c.idp_id == idp_id)
        conditions.append(with_identity(tenant_id, *named))
    return conditions


def profile_page(
    work: Work,
    conditions: Sequence[ColumnElement[bool]],
    page: Page,
    about: int = 0,
    counting: Select[Any] | None = None,
) -> tuple[Sequence[ProfileView], int]:
    """Returns some of the profiles that match `conditions`, which name the tenant, oldest first; and how many there
    are.

    `about` and `counting` as in `page_of`.
    """
    counting = counted_rows(_PROFILES, *conditions) if counting is None else counting
    ids = page_of(
        _PROFILES, conditions, _BY_AGE, start=page.start, count=page.size, about=about, counting=counting
    )  # fmt: skip
    on_the_page = (_PROFILES.c.tenant_id == ids.c.tenant_id) & (_PROFILES.c.id == ids.c.id)
    rows = work.rows(
        select(*COLUMNS, *IDENTITY_COLUMNS, ids.c.total)
        # The tenant is the page's; said again, it would lead the store to look at every profile of it.
        .select_from(ids.join(_PROFILES, on_the_page).outerjoin(_IDENTITIES, OF_PROFILE))
        .order_by(*_BY_AGE, _IDENTITIES.c.provider, _IDENTITIES.c.idp_id)
    )
    if not rows:
        return [], total_of_empty(work, counting, page.start, page.size)
    return on_page(profile_views(rows), rows[0].total, page.start), rows[0].total


def _entry(profile: ProfileView) -> dict[str, str]:
    provider = profile.identities[0].provider if profile.identities else ""
    return {"idp": provider, "id": profile.id, "email": profile.email}
