"""Sign-out at the platform, for the people of all organizations."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.keys.issuers import Issuers
from ostiary.login.cookies import session_secrets
from ostiary.login.sign_out import Hint, SignedIn, SignOut
from ostiary.oauth.authorize.logout_notices import LogoutNotices
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.identity import IdentityTokens
from ostiary.store.engine import Store
from ostiary.store.work import Work
from ostiary.transport.call import Call


class PlatformSignOut(SignOut):
    """The end session endpoint of the platform."""

    def __init__(
        self, store: Store, clock: Clock, events: EventSink, notices: LogoutNotices, issuers: Issuers,
        identity_tokens: IdentityTokens,
    ) -> None:  # fmt: skip
        super().__init__(store, clock, events, notices, secure=issuers.public_url.startswith("https:"))
        self._issuers = issuers
        self._identity_tokens = identity_tokens

    def address(self, call: Call) -> str:
        """Returns the URL of the platform's endpoint, the same for all organizations."""
        return self._issuers.signed_out

    def hint_of(self, call: Call, token: str) -> Hint:
        """Reads an identity token of the platform, which names the organization."""
        claims = self._identity_tokens.claims(call.reading, token)
        signed_in = SignedIn(str(claims.get("context_name", "")), str(claims["sub"]), str(claims.get("sid", "")))
        return Hint(self._identity_tokens.tenant_of(call.reading, claims), signed_in, claims["aud"])

    def secrets(self, call: Call) -> Sequence[str]:
        """Returns the secrets of the browser's sessions at all organizations."""
        return session_secrets(call, secure=self.secure)

    def record(self, work: Work, call: Call, one: SignedIn) -> None:
        """Records the sign-out as the platform records every other one."""
        holder, target = ("user", one.user_id), ("session", one.session_id)
        self.events.emit(work, tokens_issued(one.tenant_id, call.rules.audit, call.request_id, holder, target))
