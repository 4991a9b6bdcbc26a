"""Metadata and keys of OpenID providers (OpenID Connect Discovery 1.0), fetched when needed and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from ostiary.clock import Clock
from ostiary.outgoing.targets import CallFailed, read_target
from ostiary.upstream.calls import ProviderCalls
from ostiary.upstream.identity import provider_failed

WELL_KNOWN = "/.well-known/openid-configuration"
KEPT_MS = 3_600_000
AGAIN_MS = 60_000
"""Keys are fetched again for an unknown `kid`, but not more often than this: anybody may send tokens with new ones."""
MOST_PROVIDERS = 1_000
"""Providers that are remembered; the one that was asked longest ago is forgotten first."""
MOST_KEYS = 50
_BASIC, _POST = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself. `userinfo` is empty where it has none; `takes_basic` is how a client proves
    itself there; `names_itself`: each of its answers has `iss` (RFC 9207)."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str
    takes_basic: bool
    names_itself: bool


@dataclass(slots=True)
class _Known:
    metadata: Metadata
    fetched_at: int
    keys: Sequence[JWK] = ()
    keys_at: int = 0


class Discovery:
    """What is known of providers, in this process. All calls are made outside any transaction."""

    def __init__(self, calls: ProviderCalls, name: str, clock: Clock) -> None:
        self._calls = calls
        self._name = name
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def metadata(self, issuer: str) -> Metadata:
        """The metadata of an issuer. Raises PROVIDER_UNREACHABLE, and PROVIDER_FAILED for a document that is not its
        own (Discovery §4.3)."""
        return self._of(issuer).metadata

    def keys(self, issuer: str, kid: str) -> Sequence[JWK]:
        """The public keys by which a token may be signed whose header has this `kid`, or has none. Raises
        PROVIDER_FAILED, PROVIDER_UNREACHABLE."""
        known, now = self._of(issuer), self._clock.now_ms()
        if now - known.keys_at >= KEPT_MS:
            self._fetch_keys(known, now)
        fitting = _fitting(known.keys, kid)
        if not fitting and now - known.keys_at >= AGAIN_MS:
            self._fetch_keys(known, now)
            fitting = _fitting(known.keys, kid)
        return fitting

    def _of(self, issuer: str) -> _Known:
        now = self._clock.now_ms()
        with self._lock:
            known = self._known.get(issuer)
        if known is None or now - known.fetched_at >= KEPT_MS:
            document = self._calls.get(f"{issuer.rstrip('/')}{WELL_KNOWN}")
            known = _Known(self._read(issuer, document), now)
            with self._lock:
                self._known[issuer] = known
                self._known.move_to_end(issuer)
                if len(self._known) > MOST_PROVIDERS:
                    self._known.popitem(last=False)
        return known

    def _read(self, issuer: str, document: dict[str, Any]) -> Metadata:
        if document.get("issuer") != issuer:
            raise provider_failed(self._name, f"The metadata of {issuer} is that of another issuer.")
        required = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        urls = {name: document.get(name, "") for name in (*required, "userinfo_endpoint")}
        for name, url in urls.items():
            if url or name in required:
                self._check(name, url, issuer)
        methods = document.get("token_endpoint_auth_methods_supported") or [_BASIC]
        return Metadata(
            issuer, urls["authorization_endpoint"], urls["token_endpoint"], urls["jwks_uri"],
            urls["userinfo_endpoint"], _BASIC in methods or _POST not in methods,
            document.get("authorization_response_iss_parameter_supported") is True,
        )  # fmt: skip

    def _check(self, name: str, url: Any, issuer: str) -> None:
        """An endpoint is a URL, by TLS where the issuer is: people type their passwords there."""
        try:
            target = read_target(url if isinstance(url, str) else "")
        except CallFailed as error:
            raise provider_failed(self._name, f"{name} is no URL.") from error
        if target.scheme == "http" and issuer.startswith("https:"):
            raise provider_failed(self._name, f"{name} must be an https URL, as the issuer is.")

    def _fetch_keys(self, known: _Known, now_ms: int) -> None:
        """Fetches the keys; a key that we cannot read is none (RFC 7517 §5)."""
        listed = self._calls.get(known.metadata.jwks).get("keys")
        read = [_key(entry) for entry in (listed[:MOST_KEYS] if isinstance(listed, list) else ())]
        known.keys, known.keys_at = [key for key in read if key is not None], now_ms


def _key(entry: Any) -> JWK | None:
    if not isinstance(entry, dict) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
        return None
    try:
        return JWK(**entry)
    except (JWException, TypeError, ValueError):
        return None


def _fitting(keys: Sequence[JWK], kid: str) -> Sequence[JWK]:
    return [key for key in keys if not kid or key.get("kid") in (None, kid)]
