"""Arrivals from a SAML identity provider: its responses reach this server by a form of another site, and some of them
without that anybody here has asked (IdP-initiated sign-in, SAML Profiles §4.1.5).

Such an arrival leads to no code: no application has asked for one. The browser is sent on to the application with a
cookie, by which the sign-in that the application then begins asks nobody: once, and soon.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from google.api import httpbody_pb2

from ostiary.audit.runtime_events import identity_authenticated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.http.forms import Form
from ostiary.ids import Entropy, digest, new_secret
from ostiary.keys.issuers import Issuers
from ostiary.keys.sealing import SealBroken, SealedField, Sealing
from ostiary.login.answers import sent_on, shown
from ostiary.login.cookies import cookies_of
from ostiary.login.pages import passed_on_page
from ostiary.login.visits import AT_PLATFORM
from ostiary.oauth.claims.subjects import subject_at_sign_in
from ostiary.oauth.clients.redirect_uris import redirect_uri_allowed, registered_uris
from ostiary.pages.appearance import look_of
from ostiary.store.engine import Store
from ostiary.transport.call import Call
from ostiary.upstream.saml.assertions import Assertion
from ostiary.upstream.saml.documents import decoded
from ostiary.upstream.saml.identity import identity_of
from ostiary.upstream.saml.refusals import ResponseRefused
from ostiary.upstream.saml.responses import answered_request
from ostiary.upstream.saml.service_provider import ServiceProvider, use_up
from ostiary.upstream.saml.settings import NAME, SAML

LIFETIME_S = 120
"""The time in which an application must begin its sign-in."""
_COOKIE = "ostiary_arrival"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A person who came without a request: the profile, when it was proved, and until when that counts (UTC
    milliseconds)."""

    id: str
    subject: str
    at: int
    until: int


class SamlArrivals:
    """The assertion consumer service of all tenants."""

    def __init__(
        self, store: Store, sealing: Sealing, clock: Clock, entropy: Entropy, events: EventSink, issuers: Issuers,
        service_provider: ServiceProvider,
    ) -> None:  # fmt: skip
        self._store = store
        self._sealing = sealing
        self._clock = clock
        self._entropy = entropy
        self._events = events
        self._issuers = issuers
        self._service_provider = service_provider

    def __call__(self, call: Call, form: Form) -> httpbody_pb2.HttpBody:
        """Passes a response on to the sign-in that has asked for it, or takes one that nobody has asked for."""
        response, relay_state = form.required("SAMLResponse"), form.get("RelayState")
        if not answered_request(decoded(response)):
            return self._unasked(call, response, relay_state)
        look = look_of(call.work, call.required_tenant, (), call.metadata.get("accept-language", ""))
        action = f"{self._issuers.tenant(call.tenant_id)}/authorization/saml"
        if relay_state.startswith(AT_PLATFORM):
            action = f"{self._issuers.oidc}/oauth2/authorize/{call.tenant_id}/saml"
        fields = {"SAMLResponse": response, "RelayState": relay_state}
        return shown(call, passed_on_page(look, action, fields, new_secret(self._entropy, 16)))

    def _unasked(self, call: Call, response: str, relay_state: str) -> httpbody_pb2.HttpBody:
        goes_on = self._goes_on(call, relay_state)
        read = self._service_provider.reader(call.work, call.required_tenant, "")
        call.release()
        arrived = self._arrived(call, read(response))
        sealed = self._sealing.seal(json.dumps(asdict(arrived)).encode(), _place(call.tenant_id))
        _set(call, sealed, LIFETIME_S, self._issuers)
        return sent_on(call, goes_on, {})

    def _goes_on(self, call: Call, relay_state: str) -> str:
        """The address in RelayState, which must be one of the tenant's, else that of the settings. Raises SAML_UNASKED,
        SAML_RELAY_STATE, SAML_NO_REDIRECT."""
        provider = SAML.read(call.work, call.required_tenant)
        if not provider.idp_init_enabled:
            message = "Nobody has asked for this response, and the settings of this tenant allow none (idpInitEnabled)."
            raise ResponseRefused("UNASKED", message)
        if "://" not in relay_state or relay_state == provider.idp_redirect_url:
            if not provider.idp_redirect_url:
                message = "It is not known where to go: set idpRedirectUrl, or let the RelayState be a redirect URL."
                raise ResponseRefused("NO_REDIRECT", message)
            return provider.idp_redirect_url
        if not redirect_uri_allowed(relay_state, registered_uris(call.work, call.required_tenant)):
            message = "The RelayState of the response is none of the redirect URLs of this tenant."
            raise ResponseRefused("RELAY_STATE", message)
        return relay_state

    def _arrived(self, call: Call, assertion: Assertion) -> Arrived:
        arrival, now, tenant = identity_of(assertion).arrival(), self._clock.now_ms(), call.required_tenant
        with self._store.write() as work:
            use_up(work, tenant.id, assertion)
            subject = subject_at_sign_in(work, tenant.id, arrival, self._entropy, now)
            self._events.emit(work, identity_authenticated(tenant.id, subject.id, NAME, call.request_id), tenant)
        return Arrived(new_secret(self._entropy), subject.id, assertion.authenticated_at, now + LIFETIME_S * 1000)


def arrived_before(call: Call, sealing: Sealing, issuers: Issuers, now_ms: int) -> Arrived | None:
    """The person who came with this browser a short time ago, if any. Takes the cookie from the browser."""
    sealed = cookies_of(call).get(_name(call.tenant_id), "")
    if not sealed:
        return None
    _set(call, "", 0, issuers)
    try:
        arrived = Arrived(**json.loads(sealing.open(sealed, _place(call.tenant_id))))
    except SealBroken:
        return None
    return arrived if arrived.until > now_ms else None


def _set(call: Call, value: str, max_age_s: int, issuers: Issuers) -> None:
    secure = "; Secure" if issuers.public_url.startswith("https:") else ""
    ending = f"Path=/oauth/v4/{call.tenant_id}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
    call.headers.append(("set-cookie", f"{_name(call.tenant_id)}={value}; {ending}"))


def _name(tenant_id: str) -> str:
    return f"{_COOKIE}_{digest(tenant_id)[:16]}"


def _place(tenant_id: str) -> SealedField:
    return SealedField(tenant_id, "saml_arrivals", "", "cookie")
