"""Facebook's part of a sign-in, over real HTTP: the token endpoint and the Graph API as Facebook documents them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.servers.web import Received, answering

APP_ID, SECRET = "1234567890", "facebook's secret"
ADA = {
    "id": "100200300", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@fb.example",
    "picture": {"data": {"url": "https://fb.example/ada.jpg", "width": 320}},
}  # fmt: skip


@dataclass
class Facebook:
    """Codes and whose they are; a code is good once, for the redirect URI that it was given for."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    redirect_uri: str = ""
    last: Callable[[], Received] = field(default=lambda: Received("", "", {}, b""))

    def agrees(self, location: str, person: dict[str, Any] | None = None) -> dict[str, str]:
        """The person agrees in the dialog to which the browser was sent: what the browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert (asked["client_id"], asked["response_type"]) == (APP_ID, "code")
        code = f"code-{len(self.people)}"
        self.people[code] = person or ADA
        self.redirect_uri = asked["redirect_uri"]
        return {"code": code, "state": asked["state"]}

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        request = self.last()
        if handler.path.startswith("/graph/oauth/access_token"):
            given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            person = self.people.pop(given.get("code", ""), None)
            right = (given["client_id"], given["client_secret"], given["redirect_uri"])
            if person is None or right != (APP_ID, SECRET, self.redirect_uri):
                return _answer(handler, 400, {"error": {"message": "Invalid verification code", "code": 100}})
            self.people["token"] = person
            return _answer(handler, 200, {"access_token": "token", "token_type": "bearer", "expires_in": 5183944})
        proof = hmac.new(SECRET.encode(), b"token", hashlib.sha256).hexdigest()
        right_proof = parse_qs(urlsplit(handler.path).query)["appsecret_proof"] == [proof]
        if request.headers.get("authorization") != "Bearer token" or not right_proof:
            return _answer(handler, 400, {"error": {"message": "Invalid appsecret_proof", "code": 100}})
        return _answer(handler, 200, self.people["token"])


def _answer(handler: BaseHTTPRequestHandler, status: int, document: dict[str, Any]) -> None:
    answering(status, json.dumps(document).encode(), content_type="application/json")(handler)
