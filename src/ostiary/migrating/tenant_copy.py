"""Parts of a copy, in their order, and a list of what no copy can contain."""

from __future__ import annotations

from ostiary.migrating.applications import copy_applications, copy_roles
from ostiary.migrating.copying import Copying
from ostiary.migrating.people import copy_profiles, copy_users
from ostiary.migrating.settings import copy_settings
from ostiary.migrating.texts import copy_logo, copy_templates

PARTS = (
    copy_settings,  # first: languages before texts, the identity field before users, who freeze it
    copy_logo,
    copy_templates,
    copy_applications,  # before roles, which name their scopes
    copy_roles,  # before users, who hold them
    copy_profiles,  # before users, some of whom profiles may wait for
    copy_users,
)
NEVER = {
    "signing keys": "no server gives private keys away: tokens of the source are not valid here, people sign in again",
    "sessions and refresh tokens": "they end with the source",
    "ids of directory users": "are new; `originalId` keeps the old one. The ids of profiles, `sub` in tokens, stay",
    "profiles of deleted directory users": "no export has them: they would belong to nobody here",
}


def copy_tenant(copying: Copying) -> None:
    """Copies all that the management API shows. Raises ApiError when one of the two cannot be asked."""
    for part in PARTS:
        part(copying)
    for what, why in NEVER.items():
        copying.report.note("never carried", what, why)
