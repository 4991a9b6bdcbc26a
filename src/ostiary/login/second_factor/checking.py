"""Check of a second factor: what all of them have in common before and after the comparison."""

from __future__ import annotations

from ostiary.audit.factor_events import factor_added, recovery_code_used
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.factors.tries import FactorTries, forget_tries
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.users.users import lock_user
from ostiary.errors import DomainError, denied, invalid, unauthenticated
from ostiary.login.second_factor.telling import Telling
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.store.work import Work

LOCKED = "user locked out - exceeded maximum number of verification attempts"
"""The reason of a failure, as App ID words it for extensions."""


class FactorChecks:
    """Counts tries, admits whoever has proved a factor, and records what becomes of factors."""

    def __init__(self, clock: Clock, tries: FactorTries, telling: Telling, events: EventSink) -> None:
        self._clock = clock
        self._tries = tries
        self._telling = telling
        self._events = events

    def count(self, visit: SignInVisit) -> None:
        """Counts a try of the visit's person before anything is compared, and releases the connection. Raises
        TOO_MANY_CODES."""
        user_id, tenant_id = _user_id(visit), visit.call.tenant_id
        visit.call.release()
        try:
            self._tries.count(tenant_id, user_id, visit.call.request_id)
        except DomainError:
            self._telling.failed(visit, LOCKED)
            raise

    def admit(self, work: Work, visit: SignInVisit) -> None:
        """Locks the person's row, in the transaction in which the sign-in goes on: the first thing that it does. Raises
        USER_LOCKED for a user who may not sign in any more."""
        tenant_id, user_id = visit.call.tenant_id, _user_id(visit)
        user = lock_user(work, tenant_id, user_id)
        if not user.active or is_locked(user, self._clock.now_ms()):
            raise denied("USER_LOCKED", "The user is deactivated or locked.")
        forget_tries(work, tenant_id, user_id)
        self._telling.succeeded(work, visit)

    def record_added(self, work: Work, visit: SignInVisit, factor_id: str, kind: str) -> None:
        """Records that the visit's person has enrolled a factor."""
        call = visit.call
        self._events.emit(work, factor_added(call.tenant_id, _user_id(visit), factor_id, kind, call.request_id))

    def record_recovery(self, work: Work, visit: SignInVisit) -> None:
        """Records that the visit's person has used up a recovery code."""
        self._events.emit(work, recovery_code_used(visit.call.tenant_id, _user_id(visit), visit.call.request_id))


def wrong_code() -> DomainError:
    """A code that is none of those that would do."""
    return unauthenticated("WRONG_CODE", "The code is wrong.")


def used_code() -> DomainError:
    """A code that has led somewhere before, or is older than one that has."""
    return unauthenticated("CODE_USED", "This code was used already. Wait for the next one.")


def expired_code() -> DomainError:
    """A code that was sent too long ago, or guessed too often."""
    return invalid("CODE_EXPIRED", "This code is not valid any more. Ask for a new one.")


def _user_id(visit: SignInVisit) -> str:
    if visit.transaction.identified is None:
        raise SignInOver
    return visit.transaction.identified.user_id
