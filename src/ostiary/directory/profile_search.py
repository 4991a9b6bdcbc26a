"""Lists of profiles (App ID catalogue 65)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select

from ostiary.directory.names import is_text, login_key
from ostiary.directory.profile_document import profile_documents
from ostiary.directory.profiles import COLUMNS, IDENTITY_COLUMNS, PROVIDERS, WITH_IDENTITIES, ProfileView, profile_views
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
    profiles, total = profile_page(work, _conditions(tenant_id, email, idp_id), start or 1, page_size(count))
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


def with_identity(tenant_id: str, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that a profile is of this tenant and has such an identity.

    The tenant is asked of the identities alone: asked of profiles too, it would lead SQLite to look at every profile.
    """
    holders = select(_IDENTITIES.c.profile_id).where(_IDENTITIES.c.tenant_id == tenant_id, *conditions)
    return _PROFILES.c.id.in_(holders)


def _conditions(tenant_id: str, email: str, idp_id: str) -> list[ColumnElement[bool]]:
    if not is_text(email + idp_id):
        raise invalid("INVALID_FILTER", "email and id cannot hold NUL characters.")
    if not email and not idp_id:
        return [_PROFILES.c.tenant_id == tenant_id, _PROFILES.c.anonymous.is_(False)]
    conditions: list[ColumnElement[bool]] = [_PROFILES.c.anonymous.is_(False)]
    if email:
        conditions.append(with_identity(tenant_id, _IDENTITIES.c.email_key == login_key(email)))
    if idp_id:  # the key of identities begins with the provider
        named = (_IDENTITIES.c.provider.in_(PROVIDERS), _IDENTITIES.c.idp_id == idp_id)
        conditions.append(with_identity(tenant_id, *named))
    return conditions


def profile_page(
    work: Work, conditions: Sequence[ColumnElement[bool]], start: int, count: int
) -> tuple[list[ProfileView], int]:
    """Some of the profiles that fulfil `conditions`, which name the tenant, oldest first; and how many there are."""
    total = work.row(select(func.count()).select_from(_PROFILES).where(*conditions))
    ids = select(_PROFILES.c.id).where(*conditions).order_by(_PROFILES.c.created_at, _PROFILES.c.id)
    page = ids.offset(max(start, 1) - 1).limit(count).subquery()
    rows = work.rows(
        select(*COLUMNS, *IDENTITY_COLUMNS)
        .select_from(WITH_IDENTITIES)
        # The ids are of this tenant; said again, it would lead the store to look at every profile of it.
        .where(_PROFILES.c.id.in_(select(page.c.id)))
        .order_by(_PROFILES.c.created_at, _PROFILES.c.id, _IDENTITIES.c.provider, _IDENTITIES.c.idp_id)
    )
    return profile_views(rows), total[0] if total else 0


def _entry(profile: ProfileView) -> dict[str, str]:
    provider = profile.identities[0].provider if profile.identities else ""
    return {"idp": provider, "id": profile.id, "email": profile.email}
