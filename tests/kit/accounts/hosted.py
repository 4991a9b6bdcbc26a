"""People at the hosted pages: forms by the names of their fields, and the mails that they cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.api import httpbody_pb2
from kit.browser import CALLBACK, Browser, Seen, seen
from kit.oauth import Application, Runtime
from sqlalchemy import select

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.store.tables import Message, table_of
from ostiary_api.appid.oauth.v4 import authorization_pb2 as pb
from ostiary_api.appid.oauth.v4 import authorization_pb2_grpc

NEW = "another horse 2"


@dataclass
class Hosted:
    """One browser at the pages of a tenant, for one application."""

    runtime: Runtime
    browser: Browser
    app: Application

    def __post_init__(self) -> None:
        self._stub = authorization_pb2_grpc.AuthorizationServiceStub(self.runtime.caller.channel)

    def open(self, flow: str = "Authorize", **parameters: str) -> Seen:
        """The first page of a flow, by the name of its RPC."""
        if flow == "Authorize":
            return self.browser.authorize(self.app, **parameters)
        given = {"client_id": self.app.id, "redirect_uri": CALLBACK, **parameters}
        request = getattr(pb, f"{flow}Request")(tenant_id=self.runtime.tenant_id, **given)
        return seen(getattr(self._stub, flow), request, self.browser.cookies, "/oauth/v4", self.browser.accept)

    def go(self, page: Seen, step: str) -> Seen:
        """Presses the button of a page that leads to another step."""
        return self.browser.submit(page, "", "", go=step)

    def send(self, page: Seen, **fields: str) -> Seen:
        """Sends the form of a page."""
        return self.browser.submit(page, **{"username": "", "password": "", **fields})

    def sign_up(self, page: Seen, email: str, password: str = NEW, **fields: str) -> Seen:
        """Fills in the form of a new account."""
        twice = {"new_password": password, "new_password_again": password}
        return self.send(page, email=email, given_name="Jo", family_name="Doe", **{**twice, **fields})

    def settings(self, *, mode: str = "FULL", **config: Any) -> None:
        """The Cloud Directory's settings; `mode` is that of the confirmation."""
        provider = CLOUD_DIRECTORY.default_document()
        provider.config.interactions.identity_confirmation.access_mode = mode
        for name, value in config.items():
            target = provider.config if hasattr(provider.config, name) else provider.config.interactions
            setattr(target, name, value)
        with self.runtime.made.runtime.store.write() as work:
            CLOUD_DIRECTORY.replace(work, self.runtime.tenant_id, provider, 1)

    def mails(self) -> list[str]:
        """The addresses in the outbox, each as often as a mail waits for it."""
        with self.runtime.made.runtime.store.read() as work:
            return sorted(row.target for row in work.rows(select(table_of(Message))))

    def details_code(self, access_token: str) -> str:
        """What an application asks for before it sends somebody to the page of details."""
        request = pb.GenerateCodeRequest(tenant_id=self.runtime.tenant_id)
        metadata = (("authorization", f"Bearer {access_token} x.y.z"),)
        answer: httpbody_pb2.HttpBody = self._stub.GenerateCode(request, metadata=metadata, timeout=20)
        assert answer.content_type.startswith("text/plain")
        return answer.data.decode()
