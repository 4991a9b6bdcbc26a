"""Identity tokens of other providers, checked as OpenID Connect Core §3.1.3.7 says; a library verifies signatures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from jwcrypto.common import JWException, json_decode
from jwcrypto.jws import JWS

from ostiary.errors import DomainError
from ostiary.http.json_text import read_json
from ostiary.upstream.identity import provider_failed
from ostiary.upstream.openid.discovery import Discovery

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key: a shared secret, or none at all, would let others than the provider make tokens."""
LEEWAY_S: Final = 60
LONGEST: Final = 65_536
_LATEST = 1 << 53


@dataclass(frozen=True, slots=True)
class Expected:
    """What an identity token must say: one of the issuers, our client as audience, the nonce that was sent, and a
    sign-in that is at most `max_age_s` seconds old; None: of any age."""

    issuers: Collection[str]
    client_id: str
    nonce: str
    max_age_s: int | None = None


class IdTokens:
    """Reads identity tokens of one kind of provider."""

    def __init__(self, discovery: Discovery, provider: str) -> None:
        self._discovery = discovery
        self._provider = provider

    def claims(self, issuer: str, token: Any, expected: Expected, now_ms: int) -> dict[str, Any]:
        """The claims of a token that is all that it must be. Raises PROVIDER_FAILED, PROVIDER_UNREACHABLE."""
        claims = self._signed(issuer, token)
        wrong = _wrong(claims, expected, now_ms // 1000)
        if wrong:
            raise self._refused(wrong)
        return claims

    def _signed(self, issuer: str, token: Any) -> dict[str, Any]:
        parsed, header = self._parsed(token)
        kid = header.get("kid", "")
        for key in self._discovery.keys(issuer, kid if isinstance(kid, str) else ""):
            try:
                parsed.verify(key)
            except JWException:
                continue
            return self._object(parsed.payload)
        raise self._refused("no key of the provider has signed it")

    def _parsed(self, token: Any) -> tuple[JWS, dict[str, Any]]:
        if not isinstance(token, str) or len(token) > LONGEST or token.count(".") != 2:
            raise self._refused("it is no signed JWT")
        parsed = JWS()
        parsed.allowed_algs = list(ALGORITHMS)
        try:
            parsed.deserialize(token)
            header = json_decode(parsed.objects["protected"])
        except (JWException, KeyError, ValueError) as error:
            raise self._refused("it is no signed JWT") from error
        if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
            raise self._refused("its algorithm is none of a private key")
        return parsed, header

    def _object(self, payload: bytes) -> dict[str, Any]:
        try:
            claims = read_json(payload)
        except DomainError as error:
            raise self._refused(error.message) from error
        if not isinstance(claims, dict):
            raise self._refused("its claims are no object")
        return claims

    def _refused(self, why: str) -> DomainError:
        return provider_failed(self._provider, f"The identity token is refused: {why}.")


def _wrong(claims: dict[str, Any], expected: Expected, now_s: int) -> str:
    """What is wrong with the claims; empty if nothing."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    azp = claims.get("azp")
    if claims.get("iss") not in expected.issuers:
        return "iss is another issuer"
    if expected.client_id not in audiences:
        return "aud is another client"
    if azp != expected.client_id and (azp is not None or len(audiences) > 1):
        return "azp is another client"
    if not expected.nonce or claims.get("nonce") != expected.nonce:
        return "nonce is not the one that was sent"
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        return "sub is missing"
    return _wrong_time(claims, expected.max_age_s, now_s)


def _wrong_time(claims: dict[str, Any], max_age_s: int | None, now_s: int) -> str:
    expires, issued = time_of(claims, "exp"), time_of(claims, "iat")
    if expires is None or expires <= now_s - LEEWAY_S:
        return "it has expired"
    if issued is None or issued > now_s + LEEWAY_S:
        return "iat is missing, or in the future"
    if "nbf" in claims and (time_of(claims, "nbf") or _LATEST) > now_s + LEEWAY_S:
        return "nbf is in the future"
    if max_age_s is not None:
        proved = time_of(claims, "auth_time")
        if proved is None or now_s - proved > max_age_s + LEEWAY_S:
            return "auth_time is missing, or longer ago than max_age allows"
    return ""


def time_of(claims: dict[str, Any], name: str) -> int | None:
    """A NumericDate (RFC 7519 §2) in whole seconds; None if there is none."""
    value = claims.get(name)
    if isinstance(value, bool) or value is None:
        return None
    try:
        seconds = int(value) if not isinstance(value, str) else None
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds is not None and 0 < seconds < _LATEST else None
