"""Anonymous users of a tenant: an application that lets people in without a name, and what it does for them."""

from __future__ import annotations

from typing import Any

from kit.accounts.directory import Json, People, body, unwrapped
from kit.browser import CALLBACK, Browser, Seen
from kit.callers import bearer
from kit.oauth import Application

DAY_S = 86_400


class Shop:
    """A tenant that allows anonymous access, and one of its applications."""

    def __init__(self, people: People, **settings: Any) -> None:
        self.people, self.oauth = people, people.oauth
        self.oauth.settings(**{"anonymous_access": {"enabled": True}, **settings})
        self.app = self.oauth.application()
        Browser(self.oauth).register(CALLBACK)

    def authorize(self, app: Application | None = None, **parameters: str) -> Seen:
        """Asks for an anonymous user's code."""
        return Browser(self.oauth).authorize(app or self.app, idp="appid_anon", **parameters)

    def redeem(self, code: str, app: Application | None = None) -> Json:
        """Tokens for a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.oauth.token(form, (app or self.app).basic)

    def visit(self, app: Application | None = None, **parameters: str) -> Json:
        """Tokens of an anonymous user."""
        return self.redeem(self.authorize(app, **parameters).sent_back["code"], app)

    def sign_in(self, token: str = "", username: str = "jane@example.com", app: Application | None = None) -> Json:
        """Tokens of a directory user by the page, who was anonymous until now if `token` is given."""
        browser = Browser(self.oauth)
        page = browser.authorize(app or self.app, **({"appid_access_token": token} if token else {}))
        return self.redeem(browser.submit(page, username).sent_back["code"], app)

    def claims(self, tokens: Json, kind: str = "access_token") -> Json:
        """What a token says, its signature checked."""
        return self.oauth.verified(tokens[kind])[1]

    def attributes(self, tokens: Json) -> Json:
        """The attributes of whoever holds the tokens."""
        return self._ask("ListAttributes", tokens)

    def put(self, tokens: Json, name: str, value: str) -> None:
        """Writes an attribute of whoever holds the tokens."""
        self._ask("PutAttribute", tokens, name=name, value=body(value, "text/plain"))

    def _ask(self, method: str, tokens: Json, **request: Any) -> Json:
        path = f"identity.profiles.v1.AttributesService/{method}"
        return unwrapped(self.people.caller.ask(path, request, **bearer(tokens["access_token"])))
