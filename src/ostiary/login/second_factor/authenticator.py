"""Steps of the authenticator app: its code as second factor, and its enrolment where the person has nothing else."""

from __future__ import annotations

from ostiary.clock import Clock
from ostiary.directory.factors.authenticator_app import (
    METHOD,
    enrolment_uri,
    find_time_step,
    new_shared_secret,
    shown_key,
)
from ostiary.directory.factors.factors import TOTP, NewFactor, add_factor, secret_of, use_factor
from ostiary.errors import DomainError
from ostiary.ids import Entropy
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import Done
from ostiary.login.pages import form_page
from ostiary.login.second_factor.checking import FactorChecks, used_code, wrong_code
from ostiary.login.second_factor.factor_step import CODE, FactorStep, given_code
from ostiary.login.second_factor.person import find_owner, get_owner, owner_of
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.pages.qr_codes import qr_code
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_SECRET = "enrol_app_secret"


class AuthenticatorStep(FactorStep):
    """Asks for the code that an authenticator app shows."""

    name = "authenticator"
    fields = (CODE,)
    offer = marked("Use your authenticator app")

    def __init__(self, checks: FactorChecks, clock: Clock, sealing: Sealing) -> None:
        self._checks = checks
        self._clock = clock
        self._sealing = sealing

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies to whoever has enrolled one."""
        owner = owner_of(work, tenant, transaction)
        return owner is not None and bool(owner.apps)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """Shows the form."""
        return form_page(
            "authenticator.html", visit.look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), ways=self.ways(visit),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Takes the code; each is good once. Raises WRONG_CODE, CODE_USED, TOO_MANY_CODES."""
        code, tenant_id = given_code(visit), visit.call.tenant_id
        owner = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction)
        secrets = [(app, secret_of(self._sealing, tenant_id, app)) for app in owner.apps]
        self._checks.count(visit)
        now_ms = self._clock.now_ms()
        steps = [(app, step) for app, secret in secrets if (step := find_time_step(secret, code, now_ms)) is not None]
        if not steps:
            raise wrong_code()
        app, step = steps[0]
        if step <= app.counter:
            raise used_code()

        def change(work: Work) -> None:
            self._checks.admit(work, visit)
            if not use_factor(work, tenant_id, owner.user.id, app.id, self._clock.now_ms(), step):
                raise used_code()

        return Done(METHOD, change)


class EnrolAppStep(FactorStep):
    """Enrols an authenticator app, for whoever must have a second factor and has none that could be asked for."""

    name = "enrol_app"
    fields = (CODE,)
    offer = marked("Set up an authenticator app")

    def __init__(self, clock: Clock, entropy: Entropy, sealing: Sealing, checks: FactorChecks) -> None:
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._checks = checks

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies to whoever has no other way; nobody adds a factor here who could be asked for one."""
        owner = owner_of(work, tenant, transaction)
        return owner is not None and owner.may_enrol

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """The QR code and the form; the key stays the same in this sign-in."""
        owner = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction)
        if _SECRET not in visit.transaction.notes:
            visit.remember({_SECRET: new_shared_secret(self._entropy)})
        secret, look = visit.transaction.notes[_SECRET], visit.look
        uri = enrolment_uri(secret, look.appearance.brand, owner.user.user_name or owner.user.email)
        return form_page(
            "enrol_app.html", look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), picture=qr_code(uri), uri=uri,
            key=shown_key(secret), ways=self.ways(visit),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Enrols the app whose first code is right. Raises WRONG_CODE; SIGN_IN_OVER where the person has got a factor
        meanwhile."""
        code, secret = given_code(visit), visit.transaction.notes.get(_SECRET, "")
        owner, now_ms = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction), self._clock.now_ms()
        step = find_time_step(secret, code, now_ms) if secret else None
        if step is None:
            raise wrong_code()

        def change(work: Work) -> None:
            self._checks.admit(work, visit)
            now = find_owner(work, visit.call.required_tenant, owner.user.id)
            if now is None or not now.may_enrol:
                raise SignInOver
            new = NewFactor(TOTP, secret=secret, counter=step)
            id = add_factor(work, self._sealing, visit.call.tenant_id, owner.user.id, new, self._entropy, now_ms)
            use_factor(work, visit.call.tenant_id, owner.user.id, id, now_ms)
            self._checks.record_added(work, visit, id, TOTP)

        return Done(METHOD, change)
