"""Sign-out of a browser that an application asks for (OpenID Connect RP-Initiated Logout 1.0).

The identity token in `id_token_hint` says whose sign-in ends and which application asks; it may have expired. Without
it nobody is sent anywhere: a link that anybody may write must not lead away from this server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.api import httpbody_pb2

from ostiary.access.signing_out import Held, SigningOut
from ostiary.errors import DomainError, Kind, invalid
from ostiary.login.answers import sent_on, shown
from ostiary.login.pages import LinkPage, link_page
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.clients.redirect_uris import redirect_uri_is
from ostiary.oauth.clients.sso import logout_redirect_uris_of
from ostiary.pages.appearance import plain_look
from ostiary.pages.texts import marked
from ostiary.store.work import Work
from ostiary.transport.call import Call

PARAMETERS = ("id_token_hint", "post_logout_redirect_uri", "state", "client_id")
"""The parameters that are looked at (§2)."""
_SIGNED_OUT = LinkPage(marked("Signed out"), marked("You are signed out."))


@dataclass(frozen=True, slots=True)
class SignOut:
    """The end session endpoint of the platform."""

    signing_out: SigningOut

    def __call__(self, call: Call, parameters: Mapping[str, str]) -> httpbody_pb2.HttpBody:
        """Ends the sign-in that the hint names, and sends the browser back, or shows that it is signed out. Raises
        INVALID_LOGOUT before anything ends."""
        hint, uri = parameters.get("id_token_hint", ""), parameters.get("post_logout_redirect_uri", "")
        if not hint:
            if uri:
                raise _refused("post_logout_redirect_uri needs an id_token_hint that says which application asks.")
            return _signed_out(call)
        claims = self._claims(call.reading, hint)
        _check_client(parameters.get("client_id", ""), claims)
        if uri and not self._may_return(call.reading, claims, uri):
            raise _refused("post_logout_redirect_uri is not registered for the application.")
        call.release()
        held = Held(str(claims.get("context_name", "")), ("user", str(claims["sub"])), str(claims.get("sid", "")))
        self.signing_out.end(held, call.rules.audit, call.request_id)
        if not uri:
            return _signed_out(call)
        state = parameters.get("state", "")
        return sent_on(call, uri, {"state": state} if state else {})

    def _claims(self, work: Work, hint: str) -> dict[str, Any]:
        try:
            return self.signing_out.identity_tokens.claims(work, hint)
        except DomainError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
            raise _refused("id_token_hint is not an identity token of this server.") from error

    def _may_return(self, work: Work, claims: dict[str, Any], uri: str) -> bool:
        tenant = self.signing_out.identity_tokens.tenant_of(work, claims)
        client = find_client(work, tenant, str(claims["aud"][0])) if tenant else None
        if tenant is None or client is None or not client.enabled:
            return False
        return redirect_uri_is(uri, logout_redirect_uris_of(work, tenant, client))


def _signed_out(call: Call) -> httpbody_pb2.HttpBody:
    """The page at the end: whose it was is no longer known, so it looks as nobody's."""
    return shown(call, link_page(_SIGNED_OUT, plain_look(call.metadata.get("accept-language", ""))))


def _check_client(client_id: str, claims: dict[str, Any]) -> None:
    if client_id and client_id not in claims["aud"]:
        raise _refused("client_id and id_token_hint name different applications.")


def _refused(message: str) -> DomainError:
    return invalid("INVALID_LOGOUT", message, oauth_error="invalid_request")
