"""Storing of what somebody has chosen in a sign-in: a new password, or new details.

Nothing of it is stored before every factor that the account requires is proved: whoever knows a password alone changes
nothing. Until then the row of the sign-in keeps the choice, sealed, and of a password its hash alone. It is stored in
the transaction that goes on with the sign-in, so that both happen or neither.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from ostiary.clock import Clock
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.users.users import lock_user
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.needs import STORED_CHOICE
from ostiary.login.steps.password import identified
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.oauth.claims.subjects import get_subject
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class StoreChoiceStep(SignInStep):
    """Asks nobody: it stores what an earlier step has left in its note, which has the name of the need that it met."""

    meets = STORED_CHOICE
    asks = False
    note: ClassVar[str]
    """The name of the note."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where something was chosen."""
        return self.note in transaction.notes

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        """Shows nothing. Raises SIGN_IN_OVER for a person who was locked or deactivated, or whose access has ended,
        since the choice, as it has where the password was changed elsewhere."""
        return Done(change=lambda work: self._stored(work, visit))

    @abstractmethod
    def store(self, work: Work, visit: SignInVisit, user_id: str) -> None:
        """Stores the choice of a user, whose row is locked."""

    def _stored(self, work: Work, visit: SignInVisit) -> Identified:
        found, now_ms, tenant_id = visit.transaction.identified, self.clock.now_ms(), visit.call.tenant_id
        if found is None:
            raise SignInOver
        user = lock_user(work, tenant_id, found.user_id)
        if not user.active or is_locked(user, now_ms) or user.access_epoch != found.user_epoch:
            raise SignInOver
        self.store(work, visit, found.user_id)
        return identified(get_subject(work, tenant_id, found.subject, now_ms))
