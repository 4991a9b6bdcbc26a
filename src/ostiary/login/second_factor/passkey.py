"""Passkey as second factor: one of those that the person has enrolled."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.clock import Clock
from ostiary.directory.factors.passkeys import PasskeyView, list_passkeys, prove_passkey, use_passkey
from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.errors import DomainError
from ostiary.login.flow import Done
from ostiary.login.pages import form_page
from ostiary.login.passkeys.asking import CREDENTIAL, box_of, challenge_of
from ostiary.login.second_factor.checking import FactorChecks
from ostiary.login.second_factor.factor_step import FactorStep
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


class PasskeyFactorStep(FactorStep):
    """Asks for a passkey of the person whom the first factor has found."""

    name = "passkey_factor"
    fields = (CREDENTIAL,)
    offer = marked("Use a passkey")

    def __init__(self, party: RelyingParty | None, checks: FactorChecks, clock: Clock) -> None:
        self._party = party
        self._checks = checks
        self._clock = clock

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies to whoever has enrolled one, where browsers have passkeys for this server."""
        return self._party is not None and bool(_passkeys(work, tenant, transaction))

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> HostedPage:
        """The page that asks."""
        call, hidden = visit.call, visit.hidden(self.name)
        assert self._party is not None  # noqa: S101 - it does not apply there
        passkeys = _passkeys(call.work, call.required_tenant, visit.transaction)
        box = box_of(visit, self._party, self.name, [(one.credential_id, one.transports) for one in passkeys])
        return form_page(
            "passkey_factor.html", visit.look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=hidden, ways=self.ways(visit), passkey=box,
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> Done:
        """Checks the proof. Raises PASSKEY_REFUSED; USER_LOCKED where the person may not sign in any more."""
        call, found, now = visit.call, visit.transaction.identified, self._clock.now_ms()
        assert found is not None  # noqa: S101 - it applies to somebody
        assert self._party is not None  # noqa: S101 - it does not apply there
        known, asserted = prove_passkey(
            call.work, self._party, call.tenant_id, challenge_of(visit), visit.form.required(CREDENTIAL),
            user_id=found.user_id,
        )  # fmt: skip

        def change(work: Work) -> None:
            self._checks.admit(work, visit)
            use_passkey(work, call.tenant_id, known, asserted, now)

        return Done(known.method, change)


def _passkeys(work: Work, tenant: TenantView, transaction: SignInTransaction) -> Sequence[PasskeyView]:
    found = transaction.identified
    if found is None or found.provider != PROVIDER or not found.user_id:
        return ()
    return list_passkeys(work, tenant.id, found.user_id)
