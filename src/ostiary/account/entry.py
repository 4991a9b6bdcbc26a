"""Entry to the account: a sign-in of the hosted pages that ends at a page of the account and not with a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ostiary.account.events import account_entered
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.ids import Entropy
from ostiary.keys.issuers import Issuers
from ostiary.oauth.authorize.codes import SESSION_LIFETIME_S, Finished
from ostiary.oauth.authorize.proofs import dump_proofs
from ostiary.oauth.authorize.request import PAGE, AuthorizationFailed, AuthorizationRequest, ReturnAddress, max_age_of
from ostiary.oauth.authorize.state import Identified, SignInTransaction
from ostiary.oauth.clients.sso import idle_time_s
from ostiary.oauth.sessions.browser import SessionEnded, Terms, enter_session
from ostiary.oauth.sessions.places import Place
from ostiary.oauth.sessions.refresh import APPID
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

IDLE_S = 900
"""Seconds without use after which the account asks again, at a tenant that has no single sign-on."""
FLOW = "account_sign_in"


@dataclass(frozen=True, slots=True)
class AccountRequests:
    """Requests to enter the account: `page` is where the sign-in leads, `max_age` the seconds that it may be old,
    `login_hint` who is expected."""

    issuers: Issuers

    def read(self, work: Work, tenant: TenantView, parameters: Mapping[str, str]) -> AuthorizationRequest:
        """The request; nothing in it comes from the browser but the name of a page that is known."""
        return AuthorizationRequest(
            client_id="", address=ReturnAddress(page_url(self.issuers, tenant.id, parameters["page"]), "", PAGE),
            scope=(), nonce="", challenge="", hinted_subject="", provider=PROVIDER, max_age=max_age_of(parameters),
            login_hint=parameters.get("login_hint", ""),
        )  # fmt: skip

    def go_on(self, work: Work, tenant: TenantView, request: AuthorizationRequest) -> bool:
        """Always: no application is involved that could be gone."""
        return True


@dataclass(frozen=True, slots=True)
class AccountEntered:
    """The end of such a sign-in: the browser's session, which is that of single sign-on where the tenant has it."""

    clock: Clock
    entropy: Entropy
    events: EventSink

    def __call__(
        self, work: Work, tenant: TenantView, transaction: SignInTransaction, found: Identified, cookie: str,
        place: Place, request_id: str,
    ) -> Finished:  # fmt: skip
        """Enters the session; there is no code. Raises AuthorizationFailed where the session that proved it has ended
        meanwhile."""
        now = self.clock.now_ms()
        terms = Terms(
            found.user_id, found.user_epoch, dump_proofs(transaction.proofs, APPID), transaction.amr,
            transaction.auth_time or now, idle_time_s(work, tenant) or IDLE_S, SESSION_LIFETIME_S, place,
        )  # fmt: skip
        try:
            entered = enter_session(
                work, tenant.id, terms, self.entropy, now, proved_by=found.session_id, cookie=cookie
            )  # fmt: skip
        except SessionEnded as error:
            message = "The session has ended meanwhile."
            raise AuthorizationFailed(transaction.request.address, "login_required", message) from error
        self.events.emit(work, account_entered(tenant.id, found.user_id, entered.id, request_id))
        return Finished("", entered.secret)


def page_url(issuers: Issuers, tenant_id: str, page: str) -> str:
    """The address of a page of the account; empty for the account itself."""
    return f"{issuers.account(tenant_id)}/{page}" if page else issuers.account(tenant_id)
