"""New password that somebody has chosen in a sign-in after proving the one that holds: kept, then stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ostiary.audit.runtime_events import password_renewed
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.signin.admission import admit_known
from ostiary.login.needs import CHOSEN_PASSWORD
from ostiary.login.steps.choices.storing import StoreChoiceStep
from ostiary.login.steps.password import identified
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.state import Identified
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.password_change import PasswordChange, PreparedPassword
from ostiary.store.work import Work

_RENEWED = "renewed_password"
"""The note that the password before has expired."""


@dataclass(frozen=True, slots=True)
class ChosenPasswords:
    """Takes new passwords of people who have proved the one that holds."""

    clock: Clock
    password_change: PasswordChange
    user_sign_in: UserSignIn

    def keep(self, visit: SignInVisit, user_id: str, password: str, *, expired: bool = False) -> None:
        """Checks and hashes the new password, and lets the sign-in remember the hash: the last thing that a step does,
        since only a row keeps it, which the same answer makes. `expired`: the one before may be younger than the tenant
        lets people change it. Raises what `PasswordChange` raises."""
        prepared = self.password_change.prepare(visit.call.required_tenant, user_id, password, by_user=not expired)
        visit.remember({CHOSEN_PASSWORD: json.dumps(asdict(prepared)), **({_RENEWED: "yes"} if expired else {})})

    def admitted(self, work: Work, visit: SignInVisit, user_id: str) -> Identified:
        """The person whose password was right and has expired, who signs in by it nevertheless. Raises SIGN_IN_OVER for
        somebody who may not sign in, USER_NOT_VERIFIED."""
        call, tenant = visit.call, visit.call.required_tenant
        signed_in = admit_known(work, tenant, user_id, self.clock.now_ms())
        if signed_in is None:
            raise SignInOver
        anonymous_id = visit.transaction.request.anonymous_id
        return identified(self.user_sign_in.record(work, tenant, signed_in, call.request_id, anonymous_id))


class StorePasswordStep(StoreChoiceStep):
    """Stores the new password, and ends everything that was opened with the one before."""

    name = "store_password"
    note = CHOSEN_PASSWORD

    def __init__(self, clock: Clock, self_service: SelfService, events: EventSink) -> None:
        super().__init__(clock)
        self._self_service = self_service
        self._events = events

    def store(self, work: Work, visit: SignInVisit, user_id: str) -> None:
        """Stores the hash. Raises SELF_SERVICE_DISABLED, PASSWORD_CHANGED_RECENTLY, PASSWORD_CHANGED_MEANWHILE."""
        call, tenant, notes = visit.call, visit.call.required_tenant, visit.transaction.notes
        self._self_service.check_page(work, tenant)
        prepared, renewed = PreparedPassword(**json.loads(notes[CHOSEN_PASSWORD])), _RENEWED in notes
        language = visit.look.language
        self._self_service.set_password(
            work, tenant, prepared, language, call.client_ip, call.request_id, by_user=not renewed
        )  # fmt: skip
        if renewed:
            self._events.emit(work, password_renewed(tenant.id, user_id, call.request_id), tenant)
