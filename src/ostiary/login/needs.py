"""Needs of a sign-in: what must have been proved before it ends, whatever the steps say.

Closed by default: a need that no step has met keeps the sign-in from its end, and one that no step could meet keeps it
from its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.mfa.settings import MFA
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

IDENTITY = "identity"
"""Need of the first factor: who it is."""
SECOND_FACTOR = "second_factor"


def unmet_needs(work: Work, tenant: TenantView, transaction: SignInTransaction) -> Sequence[str]:
    """Needs that are still to be proved, in this order."""
    needs = [IDENTITY, SECOND_FACTOR] if _asks_for_second_factor(work, tenant, transaction) else [IDENTITY]
    return [need for need in needs if not transaction.has_met(need)]


def _asks_for_second_factor(work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
    """An anonymous user has nothing that a second factor could protect."""
    found = transaction.identified
    provider = found.provider if found else transaction.request.provider
    return provider != ANONYMOUS and MFA.read(work, tenant)
