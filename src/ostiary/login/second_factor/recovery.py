"""Steps of the recovery codes: one of them as second factor, and the page that shows them once."""

from __future__ import annotations

from ostiary.clock import Clock
from ostiary.directory.factors.authenticator_app import METHOD
from ostiary.directory.factors.factors import RECOVERY
from ostiary.directory.factors.recovery_codes import is_recovery_code, new_recovery_codes, use_recovery_code
from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import Done
from ostiary.login.pages import form_page
from ostiary.login.second_factor.authenticator import EnrolAppStep
from ostiary.login.second_factor.checking import FactorChecks, wrong_code
from ostiary.login.second_factor.factor_step import CODE, FactorStep, given_code
from ostiary.login.second_factor.person import get_owner, owner_of
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class RecoveryCodeStep(FactorStep):
    """Asks for one of the recovery codes."""

    name = "recovery_code"
    fields = (CODE,)
    offer = marked("Use a recovery code")

    def __init__(self, checks: FactorChecks, clock: Clock, sealing: Sealing) -> None:
        self._checks = checks
        self._clock = clock
        self._sealing = sealing

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies to whoever has got some."""
        owner = owner_of(work, tenant, transaction)
        return owner is not None and owner.has_recovery_codes

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows the form."""
        return form_page(
            "recovery_code.html", visit.look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), ways=self.ways(visit),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Uses the code up. Raises WRONG_CODE, also for one that was used, and TOO_MANY_CODES."""
        code, tenant_id = given_code(visit), visit.call.tenant_id
        user_id = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction).user.id
        self._checks.count(visit)
        if not is_recovery_code(visit.call.work, self._sealing, tenant_id, user_id, code):
            raise wrong_code()

        def change(work: Work) -> None:
            self._checks.admit(work, visit)
            if not use_recovery_code(work, self._sealing, tenant_id, user_id, code, self._clock.now_ms()):
                raise wrong_code()
            self._checks.record_recovery(work, visit)

        return Done(METHOD, change)


class ShowRecoveryCodesStep(SignInStep):
    """Shows ten new recovery codes after an authenticator app was enrolled, and goes on when the person has them."""

    name = "show_recovery_codes"

    def __init__(self, clock: Clock, entropy: Entropy, sealing: Sealing, checks: FactorChecks) -> None:
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._checks = checks

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies after the enrolment."""
        return any(done.step == EnrolAppStep.name for done in transaction.done)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows codes that nobody has seen: whenever the page is shown, those before are void."""
        call = visit.call
        user_id = get_owner(call.work, call.required_tenant, visit.transaction).user.id
        codes: list[str] = []

        def make(work: Work) -> None:
            now_ms = self._clock.now_ms()
            id, made = new_recovery_codes(work, self._sealing, call.tenant_id, user_id, self._entropy, now_ms)
            self._checks.record_added(work, visit, id, RECOVERY)
            codes.extend(made)

        visit.remember({}, make)
        return form_page(
            "recovery_codes.html", visit.look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), codes=codes,
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Goes on."""
        return Done()
