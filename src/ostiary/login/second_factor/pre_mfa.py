"""Step that asks the tenant's extension `premfa` whether this sign-in needs the second factor."""

from __future__ import annotations

import json

import structlog

from ostiary.errors import DomainError
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import Done
from ostiary.login.needs import SECOND_FACTOR
from ostiary.login.second_factor.person import get_owner, owner_of
from ostiary.login.second_factor.telling import claims_of
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.mfa.extensions import MfaExtensions
from ostiary.mfa.settings import get_extension
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.outgoing.client import HttpResponse
from ostiary.outgoing.targets import CallFailed
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_NAME = "premfa"
_log = structlog.get_logger("ostiary.mfa")


class PreMfaStep(SignInStep):
    """Asks nobody at the page. Only a clear `{"skipMfa": true}` spares the second factor: whatever fails does not."""

    name = _NAME
    meets = SECOND_FACTOR
    asks = False

    def __init__(self, extensions: MfaExtensions, sealing: Sealing) -> None:
        self._extensions = extensions
        self._sealing = sealing

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies to sign-ins to applications, where the tenant asks for a second factor and has an extension that is
        on. The page of a person's own account wants a factor that was proved, not one that was spared."""
        if not transaction.request.client_id or not get_extension(_NAME).read(work, tenant).is_active:
            return False
        owner = owner_of(work, tenant, transaction)
        return owner is not None and owner.is_required

    def show(self, visit: SignInVisit, problem: DomainError | None = None) -> Done:
        """Calls the extension, holding no connection; shows nothing."""
        call, tenant = visit.call, visit.call.required_tenant
        extension = get_extension(_NAME).opened(call.work, self._sealing, tenant.id)
        claims = claims_of(call.work, visit, get_owner(call.work, tenant, visit.transaction))
        call.release()
        try:
            answer = self._extensions.call(tenant.id, _NAME, extension, claims)
        except CallFailed as error:
            _log.warning("premfa failed", tenant=tenant.id, reason=error.reason)
            return Done(met=False)
        return Done(met=_skips(answer))


def _skips(answer: HttpResponse) -> bool:
    try:
        said = json.loads(answer.body) if answer.ok else None
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("skipMfa") is True
