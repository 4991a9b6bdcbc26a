"""Sign-in with an OpenID provider: Google, or one of the tenant's choice."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace

from ostiary.ids import new_secret
from ostiary.keys.issuers import Issuers
from ostiary.keys.sealing import Sealing
from ostiary.login.answers import with_query
from ostiary.login.flow import SentAway
from ostiary.login.steps.upstream.step import SignInParts, UpstreamStep
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.request import AuthorizationRequest
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.google import NAME as GOOGLE
from ostiary.upstream.google import google_client, google_identity
from ostiary.upstream.identity import UpstreamIdentity
from ostiary.upstream.openid.relying_party import Journey, Registration, RelyingParty
from ostiary.upstream.openid.settings import CALLBACK, NAME, OPENID
from ostiary.upstream.social import CALLBACKS, SOCIAL

_NONCE, _VERIFIER = "openid.nonce", "openid.verifier"


class OpenIdStep(UpstreamStep):
    """The flow that all of them have; what differs is where the client comes from, and which wishes are passed on."""

    def __init__(self, parts: SignInParts, relying_party: RelyingParty, sealing: Sealing, issuers: Issuers) -> None:
        super().__init__(parts)
        self._relying_party = relying_party
        self._sealing = sealing
        self._issuers = issuers

    @abstractmethod
    def client(self, work: Work, tenant_id: str, server: str) -> Registration:
        """The client that the tenant has registered; `server` is its OAuth server URL."""

    @abstractmethod
    def wishes(self, request: AuthorizationRequest) -> dict[str, str]:
        """The parameters with which the application's wishes are passed on."""

    def max_age_s(self, request: AuthorizationRequest) -> int | None:
        """The seconds that the sign-in there may be old; None where the provider is not asked for that."""
        return request.max_age

    def send(self, visit: SignInVisit) -> SentAway:
        """Sends the browser to the provider's authorization endpoint."""
        entropy, request = self.entropy, visit.transaction.request
        state = visit.new_state(entropy)
        journey = Journey(new_secret(entropy), new_secret(entropy), self.max_age_s(request))
        client = self._client(visit)
        visit.call.release()
        uri, parameters = self._relying_party.request(client, journey, state)
        notes = {_NONCE: journey.nonce, _VERIFIER: journey.verifier}
        return visit.send_away(self.name, state, with_query(uri, {**parameters, **self.wishes(request)}), notes)

    def identity(self, visit: SignInVisit, answer: Mapping[str, str]) -> UpstreamIdentity:
        """Exchanges the code, and checks all that comes back."""
        notes, client = visit.transaction.notes, self._client(visit)
        journey = Journey(notes[_NONCE], notes[_VERIFIER], self.max_age_s(visit.transaction.request))
        visit.call.release()
        return self._relying_party.identity(client, journey, answer)

    def _client(self, visit: SignInVisit) -> Registration:
        return self.client(visit.call.work, visit.call.tenant_id, self._issuers.tenant(visit.call.tenant_id))


class OpenIdProviderStep(OpenIdStep):
    """Asks the provider that the tenant has chosen."""

    name = NAME
    setting = OPENID

    def label(self, work: Work, tenant: TenantView) -> str:
        """The name that the tenant has given it."""
        return OPENID.read(work, tenant).display_name

    def client(self, work: Work, tenant_id: str, server: str) -> Registration:
        """The client of the tenant's settings."""
        found = OPENID.opened(work, self._sealing, tenant_id)
        return Registration(found.issuer, found.client_id, found.secret, f"{server}/{CALLBACK}")

    def wishes(self, request: AuthorizationRequest) -> dict[str, str]:
        """The person whom the application expects, the language, and whether the person must be asked."""
        prompts = [prompt for prompt in request.prompts if prompt in ("login", "select_account")]
        given = {
            "prompt": " ".join(prompts), "login_hint": request.login_hint, "ui_locales": " ".join(request.languages),
        }  # fmt: skip
        return {name: value for name, value in given.items() if value}


class GoogleStep(OpenIdStep):
    """Asks Google, with the credentials that the tenant has there."""

    name = GOOGLE
    setting = SOCIAL[GOOGLE]

    def __init__(
        self, parts: SignInParts, relying_party: RelyingParty, sealing: Sealing, issuers: Issuers, url: str
    ) -> None:
        super().__init__(parts, relying_party, sealing, issuers)
        self._url = url

    def label(self, work: Work, tenant: TenantView) -> str:
        """The name that it has everywhere."""
        return "Google"

    def client(self, work: Work, tenant_id: str, server: str) -> Registration:
        """The client of the tenant's settings, at the operator's URL."""
        found = SOCIAL[GOOGLE].opened(work, self._sealing, tenant_id)
        return google_client(self._url, found, f"{server}/{CALLBACKS[GOOGLE]}")

    def max_age_s(self, request: AuthorizationRequest) -> int | None:
        """Google does not say when it has asked the person."""
        return None

    def wishes(self, request: AuthorizationRequest) -> dict[str, str]:
        """Google can let the person choose an account, and not ask for the password again."""
        asks = {"login", "select_account"} & set(request.prompts) or request.max_age is not None
        given = {"prompt": "select_account" if asks else "", "login_hint": request.login_hint}
        return {name: value for name, value in given.items() if value}

    def identity(self, visit: SignInVisit, answer: Mapping[str, str]) -> UpstreamIdentity:
        """The person, described with the names of Google's older API too, since claims are mapped by them."""
        found = super().identity(visit, answer)
        return replace(found, claims=google_identity(found.id, found.claims))
