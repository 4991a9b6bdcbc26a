"""An OpenID provider over real HTTP, whose tokens a library of others signs; a test makes it say what is wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from kit.servers.web import Site, answering, site

CLIENT, SECRET = "rp-1", "secret: of/the client"
ADA = {
    "sub": "ada-1", "name": "Ada Lovelace", "email": "ada@op.example", "email_verified": True, "given_name": "Ada",
    "picture": "https://op.example/ada.png", "department": {"name": "R&D"},
}  # fmt: skip
KEYS = {"one": RSAKey.generate_key(2048), "two": RSAKey.generate_key(2048), "curve": ECKey.generate_key("P-256")}


@dataclass
class Provider:
    """A provider. What a test changes is put back by `reset`."""

    web: Site
    now_s: Callable[[], int] = lambda: 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims of the next identity token, in addition to the right ones, or in their place; None removes one."""
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    published: tuple[str, ...] = ("one",)
    key: str = "one"
    alg: str = "RS256"
    token: str | None = None
    """In place of an identity token."""

    def reset(self) -> None:
        """A good provider again."""
        self.claims, self.userinfo, self.metadata = {}, {}, {}
        self.published, self.key, self.alg, self.token = ("one",), "one", "RS256", None

    def asked(self, location: str) -> dict[str, str]:
        """The authorization request that the browser brings."""
        assert location.startswith(f"{self.web.url}/authorize?"), location
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    def agrees(self, location: str) -> dict[str, str]:
        """The person signs in: what the browser brings back."""
        asked = self.asked(location)
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.web.url}

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        match urlsplit(handler.path).path:
            case "/.well-known/openid-configuration":
                names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys",
                         "userinfo_endpoint": "userinfo"}  # fmt: skip
                urls = {name: f"{self.web.url}/{path}" for name, path in names.items()}
                own = {"authorization_response_iss_parameter_supported": True}
                answer = {"issuer": self.web.url, **urls, **own, **self.metadata}
            case "/keys":
                answer = {"keys": [{**KEYS[name].as_dict(private=False), "kid": name} for name in self.published]}
            case "/token":
                answer = self._tokens(self.web.received[-1].body.decode(), self.web.received[-1].headers)
            case "/userinfo":
                right = self.web.received[-1].headers.get("authorization") == "Bearer access"
                answer = {**ADA, "from": "userinfo", **self.userinfo} if right else {"error": "invalid_token"}
            case _:
                answer = {"error": "not_found"}
        status = 400 if "error" in answer else 200
        answering(status, json.dumps(answer).encode(), content_type="application/json")(handler)

    def _tokens(self, body: str, headers: dict[str, str]) -> dict[str, Any]:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().split(":")
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        wrong = asked is None or [unquote(part) for part in pair] != [CLIENT, SECRET]
        if wrong or asked is None or asked["code_challenge"] != verifier.rstrip(b"=").decode():
            return {"error": "invalid_grant"}
        assert form["redirect_uri"] == asked["redirect_uri"]
        token = self.id_token(asked["nonce"]) if self.token is None else self.token
        return {"access_token": "access", "token_type": "Bearer", "id_token": token}

    def id_token(self, nonce: str) -> str:
        """An identity token, as the test wants it."""
        now = self.now_s()
        right = {"iss": self.web.url, "aud": CLIENT, "sub": ADA["sub"], "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        header = {"alg": self.alg, "kid": self.key}
        if self.alg == "HS256":  # with the public key, which everybody knows, as the secret
            return _confused(header, claims, KEYS["one"].as_pem(private=False))
        registry = jws.JWSRegistry(algorithms=["RS256", "ES256"], strict_check_header=False)
        return jws.serialize_compact(header, json.dumps(claims).encode(), KEYS[self.key], registry=registry)


def _confused(header: dict[str, str], claims: dict[str, Any], secret: bytes) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return b".".join((signed, signature)).decode()


@contextmanager
def openid_provider() -> Iterator[Provider]:
    """A running provider."""
    made = Provider(Site("", 0))
    with site(made.serve) as made.web:
        yield made
