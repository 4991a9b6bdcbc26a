"""People at the pages of their own account, over native gRPC: forms by the address to which they go."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qs, urlsplit

from kit.browser import Seen, seen
from kit.callers import Caller
from kit.oauth import PASSWORD, Runtime, body
from sqlalchemy import select

from ostiary.store.tables import Message, table_of
from ostiary_api.account.v1 import account_pb2 as pb
from ostiary_api.account.v1 import account_pb2_grpc

NUMBERS = itertools.count()
_FORM = re.compile(r'<form[^>]* action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass
class OwnAccount:
    """A person of the test's own, and a browser."""

    caller: Caller
    email: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.runtime = Runtime(self.caller)
        self._stub = account_pb2_grpc.AccountServiceStub(self.caller.channel)
        self._tenant = {"tenant_id": self.runtime.tenant_id}
        if not self.email:
            self.email = f"person{next(NUMBERS)}@example.com"
            self.user_id = self.runtime.user(self.email)

    def elsewhere(self) -> OwnAccount:
        """The same person with another browser."""
        return OwnAccount(self.caller, self.email)

    def open(self, page: str = "", **parameters: str) -> Seen:
        """Opens a page of the account."""
        return self._call("ShowAccount", pb.ShowAccountRequest(**self._tenant, part=page, **parameters))

    def follow(self, answer: Seen) -> Seen:
        """Follows a redirect to a page of the account."""
        parts = urlsplit(answer.headers["location"])
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.open(parts.path.partition(self.runtime.tenant_id)[2].strip("/"), **given)

    def prove(self, page: Seen, password: str = PASSWORD, **fields: str) -> Seen:
        """Sends the form of the sign-in."""
        form = {**page.hidden, "username": self.email, "password": password, **fields}
        return self._call("SubmitSignIn", pb.SubmitSignInRequest(**self._tenant, form=body(form)))

    def enter(self, page: str = "") -> Seen:
        """Signs in, and shows the page of the account."""
        return self.follow(self.prove(self.open(page)))

    def send(self, page: Seen, change: str, **fields: str) -> Seen:
        """Sends the first form of a page that makes the change."""
        return self.post(change, **{**forms(page, change)[0], **fields})

    def post(self, change: str, **fields: str) -> Seen:
        """Sends a form of one's own."""
        return self._call("ChangeAccount", pb.ChangeAccountRequest(**self._tenant, part=change, form=body(fields)))

    def mails(self) -> list[str]:
        """The kinds of the mails to the person that wait."""
        table = table_of(Message)
        with self.caller.installation.runtime.store.read() as work:
            rows = work.rows(select(table.c.payload).where(table.c.target == self.email))
        return [str(row.payload) for row in rows]

    def after(self, seconds: float) -> None:
        """Lets time pass."""
        self.caller.installation.clock.advance(seconds)

    def _call(self, name: str, request: object) -> Seen:
        return seen(getattr(self._stub, name), request, self.cookies, "/account")


def forms(page: Seen, change: str) -> list[dict[str, str]]:
    """The hidden fields of each form of a page that makes the change."""
    return [
        {name: unescape(value) for name, value in _INPUT.findall(inner)}
        for action, inner in _FORM.findall(page.body)
        if action.endswith(f"/{change}")
    ]
