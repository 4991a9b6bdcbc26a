"""Steps that only tests have: a sign-in with more than one, through the list of steps that a server is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from ostiary.errors import DomainError, unauthenticated
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY, SECOND_FACTOR
from ostiary.login.steps import sign_in_steps
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.mfa.settings import MFA
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.pages.rendering import HostedPage
from ostiary.runtime import Runtime
from ostiary.services.appid_oauth import AuthorizationServicer
from ostiary.services.served import SERVICES, Service
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

PIN = "4711"


def form(visit: SignInVisit, step: str, problem: DomainError | None = None) -> HostedPage:
    """A page that says which step it is."""
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in visit.hidden(step).items()
    )
    words = problem.message if problem else ""
    return HostedPage(f"<h1>{step}</h1><p>{words}</p><form>{hidden}</form>", ())


class TermsStep(SignInStep):
    """Asks for consent before anything is proved, where the application sends the nonce `terms`."""

    name = "terms"

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        return transaction.request.nonce == "terms"

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        return form(visit, self.name, problem)

    def submit(self, visit: SignInVisit) -> Done:
        return Done()


class SentStep(SignInStep):
    """Asks nobody: it notes that a PIN was sent, outside any transaction, and is done."""

    name = "sent"
    asks = False

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        return MFA.read(work, tenant)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        visit.call.release()
        visit.remember({"pin": PIN, "wrong": "0"})
        return Done()


class TrustStep(SignInStep):
    """Asks nobody: applications that send the nonce `trusted` need no second factor, and others need one."""

    name = "trust"
    meets = SECOND_FACTOR
    asks = False

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        return MFA.read(work, tenant)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        return Done(met=visit.transaction.request.nonce == "trusted")


class CookieStep(SignInStep):
    """Asks nobody, before all others: it would find a session, and there is none."""

    name = "cookie"
    meets = IDENTITY
    asks = False

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        return True

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        return Done(met=False)


class PinStep(SignInStep):
    """A second factor: the PIN that was sent. Wrong ones are counted in the transaction; it can be sent again."""

    name = "pin"
    meets = SECOND_FACTOR
    fields = ("pin", "again")

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        return MFA.read(work, tenant)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        return form(visit, self.name, problem)

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        notes = visit.transaction.notes
        if visit.form.get("again"):
            visit.remember({"pin": visit.form.get("again")})
            return self.show(visit)
        if visit.form.get("pin") != notes["pin"]:
            visit.remember({"wrong": str(int(notes["wrong"]) + 1)})
            raise unauthenticated("WRONG_PIN", f"wrong: {visit.transaction.notes['wrong']}")
        return Done("otp")


class KeyStep(SignInStep):
    """Another second factor, which takes the place of the PIN where the person chooses it."""

    name = "key"
    meets = SECOND_FACTOR
    fields = ("key",)

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        return MFA.read(work, tenant)

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        return form(visit, self.name, problem)

    def submit(self, visit: SignInVisit) -> Done:
        if visit.form.get("key") != "right":
            raise unauthenticated("WRONG_KEY", "wrong key")
        return Done("mfa")


class Stepped(AuthorizationServicer):
    """The authorization endpoint with these steps around its own."""

    @staticmethod
    def steps(runtime: Runtime) -> Sequence[SignInStep]:
        first = [step for step in sign_in_steps(runtime) if step.meets != SECOND_FACTOR]
        return [TermsStep(), CookieStep(), *first, TrustStep(), SentStep(), PinStep(), KeyStep()]


def stepped() -> Sequence[Service]:
    """All services, that one among them."""
    return [replace(one, servicer=Stepped) if one.servicer is AuthorizationServicer else one for one in SERVICES]
