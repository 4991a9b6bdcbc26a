"""Lists of profiles (App ID catalogue 65)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select

from ostiary.directory.names import is_text, login_key
from ostiary.directory.profile_document import profile_documents
from ostiary.directory.profiles import COLUMNS, IDENTITY_COLUMNS, WITH_IDENTITIES, ProfileView, profile_views
from ostiary.directory.users import MAX_PAGE
from ostiary.errors import invalid
from ostiary.store.tables import Identity, Profile, table_of
from ostiary.store.work import Work

INDEX, FULL = "index", "full"
_PROFILES, _IDENTITIES = table_of(Profile), table_of(Identity)


def search_profiles(
    work: Work, tenant_id: str, *, scope: str = "", email: str = "", idp_id: str = "", start: int | None = None,
    count: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One page of the profiles that are not anonymous, oldest first. Raises INVALID_DATA_SCOPE, INVALID_COUNT."""
    if scope not in ("", INDEX, FULL):
        raise invalid("INVALID_DATA_SCOPE", f"dataScope must be {INDEX} or {FULL}.")
    profiles, total = profile_page(work, tenant_id, _conditions(tenant_id, email, idp_id), start or 1, page_size(count))
    entries = profile_documents(work, tenant_id, profiles) if scope == FULL else [_entry(each) for each in profiles]
    return page_document(entries, total, start, count)


def page_document(
    entries: Sequence[dict[str, Any]], total: int, start: int | None, count: int | None
) -> dict[str, Any]:
    """One page of `users` as App ID answers it, with the paging that was asked for."""
    asked = (("startIndex", start), ("count", count))
    return {
        "totalResults": total,
        "itemsPerPage": len(entries),
        "requestOptions": {name: value for name, value in asked if value is not None},
        "users": entries,
    }


def page_size(count: int | None, most: int = MAX_PAGE) -> int:
    """How many to return: 0 to `most`, and `most` when not said. Raises INVALID_COUNT."""
    if count is not None and not 0 <= count <= most:
        raise invalid("INVALID_COUNT", f"count must be between 0 and {most}.")
    return most if count is None else count


def is_listed(tenant_id: str) -> list[ColumnElement[bool]]:
    """The conditions that every list has: a profile of this tenant, and of somebody."""
    return [_PROFILES.c.tenant_id == tenant_id, _PROFILES.c.anonymous.is_(False)]


def _conditions(tenant_id: str, email: str, idp_id: str) -> list[ColumnElement[bool]]:
    conditions = is_listed(tenant_id)
    asked = ((_IDENTITIES.c.email_key, login_key(email) if email else ""), (_IDENTITIES.c.idp_id, idp_id))
    for column, value in asked:
        if value and is_text(value):
            holders = select(_IDENTITIES.c.profile_id).where(_IDENTITIES.c.tenant_id == tenant_id, column == value)
            conditions.append(_PROFILES.c.id.in_(holders))
    if not is_text(email + idp_id):
        raise invalid("INVALID_FILTER", "email and id cannot hold NUL characters.")
    return conditions


def profile_page(
    work: Work, tenant_id: str, conditions: Sequence[ColumnElement[bool]], start: int, count: int
) -> tuple[list[ProfileView], int]:
    """Some of the profiles that fulfil `conditions`, oldest first, and how many there are."""
    total = work.row(select(func.count()).select_from(_PROFILES).where(*conditions))
    ids = select(_PROFILES.c.id).where(*conditions).order_by(_PROFILES.c.created_at, _PROFILES.c.id)
    page = ids.offset(max(start, 1) - 1).limit(count).subquery()
    rows = work.rows(
        select(*COLUMNS, *IDENTITY_COLUMNS)
        .select_from(WITH_IDENTITIES)
        .where(_PROFILES.c.tenant_id == tenant_id, _PROFILES.c.id.in_(select(page.c.id)))
        .order_by(_PROFILES.c.created_at, _PROFILES.c.id, _IDENTITIES.c.provider, _IDENTITIES.c.idp_id)
    )
    return profile_views(rows), total[0] if total else 0


def _entry(profile: ProfileView) -> dict[str, str]:
    provider = profile.identities[0].provider if profile.identities else ""
    return {"idp": provider, "id": profile.id, "email": profile.email}
