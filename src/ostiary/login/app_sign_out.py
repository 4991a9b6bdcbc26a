"""Sign-out at a tenant's App ID server: as OpenID Connect has it, and as App ID documents it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.api import httpbody_pb2

from ostiary.audit.runtime_events import user_signed_out
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.errors import invalid
from ostiary.keys.issuers import Issuers
from ostiary.login.cookies import session_secret
from ostiary.login.sign_out import Hint, SignedIn, SignOut
from ostiary.oauth.authorize.logout_notices import LogoutNotices
from ostiary.oauth.authorize.request import bad_redirect_uri
from ostiary.oauth.claims.subjects import find_subject
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.clients.redirect_uris import redirect_uri_allowed
from ostiary.oauth.clients.sso import logout_redirect_uris_of
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

ClaimsOf = Callable[[Work, TenantView, str], dict[str, Any]]


class AppSignOut(SignOut):
    """The end session endpoint of a tenant. `claims_of` gives the claims of an identity token that the tenant has
    signed, or raises INVALID_TOKEN."""

    def __init__(
        self, store: Store, clock: Clock, events: EventSink, notices: LogoutNotices, issuers: Issuers,
        claims_of: ClaimsOf,
    ) -> None:  # fmt: skip
        super().__init__(store, clock, events, notices, secure=issuers.public_url.startswith("https:"))
        self._issuers = issuers
        self._claims_of = claims_of

    def of_application(
        self, call: Call, client_id: str, redirect_uri: str, *, everywhere: bool
    ) -> httpbody_pb2.HttpBody:
        """Ends the session of the browser, or all of its user, and sends the browser to `redirect_uri`. Raises
        INVALID_CLIENT and INVALID_REDIRECT_URI before anything ends."""
        work, tenant = call.reading, call.required_tenant
        client = find_client(work, tenant, client_id)
        if client is None or not client.enabled:
            message = "The client is unknown: client_id must be that of an application of this tenant."
            raise invalid("INVALID_CLIENT", message, oauth_error="invalid_client")
        if not redirect_uri_allowed(redirect_uri, logout_redirect_uris_of(work, tenant, client)):
            raise bad_redirect_uri()
        return self.away(call, redirect_uri, {}, self.end(call, self.in_browser(call), everywhere=everywhere))

    def address(self, call: Call) -> str:
        """Returns the URL of the endpoint of the tenant."""
        return f"{self._issuers.tenant(call.tenant_id)}/logout"

    def hint_of(self, call: Call, token: str) -> Hint:
        """Reads an identity token of the tenant. Its subject is a profile, whose user has the sessions."""
        work, tenant = call.reading, call.required_tenant
        claims = self._claims_of(work, tenant, token)
        subject = find_subject(work, tenant.id, str(claims["sub"]), self.clock.now_ms())
        signed_in = SignedIn(tenant.id, subject.user_id if subject else "", str(claims.get("sid", "")))
        return Hint(tenant, signed_in, claims["aud"])

    def secrets(self, call: Call) -> Sequence[str]:
        """Returns the secret of the browser's session at the tenant, if it has one."""
        secret = session_secret(call, call.tenant_id, secure=self.secure)
        return [secret] if secret else []

    def record(self, work: Work, call: Call, one: SignedIn) -> None:
        """Records the sign-out as App ID does."""
        self.events.emit(work, user_signed_out(one.tenant_id, one.user_id, call.request_id), call.required_tenant)
