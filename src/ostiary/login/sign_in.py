"""Sign-in with a browser: the authorization request starts a transaction, the form continues it, `finish` ends it.

Each step either shows a page or sends the browser back to the client; always by 303, so that form data are never sent
to the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from google.api import httpbody_pb2

from ostiary.clock import Clock
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.errors import DomainError, Kind
from ostiary.http.forms import Form
from ostiary.ids import Entropy, new_secret
from ostiary.keys.issuers import Issuers
from ostiary.keys.sealing import Sealing
from ostiary.login.answers import sent_on, shown
from ostiary.login.pages import HostedPage, sign_in_page, web_message_page
from ostiary.mfa.settings import MFA
from ostiary.oauth.authorize.codes import Finish
from ostiary.oauth.authorize.request import (
    WEB_MESSAGE,
    AuthorizationFailed,
    AuthorizationRequest,
    AuthorizationRequests,
    ReturnAddress,
)
from ostiary.oauth.authorize.transactions import (
    LIFETIME_S,
    BrowserHalf,
    cookie_name,
    over,
    resume,
    start,
)
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.token.user_sign_in import UserSignIn
from ostiary.transport.call import Call

_SHOWN_AGAIN = frozenset({Kind.INVALID, Kind.UNAUTHENTICATED, Kind.DENIED, Kind.LIMITED})
"""Refusals of a sign-in that the person at the form can do something about."""


class SignIn:
    """The steps of a sign-in at the hosted pages."""

    def __init__(
        self, sealing: Sealing, clock: Clock, entropy: Entropy, issuers: Issuers, requests: AuthorizationRequests,
        user_sign_in: UserSignIn, finish: Finish,
    ) -> None:  # fmt: skip
        self._sealing = sealing
        self._clock = clock
        self._entropy = entropy
        self._issuers = issuers
        self._requests = requests
        self._user_sign_in = user_sign_in
        self._finish = finish

    def begin(self, call: Call, parameters: Mapping[str, str]) -> httpbody_pb2.HttpBody:
        """The authorization endpoint: shows the sign-in page, or tells the client what is wrong."""
        try:
            request = self._requests.read(call.work, call.required_tenant, parameters)
            if request.is_anonymous:
                return self._anonymous(call, request)
            _refuse_silence(request, parameters)
            _refuse_single_factor(call, request.address)
        except AuthorizationFailed as failure:
            return self._failed(call, failure)
        browser = start(self._sealing, self._entropy, call.tenant_id, request, self._clock.now_ms())
        page = self._page(call, request, browser, username=parameters.get("login_hint", "")[:256])
        call.headers.append(("set-cookie", self._cookie(call, browser, LIFETIME_S)))
        return shown(call, page)

    def _anonymous(self, call: Call, request: AuthorizationRequest) -> httpbody_pb2.HttpBody:
        """Signs in an anonymous user: no page is shown, and `prompt=none` is fulfilled."""
        call.release()
        code = self._finish.anonymous(call.required_tenant, request, call.request_id)
        return self._answered(call, request.address, {"code": code})

    def submit(self, call: Call, form: Form) -> httpbody_pb2.HttpBody:
        """The sign-in form: sends the browser back with a code, or shows the page again with what was wrong."""
        handle = form.get("transaction")
        browser = BrowserHalf(handle, _cookies(call).get(cookie_name(handle), ""))
        tenant = call.required_tenant
        now_ms, token = self._clock.now_ms(), form.get("csrf_token")
        transaction = resume(call.work, self._sealing, tenant.id, browser, token, now_ms)
        request = transaction.request
        self._check_client(call, request)
        try:
            _refuse_single_factor(call, request.address)
        except AuthorizationFailed as failure:
            return self._failed(call, failure)
        username = form.get("username")
        try:
            subject = self._user_sign_in(
                call, tenant, username, form.get("password"), call.request_id, request.anonymous_id
            )
        except DomainError as error:
            if error.kind not in _SHOWN_AGAIN:
                raise
            page = self._page(call, request, browser, username=username[:256], problem=error.message)
            return shown(call, page, error)
        try:
            code = self._finish(tenant.id, transaction, subject)
        except AuthorizationFailed as failure:
            return self._failed(call, failure)
        call.headers.append(("set-cookie", self._cookie(call, BrowserHalf(handle, ""), 0)))
        return self._answered(call, request.address, {"code": code})

    def _check_client(self, call: Call, request: AuthorizationRequest) -> None:
        client = find_client(call.work, call.required_tenant, request.client_id)
        if client is None or not client.enabled:
            raise over()

    def _page(
        self, call: Call, request: AuthorizationRequest, browser: BrowserHalf, *, username: str, problem: str = ""
    ) -> HostedPage:
        client = find_client(call.work, call.required_tenant, request.client_id)
        by_email = CLOUD_DIRECTORY.read(call.work, call.required_tenant).identity_field == "email"
        action = f"{self._issuers.tenant(call.tenant_id)}/authorization/sign_in"
        return sign_in_page(
            client.name if client else "", action, browser, request.address, by_email=by_email, username=username,
            problem=problem,
        )  # fmt: skip

    def _failed(self, call: Call, failure: AuthorizationFailed) -> httpbody_pb2.HttpBody:
        answer = {"error": failure.error, "error_description": failure.description}
        return self._answered(call, failure.address, answer)

    def _answered(self, call: Call, address: ReturnAddress, answer: dict[str, str]) -> httpbody_pb2.HttpBody:
        response = {**answer, **({"state": address.state} if address.state else {})}
        if address.response_mode == WEB_MESSAGE:
            return shown(call, web_message_page(address, response, new_secret(self._entropy, 16)))
        return sent_on(call, address.redirect_uri, response)

    def _cookie(self, call: Call, browser: BrowserHalf, max_age_s: int) -> str:
        path = urlsplit(self._issuers.tenant(call.tenant_id)).path
        secure = "; Secure" if self._issuers.public_url.startswith("https:") else ""
        return f"{browser.cookie}={browser.secret}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"


def _refuse_single_factor(call: Call, address: ReturnAddress) -> None:
    """A tenant that asks for a second factor must not get less: the page has no step for one yet, so nobody passes."""
    if MFA.read(call.work, call.required_tenant):
        message = "This tenant asks for a second factor, and the sign-in page cannot ask for one."
        raise AuthorizationFailed(address, "access_denied", message)


def _refuse_silence(request: AuthorizationRequest, parameters: Mapping[str, str]) -> None:
    if "none" in parameters.get("prompt", "").split():
        message = "Nobody is signed in, and prompt=none forbids to ask."
        raise AuthorizationFailed(request.address, "login_required", message)


def _cookies(call: Call) -> dict[str, str]:
    """Reads the cookies of a request. A value may be in quotes, which do not belong to it (RFC 6265 §4.1.1)."""
    pairs = (pair.partition("=") for pair in call.metadata.get("cookie", "").split(";"))
    return {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
