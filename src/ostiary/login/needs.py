"""Needs of a sign-in: what must have been proved before it ends, whatever the steps say.

Closed by default: a need that no step has met keeps the sign-in from its end, and one that no step could meet keeps it
from its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY
from ostiary.mfa.settings import MFA
from ostiary.oauth.authorize.request import CHANGE_DETAILS, CHANGE_PASSWORD, FORGOT_PASSWORD, SIGN_UP
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

IDENTITY = "identity"
"""Need of the first factor: who it is."""
SECOND_FACTOR = "second_factor"
CHANGED_PASSWORD, CHANGED_DETAILS = "changed_password", "changed_details"
"""Needs of the flows that an application begins to have something changed: what meets them proves who it is, too."""
RESET_LINK = "reset_link"
"""Need of the flow that only sends a mail: no step meets it, so it leads to no code."""
_FIRST = {
    "": IDENTITY, SIGN_UP: IDENTITY, FORGOT_PASSWORD: RESET_LINK, CHANGE_PASSWORD: CHANGED_PASSWORD,
    CHANGE_DETAILS: CHANGED_DETAILS,
}  # fmt: skip
"""The first need, by the purpose of the flow."""


def needs_of(work: Work, tenant: TenantView, transaction: SignInTransaction) -> Sequence[str]:
    """Needs of a flow, met or not, in the order in which they are proved."""
    first = _FIRST[transaction.request.purpose]
    return [first, SECOND_FACTOR] if _asks_for_second_factor(work, tenant, transaction) else [first]


def _asks_for_second_factor(work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
    """Second factors are for users of the directory: an anonymous user has nothing that one could protect, and another
    provider has asked for its own."""
    found = transaction.identified
    provider = found.provider if found else transaction.request.provider
    return provider in ("", CLOUD_DIRECTORY) and MFA.read(work, tenant)
