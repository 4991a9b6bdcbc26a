"""Needs of a sign-in: what must have been proved before it ends, whatever the steps say.

Closed by default: a need that no step has met keeps the sign-in from its end, and one that no step could meet keeps it
from its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.factors.requirement import needs_second_factor, tenant_requires
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.oauth.authorize.request import CHANGE_DETAILS, CHANGE_PASSWORD, FORGOT_PASSWORD, SIGN_UP
from ostiary.oauth.authorize.state import SECOND_FACTOR, SignInTransaction
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

__all__ = ["CHOSEN_DETAILS", "CHOSEN_PASSWORD", "IDENTITY", "RESET_LINK", "SECOND_FACTOR", "STORED_CHOICE", "needs_of"]
IDENTITY = "identity"
"""Need of the first factor: who it is."""
CHOSEN_PASSWORD, CHOSEN_DETAILS = "chosen_password", "chosen_details"
"""Needs of the flows that an application begins to have something changed: what meets them proves who it is, and keeps
what was chosen in the note of the same name."""
STORED_CHOICE = "stored_choice"
"""Need of whoever has chosen something new: it is stored, after everything else is proved."""
RESET_LINK = "reset_link"
"""Need of the flow that only sends a mail: no step meets it, so it leads to no code."""
_FIRST = {
    "": IDENTITY, SIGN_UP: IDENTITY, FORGOT_PASSWORD: RESET_LINK, CHANGE_PASSWORD: CHOSEN_PASSWORD,
    CHANGE_DETAILS: CHOSEN_DETAILS,
}  # fmt: skip
"""The first need, by the purpose of the flow."""


def needs_of(work: Work, tenant: TenantView, transaction: SignInTransaction) -> Sequence[str]:
    """Needs of a flow, met or not, in the order in which they are proved."""
    has_chosen = transaction.notes.keys() & {CHOSEN_PASSWORD, CHOSEN_DETAILS}
    return [
        _FIRST[transaction.request.purpose],
        *([SECOND_FACTOR] if _asks_for_second_factor(work, tenant, transaction) else []),
        *([STORED_CHOICE] if has_chosen else []),
    ]


def _asks_for_second_factor(work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
    """Directory users are asked for a second factor. Other identity providers ask for what they want themselves, and an
    anonymous user has nothing that it could protect."""
    found = transaction.identified
    if found is None:
        return transaction.request.provider in ("", CLOUD_DIRECTORY) and tenant_requires(work, tenant)
    return found.provider == CLOUD_DIRECTORY and needs_second_factor(work, tenant, found.user_id)
