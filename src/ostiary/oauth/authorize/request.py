"""The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1): read, checked, stored for the sign-in
pages.

Until the client and the redirect URI are known to be valid, an error is shown in the browser; from then on it is
returned to the client. A bad redirect URI is never followed (RFC 9700 §4.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.errors import DomainError, invalid, unauthenticated
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.oauth.claims.scopes import UNDERSTOOD, USER_SCOPES, requested_scopes
from ostiary.oauth.clients.clients import ClientView, find_client, redirect_uris_of
from ostiary.oauth.clients.redirect_uris import redirect_uri_allowed
from ostiary.oauth.token.pkce import METHOD, is_challenge
from ostiary.oauth.token.progressive import PARAMETER, AnonymousTokens
from ostiary.oauth.token.settings import TOKENS
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.custom import NAME as CUSTOM
from ostiary.upstream.openid.settings import OPENID
from ostiary.upstream.saml.settings import SAML
from ostiary.upstream.social import SOCIAL

FORM_POST, WEB_MESSAGE = "form_post", "web_message"
"""Response modes beside the query: a form that the browser posts (OAuth 2.0 Form Post Response Mode 1.0), and a message
to the window that opened the page."""
PAGE = "page"
"""Response mode of a sign-in that no application has begun: it ends at a page of ours, which shows errors, too."""
SIGN_UP, FORGOT_PASSWORD = "sign_up", "forgot_password"
CHANGE_PASSWORD, CHANGE_DETAILS = "change_password", "change_details"
"""Purposes of a flow; SIGN_UP is a response type of App ID, too."""
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
MAX_LENGTH = 4_096
"""Characters of one parameter; they are kept until the sign-in is finished."""
MAX_LOGIN_HINT = 256
"""Characters; the field on the page takes no more."""
MAX_AGE_DIGITS = 10
MAX_LANGUAGES = 20
"""Tags of `ui_locales` that are kept."""
NOT_ACTIVE = "The identity provider is not active."
NOT_BY_BROWSER = "With custom identity people sign in by an assertion at the token endpoint, not by a browser."
PROVIDERS: Mapping[str, Setting[Any, Any]] = {
    "cloud_directory": CLOUD_DIRECTORY, **SOCIAL, OPENID.name: OPENID, "saml": SAML,
}  # fmt: skip
"""The settings of the providers by which people sign in with a browser, by what `idp` calls them."""
_TOKENS = frozenset({"id_token_hint", PARAMETER})
"""Parameters with a limit of their own, and not kept."""
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """The address to which an answer goes: a registered redirect URI, and the response mode. `state` is returned as it
    was sent; `issuer` says who answers (RFC 9207), empty where no application asks."""

    redirect_uri: str
    state: str
    response_mode: str = ""
    issuer: str = ""

    def response(self, answer: Mapping[str, str]) -> dict[str, str]:
        """The parameters of an answer: what it says, the state, and who gives it."""
        more = {"state": self.state, "iss": self.issuer}
        return {**answer, **{name: value for name, value in more.items() if value}}

    @property
    def origin(self) -> str:
        """The scheme, host and port of the redirect URI; empty where it has none (an app's own scheme)."""
        parts = urlsplit(self.redirect_uri)
        origin = f"{parts.scheme}://{parts.netloc}"
        return origin if _ORIGIN.fullmatch(origin) else ""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid authorization request. `scope` are the names asked for; `hinted_subject` is the user that the client
    expects.

    `provider` is the one asked for, if any; `anonymous_id` the anonymous profile that the user had until now, if any;
    `wants_acr` whether the identity token shall say how the user was identified. `prompts` are the values of `prompt`;
    `max_age` the seconds that a sign-in may be old, None if any; `login_hint` what the user will probably type;
    `claims` those that are asked for by name, as `claims_parameter` writes them; `languages` the tags in which the
    application wants the pages (RFC 5646), the best first. `purpose` is empty for a sign-in, else SIGN_UP or one of the
    flows that begin at an address of their own; `about` is the directory id or the one-time code that such a flow is
    about.
    """

    client_id: str
    address: ReturnAddress
    scope: tuple[str, ...]
    nonce: str
    challenge: str
    hinted_subject: str
    provider: str = ""
    anonymous_id: str = ""
    wants_acr: bool = False
    prompts: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str = ""
    claims: str = ""
    languages: tuple[str, ...] = ()
    purpose: str = ""
    about: str = ""

    @property
    def must_be_silent(self) -> bool:
        """Whether nobody may be asked anything (`prompt=none`)."""
        return "none" in self.prompts

    def dump(self) -> dict[str, Any]:
        """JSON form of the value, to be kept."""
        return asdict(self)

    @classmethod
    def load(cls, facts: dict[str, Any]) -> AuthorizationRequest:
        """Reads what `dump` wrote."""
        read = {**facts, "address": ReturnAddress(**facts["address"])}
        return cls(
            **{
                **read,
                "scope": tuple(facts["scope"]),
                "prompts": tuple(facts["prompts"]),
                "languages": tuple(facts["languages"]),
            }
        )


class AuthorizationFailed(Exception):
    """An error that is returned to the client (RFC 6749 §4.1.2.1)."""

    def __init__(self, address: ReturnAddress, error: str, description: str) -> None:
        super().__init__(error)
        self.address = address
        self.error = error
        self.description = description


class MayReturn(Protocol):
    """Whether an answer may go to a redirect URI of a client."""

    def __call__(self, work: Work, tenant: TenantView, client: ClientView, redirect_uri: str) -> bool: ...


def still_allowed(work: Work, tenant: TenantView, request: AuthorizationRequest, may_return: MayReturn) -> bool:
    """Whether the application of a request is there and its address still registered: it may have been taken from the
    list since, and the client be another one of the same id."""
    client = find_client(work, tenant, request.client_id)
    return client is not None and client.enabled and may_return(work, tenant, client, request.address.redirect_uri)


class AuthorizationRequests:
    """Reads authorization requests."""

    def __init__(self, keys: Keyring, issuers: Issuers, anonymous: AnonymousTokens) -> None:
        self._keys = keys
        self._issuers = issuers
        self._anonymous = anonymous

    def read(self, work: Work, tenant: TenantView, parameters: Parameters) -> AuthorizationRequest:
        """The request; raises DomainError for the browser and AuthorizationFailed for the client."""
        client = find_client(work, tenant, parameters.get("client_id", ""))
        if client is None or not client.enabled:
            message = "The client is unknown: client_id must be that of an application of this tenant."
            raise invalid("INVALID_CLIENT", message, oauth_error="invalid_client")
        allowed = self.allows(work, tenant, client, parameters.get("redirect_uri", ""))
        address = return_address(parameters, allowed, self._issuers.tenant(tenant.id))
        signs_up = parameters.get("response_type") == SIGN_UP
        check_parameters(address, {**parameters, "response_type": "code"} if signs_up else parameters)
        _check_provider(work, tenant, address, parameters.get("idp", ""))
        return AuthorizationRequest(
            client_id=client.id, address=address, scope=_scope(client, address, parameters),
            nonce=parameters.get("nonce", ""), challenge=challenge_of(client, address, parameters),
            hinted_subject=self._hinted_subject(work, tenant, client, address, parameters),
            provider=parameters.get("idp", ""),
            anonymous_id=self._anonymous_id(work, tenant, client, address, parameters),
            wants_acr=bool(parameters.get("acr_values", "").split()),
            prompts=tuple(parameters.get("prompt", "").split()), max_age=max_age_of(parameters),
            login_hint=parameters.get("login_hint", "")[:MAX_LOGIN_HINT], languages=languages_of(parameters),
            purpose=SIGN_UP if signs_up else "",
        )  # fmt: skip

    def allows(self, work: Work, tenant: TenantView, client: ClientView, redirect_uri: str) -> bool:
        """Whether the answer may go to this URI; its query is not compared."""
        return redirect_uri_allowed(redirect_uri, redirect_uris_of(work, tenant, client))

    def go_on(self, work: Work, tenant: TenantView, request: AuthorizationRequest) -> bool:
        """Whether a sign-in that was begun may still end at its application."""
        return still_allowed(work, tenant, request, self.allows)

    def _anonymous_id(
        self, work: Work, tenant: TenantView, client: ClientView, address: ReturnAddress, parameters: Parameters
    ) -> str:
        try:
            return self._anonymous.profile_of(work, tenant, client.id, parameters.get(PARAMETER, ""))
        except DomainError as error:
            raise AuthorizationFailed(address, "invalid_request", error.message) from error

    def _hinted_subject(
        self, work: Work, tenant: TenantView, client: ClientView, address: ReturnAddress, parameters: Parameters
    ) -> str:
        """Returns the user whom `id_token_hint` names. It may have expired: it says whom the client expects, and proves
        nothing."""
        hint = parameters.get("id_token_hint", "")
        if not hint:
            return ""
        try:
            claims = self.claims_of(work, tenant, hint)
        except DomainError:
            claims = {}
        if client.id not in claims.get("aud", ()):
            raise AuthorizationFailed(address, "invalid_request", "id_token_hint is not an identity token of yours.")
        return str(claims["sub"])

    def claims_of(self, work: Work, tenant: TenantView, token: str) -> dict[str, Any]:
        """The claims of an identity token that the tenant has signed, also of one that has expired. Raises
        INVALID_TOKEN (401)."""
        try:
            _, claims = jwt.decode(token, lambda _: self._keys.verifiers(work, tenant))
        except jwt.InvalidToken:
            claims = {}
        if claims.get("iss") != self._issuers.tenant(tenant.id) or "scope" in claims:  # which access tokens alone have
            raise unauthenticated("INVALID_TOKEN", "This is no identity token of the tenant.")
        return claims


def return_address(parameters: Parameters, allowed: bool, issuer: str) -> ReturnAddress:
    """The address of the answer, which `issuer` gives. Raises DomainError for one that is not `allowed`."""
    redirect_uri = parameters.get("redirect_uri", "")
    if not allowed:
        raise bad_redirect_uri()
    address = ReturnAddress(redirect_uri, parameters.get("state", ""), issuer=issuer)
    mode = parameters.get("response_mode", "")
    if mode in ("", "query"):
        return address
    if mode not in (FORM_POST, WEB_MESSAGE):
        message = "response_mode must be query, form_post or web_message."
        raise AuthorizationFailed(address, "invalid_request", message)
    if not address.origin:
        raise AuthorizationFailed(address, "invalid_request", f"{mode} needs a redirect_uri with a web origin.")
    return replace(address, response_mode=mode)


def bad_redirect_uri() -> DomainError:
    """The very words of App ID, which people search for."""
    message = (
        'redirect_uri is invalid. Check the URL-s listed under the "Manage" section in the "Identity Providers" tabs.'
    )
    return invalid("INVALID_REDIRECT_URI", message, oauth_error="invalid_request")


def check_parameters(address: ReturnAddress, parameters: Parameters) -> None:
    """Refuses what is too long, not supported, or not what it must be. Raises AuthorizationFailed."""
    _check_length(address, parameters)
    _check_shape(address, parameters)


def _check_length(address: ReturnAddress, parameters: Parameters) -> None:
    for name, value in parameters.items():
        if len(value) > MAX_LENGTH and name not in _TOKENS:
            stateless = replace(address, state=address.state[:MAX_LENGTH])
            raise AuthorizationFailed(stateless, "invalid_request", f"{name} is longer than {MAX_LENGTH} characters.")


def _check_shape(address: ReturnAddress, parameters: Parameters) -> None:
    if parameters.get("request"):
        raise AuthorizationFailed(address, "request_not_supported", "Send the parameters themselves, not an object.")
    if parameters.get("request_uri"):
        raise AuthorizationFailed(address, "request_uri_not_supported", "Nothing is fetched; send the parameters.")
    response_type = parameters.get("response_type", "")
    if not response_type:
        raise AuthorizationFailed(address, "invalid_request", "response_type is missing; it must be code.")
    if response_type != "code":
        raise AuthorizationFailed(address, "unsupported_response_type", "response_type must be code.")
    if "\0" in parameters.get("nonce", ""):  # it is stored until the code is redeemed
        raise AuthorizationFailed(address, "invalid_request", "nonce must not hold the character NUL.")
    max_age = parameters.get("max_age", "")
    if max_age and not (max_age.isascii() and max_age.isdigit()):
        raise AuthorizationFailed(address, "invalid_request", "max_age must be a number of seconds.")
    prompts = parameters.get("prompt", "").split()
    if not PROMPTS.issuperset(prompts) or ("none" in prompts and len(prompts) > 1):
        raise AuthorizationFailed(
            address, "invalid_request", "prompt must be none, or some of login, consent and select_account."
        )


def max_age_of(parameters: Parameters) -> int | None:
    """The seconds that a sign-in may be old, checked before; None if any.

    More digits than a lifetime has seconds say as much as the first of them.
    """
    digits = parameters.get("max_age", "").lstrip("0")[:MAX_AGE_DIGITS]
    return int(digits or "0") if parameters.get("max_age") else None


def languages_of(parameters: Parameters) -> tuple[str, ...]:
    """The languages of the pages: App ID's `language`, then `ui_locales` (OpenID Connect Core §3.1.2.1). One that is no
    tag is none that we have."""
    return (*parameters.get("language", "").split()[:1], *parameters.get("ui_locales", "").split()[:MAX_LANGUAGES])


def _check_provider(work: Work, tenant: TenantView, address: ReturnAddress, idp: str) -> None:
    if idp == ANONYMOUS:
        if not TOKENS.read(work, tenant).anonymous_enabled:
            raise AuthorizationFailed(address, "access_denied", "Anonymous token is disabled")
        return
    if idp == CUSTOM:
        raise AuthorizationFailed(address, "access_denied", NOT_BY_BROWSER)
    asked = PROVIDERS if not idp else {idp: PROVIDERS[idp]} if idp in PROVIDERS else {}
    if not any(setting.read(work, tenant).is_active for setting in asked.values()):
        raise AuthorizationFailed(address, "access_denied", NOT_ACTIVE)


def _scope(client: ClientView, address: ReturnAddress, parameters: Parameters) -> tuple[str, ...]:
    """Checks the scopes: one that no sign-in could ever grant is refused before the user types a password."""
    asked = requested_scopes(parameters.get("scope", ""), client.name)
    if not {*USER_SCOPES, *UNDERSTOOD, *client.scopes}.issuperset(asked):
        raise AuthorizationFailed(address, "invalid_scope", "The application does not define a requested scope.")
    return asked


def challenge_of(client: ClientView, address: ReturnAddress, parameters: Parameters) -> str:
    """The code challenge (RFC 7636 §4.3); empty where a confidential client sends none. Raises AuthorizationFailed."""
    challenge, method = parameters.get("code_challenge", ""), parameters.get("code_challenge_method", "")
    if not challenge and not method and not client.is_public:
        return ""
    if method != METHOD or not is_challenge(challenge):
        message = "Send code_challenge with code_challenge_method=S256; applications without a secret must."
        raise AuthorizationFailed(address, "invalid_request", message)
    return challenge
