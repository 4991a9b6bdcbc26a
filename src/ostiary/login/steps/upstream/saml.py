"""Sign-in with the tenant's SAML identity provider."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.ids import new_secret
from ostiary.login.flow import Done, SentAway
from ostiary.login.steps.upstream.step import SignInParts, UpstreamStep
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.request import AuthorizationFailed
from ostiary.oauth.authorize.state import Identified
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.identity import UpstreamIdentity
from ostiary.upstream.saml.assertions import Assertion
from ostiary.upstream.saml.identity import identity_of
from ostiary.upstream.saml.refusals import ResponseRefused
from ostiary.upstream.saml.service_provider import ServiceProvider, use_up
from ostiary.upstream.saml.settings import NAME, SAML

_REQUEST = "saml_request"
"""The note with the id of the request: a response must name it, and the transaction takes one."""


class SamlStep(UpstreamStep):
    """Sends an authentication request, and takes the response to it."""

    name = NAME
    setting = SAML

    def __init__(self, parts: SignInParts, service_provider: ServiceProvider) -> None:
        super().__init__(parts)
        self._service_provider = service_provider

    def label(self, work: Work, tenant: TenantView) -> str:
        """The name that the tenant has given it."""
        return SAML.read(work, tenant).display_name

    def send(self, visit: SignInVisit) -> SentAway:
        """Sends the browser to the identity provider; the state is the RelayState there."""
        state, request_id = visit.new_state(self.entropy), f"_{new_secret(self.entropy)}"
        call = visit.call
        uri = self._service_provider.request_url(call.work, call.required_tenant, request_id, state)
        return visit.send_away(self.name, state, uri, {_REQUEST: request_id})

    def identity(self, visit: SignInVisit, answer: Mapping[str, str]) -> UpstreamIdentity:
        """The person of the response."""
        return identity_of(self._assertion(visit, answer))

    def returned(self, visit: SignInVisit, answer: Mapping[str, str]) -> Done:
        """Takes the response. Its assertion is used up in the transaction in which the sign-in goes on."""
        assertion = self._assertion(visit, answer)
        arrival = identity_of(assertion).arrival(visit.transaction.request.anonymous_id)

        def change(work: Work) -> Identified:
            use_up(work, visit.call.tenant_id, assertion)
            return self.people.identified(work, visit, arrival)

        return Done(self.name, change, at=assertion.authenticated_at)

    def _assertion(self, visit: SignInVisit, answer: Mapping[str, str]) -> Assertion:
        call, request_id = visit.call, visit.transaction.notes.get(_REQUEST, "")
        read = self._service_provider.reader(call.work, call.required_tenant, request_id)
        call.release()
        try:
            return read(answer.get("response", ""))
        except ResponseRefused as refused:
            if refused.reason != "SAML_STATUS":
                raise
            # The application is told what the identity provider has said.
            raise AuthorizationFailed(visit.transaction.request.address, "access_denied", refused.message) from refused
