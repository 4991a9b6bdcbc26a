"""JWT bearer grant (RFC 7523 §2.1) as App ID's custom identity: a tenant's assertion about a user is exchanged for
tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature

from ostiary.audit.runtime_events import identity_authenticated
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.profiles.linking import Arrival
from ostiary.directory.profiles.profiles import IdentityView
from ostiary.errors import DomainError, invalid
from ostiary.ids import Entropy
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Verifier
from ostiary.names import is_text
from ostiary.oauth.claims.scopes import assertable_scopes
from ostiary.oauth.claims.subjects import Subject, subject_at_sign_in
from ostiary.oauth.token.profile import Authorized, GrantType, TokenRequest
from ostiary.oauth.token.progressive import PARAMETER, AnonymousTokens
from ostiary.store.engine import Store
from ostiary.store.replay import use_once
from ostiary.store.work import Work
from ostiary.upstream.custom import CUSTOM, NAME, read_public_key

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LATEST = 1 << 53
"""Seconds; what every JSON reader can still hold as a number, which NaN and infinities are not."""
LEEWAY_S = 60
"""The difference that is accepted between our clock and that of the assertion's signer."""
MAX_SUBJECT = 256
MAX_ASSERTION = 16_384
_KNOWN = ("name", "email", "locale", "picture", "gender")
_PROTOCOL = ("iss", "aud", "exp", "nbf", "iat", "jti", "sub", "scope")
_KEY_HEADERS = ("crit", "jwk", "jku", "x5u", "x5c", "b64")
"""Headers that bring a key along or change what is signed: the tenant's key is in its settings and nowhere else."""


class JwtBearerGrant(GrantType[Subject]):
    """`assertion`: a JWT signed with the tenant's key; `scope` within what it and the roles of its subject give;
    `appid_access_token` of who was anonymous until now."""

    def __init__(
        self, store: Store, clock: Clock, entropy: Entropy, issuers: Issuers, anonymous: AnonymousTokens,
        events: EventSink,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._issuers = issuers
        self._anonymous = anonymous
        self._events = events

    def authorize(self, request: TokenRequest[Subject]) -> Authorized[Subject]:
        """Verifies the assertion. Every error in it is `invalid_grant`, with a description: its signer reads that."""
        assertion = request.form.required("assertion")
        provider = CUSTOM.read(request.reading.work, request.tenant)
        anonymous_id = self._anonymous.profile_of(
            request.reading.work, request.tenant, request.client_id, request.form.get(PARAMETER)
        )  # fmt: skip
        request.reading.release()
        if not provider.is_active:
            raise _refused("Custom identity is switched off for this tenant.")
        claims = _verified(assertion, Verifier("", read_public_key(provider.public_key)))
        self._check(claims, request.tenant.id, request.now_ms)
        identity = IdentityView(NAME, claims["sub"], _further(claims))
        facts = {name: _text(claims, name) for name in _KNOWN if name in claims}
        arrival = Arrival(identity, facts, anonymous_id=anonymous_id)
        with self._store.write() as work:
            _use_up(work, request.tenant.id, claims)
            subject = subject_at_sign_in(work, request.tenant.id, arrival, self._entropy, request.now_ms)
            event = identity_authenticated(request.tenant.id, subject.id, NAME, request.call.request_id)
            self._events.emit(work, event, request.tenant)
        scopes = assertable_scopes(_text(claims, "scope"))
        return Authorized(subject, NAME, scopes=scopes, auth_time=_auth_time_ms(claims, request.now_ms))

    def _check(self, claims: Mapping[str, Any], tenant_id: str, now_ms: int) -> None:
        """RFC 7523 §3: issuer, subject, audience, times. `iss` names the tenant's own server, whatever that is."""
        server, now = self._issuers.tenant(tenant_id), now_ms / 1000
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if server not in audiences and f"{server}/token" not in audiences:
            raise _refused(f"aud must be {server}.")
        if not _text(claims, "iss"):
            raise _refused("iss must name who has signed the assertion.")
        subject = _text(claims, "sub")
        if not 1 <= len(subject) <= MAX_SUBJECT or not subject.isprintable():
            raise _refused(f"sub must have 1 to {MAX_SUBJECT} printable characters.")
        if "exp" not in claims or _time(claims, "exp") <= now - LEEWAY_S:
            raise _refused("exp is missing, or the assertion has expired.")
        if any(name in claims and _time(claims, name) > now + LEEWAY_S for name in ("nbf", "iat")):
            raise _refused("nbf or iat is in the future.")


def _verified(assertion: str, verifier: Verifier) -> dict[str, Any]:
    """The claims, if the tenant's key has signed them. `kid` and `typ` say nothing: the one key decides."""
    try:
        token = jwt.parse(assertion, MAX_ASSERTION)
        if token.header.get("alg") != "RS256" or any(name in token.header for name in _KEY_HEADERS):
            raise _refused("The assertion must be signed with RS256, and must not bring a key along.")
        verifier.verify(token.signature, token.signed)
    except jwt.InvalidToken as error:
        raise _refused("The assertion is not a signed JWT in compact form.") from error
    except InvalidSignature as error:
        raise _refused("The signature does not match the public key in the settings of this tenant.") from error
    return token.claims


def _use_up(work: Work, tenant_id: str, claims: Mapping[str, Any]) -> None:
    """RFC 7523 §3 (7): an assertion with a `jti` is good for one use; one without until it expires."""
    jti = _text(claims, "jti")
    until_ms = int(_time(claims, "exp") + LEEWAY_S) * 1000
    if jti and not use_once(work, tenant_id, "assertion", json.dumps([claims["iss"], jti]), until_ms):
        raise _refused("jti says that this assertion was used before: sign a new one for each request.")


def _time(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 §2)."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST:
        raise _refused(f"{name} must be a number of seconds since 1970.")
    return float(value)


def _auth_time_ms(claims: Mapping[str, Any], now_ms: int) -> int:
    """Returns when the user signed in at the assertion's signer, if the assertion says so; else the present time."""
    said = claims.get("auth_time")
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said * 1000 < now_ms:
        return now_ms
    return int(said * 1000)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or not is_text(value):
        raise _refused(f"{name} must be text.")
    return value


def _further(claims: Mapping[str, Any]) -> str:
    """Returns the claims for userinfo and mapped claims: all that do not belong to the protocol."""
    further = {name: value for name, value in claims.items() if name not in _PROTOCOL}
    try:
        said = json.dumps(further, ensure_ascii=False, allow_nan=False)
    except ValueError:  # NaN and infinities, which Python reads and JSON does not have
        said = ""
    if not said or not is_text(said):
        raise _refused("The claims hold what cannot be written as JSON.")
    return said


def _refused(message: str) -> DomainError:
    return invalid("INVALID_ASSERTION", message, oauth_error="invalid_grant")
