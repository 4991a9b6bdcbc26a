"""Sign-out of a browser that an application asks for (OpenID Connect RP-Initiated Logout 1.0).

The identity token in `id_token_hint` says whose sign-in ends and which application asks; it may have expired. Without
it nobody is sent anywhere: a link that anybody may write must not lead away from this server. Nor does anything end
before the person has said so: any page may send a browser here (§2).
"""

from __future__ import annotations

import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from google.api import httpbody_pb2

from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.errors import DomainError, Kind, denied, invalid
from ostiary.ids import same
from ostiary.login.answers import sent_on, shown, with_query
from ostiary.login.cookies import clear_session
from ostiary.login.pages import LinkPage, link_page, signed_out_page
from ostiary.oauth.authorize.logout_notices import LogoutNotices
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.clients.redirect_uris import redirect_uri_is
from ostiary.oauth.clients.sso import logout_redirect_uris_of
from ostiary.oauth.sessions.browser import find_browser_session
from ostiary.oauth.sessions.sessions import end_session, end_sessions_of_user
from ostiary.pages.appearance import plain_look
from ostiary.pages.texts import marked
from ostiary.store.engine import Store
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call

PARAMETERS = ("id_token_hint", "post_logout_redirect_uri", "state", "client_id")
"""The parameters that are looked at (§2)."""
_SIGNED_OUT = LinkPage(marked("Signed out"), marked("You are signed out."))
_ASKS = LinkPage(
    marked("Sign out"), marked("Do you want to sign out of all applications in this browser?"), marked("Sign out")
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that may end: the person and the session, which is empty where there is none."""

    tenant_id: str
    user_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Hint:
    """The meaning of an `id_token_hint`: whose sign-in, and the applications to which it was told. `tenant` is None
    where that is disabled or gone: nobody is sent anywhere then."""

    tenant: TenantView | None
    signed_in: SignedIn
    audience: Sequence[str]


class SignOut(ABC):
    """The end session endpoint of an authorization server; `address` is its URL."""

    def __init__(
        self, store: Store, clock: Clock, events: EventSink, notices: LogoutNotices, *, secure: bool
    ) -> None:  # fmt: skip
        self._store = store
        self._notices = notices
        self.clock = clock
        self.events = events
        self.secure = secure

    def __call__(self, call: Call, parameters: Mapping[str, str], confirmed: str = "") -> httpbody_pb2.HttpBody:
        """Ends the sign-in that the hint names, and sends the browser back, or shows that it is signed out. Without a
        hint it asks first; `confirmed` is what its own page brings then. Raises INVALID_LOGOUT before anything ends,
        CSRF_FAILED (403) for a confirmation that is not from that page."""
        token, uri = parameters.get("id_token_hint", ""), parameters.get("post_logout_redirect_uri", "")
        if not token:
            if uri:
                raise _refused("post_logout_redirect_uri needs an id_token_hint that says which application asks.")
            return self._asked(call, confirmed)
        hint = self._hint(call, token)
        if parameters.get("client_id", "") not in ("", *hint.audience):
            raise _refused("client_id and id_token_hint name different applications.")
        if uri and not _may_return(call.reading, hint, uri):
            raise _refused("post_logout_redirect_uri is not registered for the application.")
        here = [one for one in self.in_browser(call) if one.user_id == hint.signed_in.user_id]
        frames = self.end(call, [hint.signed_in, *here])
        state = parameters.get("state", "")
        return self.away(call, uri, {"state": state} if state else {}, frames)

    def away(self, call: Call, uri: str, parameters: dict[str, str], frames: Sequence[str]) -> httpbody_pb2.HttpBody:
        """Sends the browser to `uri`, or says that it is signed out; after it has opened the addresses in `frames`."""
        to = with_query(uri, parameters) if uri else ""
        if frames:
            look = plain_look(call.metadata.get("accept-language", ""))
            return shown(call, signed_out_page(look, frames, to))
        return sent_on(call, uri, parameters) if uri else _page(call, _SIGNED_OUT)

    def end(self, call: Call, ending: Iterable[SignedIn], *, everywhere: bool = False) -> Sequence[str]:
        """Ends sign-ins, each once, with all other sessions of the person where it shall end `everywhere`; takes
        the cookie from the browser of what it shows. Returns the addresses that the browser is to open in frames."""
        once, here = list(dict.fromkeys(ending)), set(self.in_browser(call))
        call.release()
        frames: list[str] = []
        with self._store.write() as work:
            for one in once:
                frames += self._notices.in_frames(work, one.tenant_id, one.session_id) if one.session_id else ()
                self._end(work, call, one, everywhere=everywhere)
        for one in once:
            if one in here:
                clear_session(call, one.tenant_id, secure=self.secure)
        return list(dict.fromkeys(frames))

    def _end(self, work: Work, call: Call, one: SignedIn, *, everywhere: bool) -> None:
        now = self.clock.now_ms()
        ended = bool(one.session_id) and end_session(work, one.tenant_id, one.session_id, now)
        if everywhere:
            ended = bool(end_sessions_of_user(work, one.tenant_id, one.user_id, now)) or ended
        if ended:
            self.record(work, call, one)

    def _asked(self, call: Call, confirmed: str) -> httpbody_pb2.HttpBody:
        """Asks whether to sign out, where somebody is signed in; ends it when that is confirmed."""
        here = self.in_browser(call)
        if not here:
            return _page(call, _SIGNED_OUT)
        expected = _confirmation(self.secrets(call))
        if not confirmed:
            action = with_query(self.address(call), {"confirm": expected})
            return _page(call, _ASKS, action)
        if not same(confirmed, expected):
            message = "The form does not belong to this browser. Open the page again."
            raise denied("CSRF_FAILED", message, oauth_error="access_denied")
        return self.away(call, "", {}, self.end(call, here))

    def in_browser(self, call: Call) -> list[SignedIn]:
        """Whoever is signed in with this browser."""
        now = self.clock.now_ms()
        found = (find_browser_session(call.reading, secret, now) for secret in self.secrets(call))
        return [SignedIn(session.tenant_id, session.user_id, session.id) for session in found if session]

    def _hint(self, call: Call, token: str) -> Hint:
        try:
            return self.hint_of(call, token)
        except DomainError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
            raise _refused("id_token_hint is not an identity token of this server.") from error

    @abstractmethod
    def address(self, call: Call) -> str:
        """The URL of this endpoint."""

    @abstractmethod
    def hint_of(self, call: Call, token: str) -> Hint:
        """What an identity token of this server says, also one that has expired. Raises INVALID_TOKEN (401)."""

    @abstractmethod
    def secrets(self, call: Call) -> Sequence[str]:
        """The secrets of the sessions that the browser shows here."""

    @abstractmethod
    def record(self, work: Work, call: Call, one: SignedIn) -> None:
        """Records that a sign-in has ended."""


def _page(call: Call, says: LinkPage, action: str = "") -> httpbody_pb2.HttpBody:
    """A page of a sign-out. It may be about several tenants, or about none, so it has the colours of none."""
    return shown(call, link_page(says, plain_look(call.metadata.get("accept-language", "")), action=action))


def _may_return(work: Work, hint: Hint, uri: str) -> bool:
    client = find_client(work, hint.tenant, hint.audience[0]) if hint.tenant else None
    if hint.tenant is None or client is None or not client.enabled:
        return False
    return redirect_uri_is(uri, logout_redirect_uris_of(work, hint.tenant, client))


def _confirmation(secrets: Sequence[str]) -> str:
    """Returns a digest of the browser's secrets, by which a form proves that its page was sent to this browser."""
    return hmac.new("\0".join(secrets).encode(), b"sign out", hashlib.sha256).hexdigest()


def _refused(message: str) -> DomainError:
    return invalid("INVALID_LOGOUT", message, oauth_error="invalid_request")
