"""Visit: a request of a browser to the account of the person who is signed in with it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from ostiary.clock import Clock
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.profiles.profiles import CLOUD_DIRECTORY as PROVIDER
from ostiary.directory.users.users import UserView, find_user
from ostiary.http.forms import Form
from ostiary.ids import same
from ostiary.login.cookies import session_secret
from ostiary.login.needs import IDENTITY, needs_of
from ostiary.oauth.authorize.proofs import load_proofs
from ostiary.oauth.authorize.request import AuthorizationRequest, ReturnAddress
from ostiary.oauth.authorize.state import Identified, SignInTransaction, StepDone
from ostiary.oauth.sessions.browser import find_browser_session
from ostiary.oauth.sessions.refresh import APPID
from ostiary.pages.appearance import Look, look_of
from ostiary.store.tables import Session
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

RECENT_S = 600
"""The seconds for which a sign-in is good for changes."""
_NOTHING_ASKED = AuthorizationRequest("", ReturnAddress("", ""), (), "", "", "")


@dataclass(slots=True)
class AccountVisit:
    """A request of somebody who is signed in. `url` is the account's address, `secret` what the browser's cookie holds,
    `look` how its pages look and in which language; `form` is empty where a page is shown."""

    call: Call
    url: str
    secret: str
    session: Session
    user: UserView
    now_ms: int
    look: Look
    form: Form = field(default_factory=lambda: Form({}))

    @property
    def tenant(self) -> TenantView:
        """The tenant whose user the person is."""
        return self.call.required_tenant

    @property
    def is_recent(self) -> bool:
        """Whether the person has proved who it is a short time ago."""
        return self.now_ms - self.session.auth_time <= RECENT_S * 1000

    @property
    def csrf_token(self) -> str:
        """Returns what every form holds: only pages sent to this browser have it."""
        return hmac.new(self.secret.encode(), b"csrf account", hashlib.sha256).hexdigest()

    @property
    def is_from_its_page(self) -> bool:
        """Whether the form comes from a page that this browser got."""
        return same(self.form.get("csrf_token"), self.csrf_token)

    def action(self, name: str) -> str:
        """The address to which the form of a change is sent."""
        return f"{self.url}/{name}"


def find_visit(call: Call, url: str, clock: Clock, *, secure: bool) -> AccountVisit | None:
    """The visit of whoever is signed in with the browser and has proved all that the tenant asks for; else None."""
    now, tenant, secret = clock.now_ms(), call.required_tenant, session_secret(call, call.tenant_id, secure=secure)
    session = find_browser_session(call.work, secret, now, tenant.id)
    user = find_user(call.work, tenant.id, session.user_id) if session else None
    if session is None or user is None or is_locked(user, now) or not _suffices(call.work, tenant, session):
        return None
    look = look_of(call.work, tenant, (), call.metadata.get("accept-language", ""))
    return AccountVisit(call, url, secret, session, user, now, look)


def _suffices(work: Work, tenant: TenantView, session: Session) -> bool:
    """Whether what a session has proved meets all needs of a sign-in that would begin now."""
    done = (*load_proofs(session.proofs, APPID), StepDone("session", IDENTITY, "", session.auth_time))
    found = Identified("", PROVIDER, session.user_id, session_id=session.id)
    transaction = SignInTransaction(_NOTHING_ASKED, 0, done=done, identified=found)
    return all(transaction.has_met(need) for need in needs_of(work, tenant, transaction))
