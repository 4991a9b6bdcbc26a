"""Sign-in with Facebook."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.keys.issuers import Issuers
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import SentAway
from ostiary.login.steps.upstream.step import SignInParts, UpstreamStep
from ostiary.login.visits import SignInVisit
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.facebook import NAME, Facebook
from ostiary.upstream.identity import UpstreamIdentity, check_error
from ostiary.upstream.social import CALLBACKS, SOCIAL, SocialProvider


class FacebookStep(UpstreamStep):
    """Asks Facebook, with the credentials that the tenant has there."""

    name = NAME
    setting = SOCIAL[NAME]

    def __init__(self, parts: SignInParts, facebook: Facebook, sealing: Sealing, issuers: Issuers) -> None:
        super().__init__(parts)
        self._facebook = facebook
        self._sealing = sealing
        self._issuers = issuers

    def label(self, work: Work, tenant: TenantView) -> str:
        """The name that it has everywhere."""
        return "Facebook"

    def send(self, visit: SignInVisit) -> SentAway:
        """Sends the browser to Facebook's dialog."""
        state, prompts = visit.new_state(self.entropy), visit.transaction.request.prompts
        uri = self._facebook.authorization_uri(self._client(visit), self._redirect_uri(visit), state, prompts)
        return visit.send_away(self.name, state, uri, {})

    def identity(self, visit: SignInVisit, answer: Mapping[str, str]) -> UpstreamIdentity:
        """Asks Facebook whose the code is."""
        check_error(NAME, answer)
        client, redirect_uri = self._client(visit), self._redirect_uri(visit)
        visit.call.release()
        return self._facebook.identity(client, redirect_uri, answer.get("code", ""))

    def _client(self, visit: SignInVisit) -> SocialProvider:
        return SOCIAL[NAME].opened(visit.call.work, self._sealing, visit.call.tenant_id)

    def _redirect_uri(self, visit: SignInVisit) -> str:
        return f"{self._issuers.tenant(visit.call.tenant_id)}/{CALLBACKS[NAME]}"
