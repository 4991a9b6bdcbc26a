"""Export of directory users with everything that belongs to them, for another tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select

from ostiary.directory.passwords.advanced_policies import ADVANCED_PASSWORDS
from ostiary.directory.passwords.stored import passwords_of
from ostiary.directory.profiles.attributes import stored_attributes
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY, PROFILE_OF_IDENTITY
from ostiary.directory.roles.application_roles import role_names_of_profiles
from ostiary.directory.transfer.cipher import TransferCipher
from ostiary.directory.transfer.transferred_user import written_user
from ostiary.directory.users.users import UserView, list_users
from ostiary.http.page_bytes import fitting
from ostiary.http.paging import Page
from ostiary.store.tables import Identity, Profile, table_of
from ostiary.store.work import Work

MAX_PAGE = 50
"""Users of a page: at most, and when the client does not say."""
_PROFILES, _IDENTITIES = table_of(Profile), table_of(Identity)
_PROFILES_OF_USERS = (
    select(_IDENTITIES.c.idp_id.label("user_id"), _PROFILES.c.id, _PROFILES.c.attributes)
    .join(_PROFILES, PROFILE_OF_IDENTITY)
    .where(
        _IDENTITIES.c.tenant_id == bindparam("of_tenant"), _IDENTITIES.c.provider == CLOUD_DIRECTORY,
        _IDENTITIES.c.idp_id.in_(bindparam("of_users", expanding=True)),
    )
)  # fmt: skip


def export_page(work: Work, tenant_id: str, cipher: TransferCipher, page: Page) -> dict[str, Any]:
    """Returns one page of the users, oldest first."""
    users, total = list_users(work, tenant_id, start=page.start, count=page.size)
    documents = fitting(exported(work, tenant_id, users, cipher))
    return {
        "itemsPerPage": len(documents),
        "totalResults": total,
        "requestOptions": dict(page.asked),
        "users": documents,
    }


def exported(work: Work, tenant_id: str, users: Sequence[UserView], cipher: TransferCipher) -> list[dict[str, Any]]:
    """Returns these users as an export writes them: five queries, however many users there are."""
    ids = [user.id for user in users]
    passwords, past = passwords_of(work, tenant_id, ids)
    profiles = {row.user_id: row for row in work.rows(_PROFILES_OF_USERS, {"of_tenant": tenant_id, "of_users": ids})}
    roles = role_names_of_profiles(work, tenant_id, [row.id for row in profiles.values()])
    expiring = ADVANCED_PASSWORDS.load(work, tenant_id).expires
    documents = []
    for user in users:
        profile = profiles.get(user.id)
        attributes = stored_attributes(profile.attributes) if profile else {}
        held = roles.get(profile.id, ()) if profile else ()
        documents.append(
            written_user(
                user, passwords.get(user.id), past.get(user.id, ()), attributes, held, cipher, expires=expiring
            )
        )
    return documents
