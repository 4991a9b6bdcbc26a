"""People who get mails and follow the links in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import grpc
from google.api import httpbody_pb2
from kit.accounts.directory import People, body, person
from kit.browser import Seen
from kit.callers import Caller
from kit.oauth import URLENCODED, Application, Refused
from kit.patience import PATIENCE_S
from sqlalchemy import delete

from ostiary.delivery.action_urls import ACTION_URLS
from ostiary.delivery.outbox import code_place
from ostiary.delivery.sender_details import SENDER_DETAILS
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.store.tables import Message, table_of
from ostiary_api.appid.management.v4 import action_urls_pb2, sender_details_pb2
from ostiary_api.appid.oauth.v4 import mail_links_pb2 as pb
from ostiary_api.appid.oauth.v4 import mail_links_pb2_grpc

Json = dict[str, Any]
NEW = "another horse 2"
THANKS, RESET = "https://app.example.com/thanks?from=mail", "https://app.example.com/reset"


class Recovering(People):
    """People who get mails and follow their links."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self._links = mail_links_pb2_grpc.MailLinksServiceStub(caller.channel)

    def set_up(
        self, *, interactions: Json | None = None, pages: bool = False, link_seconds: int = 900, by_self: bool = True
    ) -> None:
        """The Cloud Directory's interactions, the tenant's own pages, how long links live, whether users help
        themselves."""
        provider = CLOUD_DIRECTORY.default_document()
        provider.config.self_service_enabled = by_self
        for name, value in (interactions or {}).items():
            setattr(provider.config.interactions, name, value)
        urls = action_urls_pb2.ActionUrls(on_user_verified=THANKS, on_reset_password=RESET) if pages else None
        sender = sender_details_pb2.SenderDetails(
            sender={"email": "a@b.example"}, link_expiration_sec=link_seconds
        )  # fmt: skip
        with self.made.runtime.store.write() as work:
            CLOUD_DIRECTORY.replace(work, self.tenant_id, provider, 1)
            ACTION_URLS.replace(work, self.tenant_id, urls or action_urls_pb2.ActionUrls(), 1)
            SENDER_DETAILS.replace(
                work, self.tenant_id, sender_details_pb2.SenderDetailsConfig(sender_details=sender), 1
            )

    def self_service(self, method: str, fields: Json, kind: str = "application/json", **parameters: Any) -> Json:
        """Asks SelfServiceService with a form."""
        form = body(urlencode(fields) if kind == URLENCODED else fields, kind)
        return self.manage(f"SelfServiceService/{method}", form=form, **parameters)

    def forgot(self, login: str = "jane@example.com", **parameters: Any) -> Json:
        return self.self_service("StartForgotPassword", {"user": login}, **parameters)

    def resend(self, uuid: str, template: str = "USER_VERIFICATION", **parameters: Any) -> Json:
        return self.self_service("ResendNotification", {"uuid": uuid}, templateName=template, **parameters)

    def change(self, uuid: str, password: str = NEW, **fields: str) -> Json:
        return self.self_service("ChangePassword", {"uuid": uuid, "newPassword": password, **fields})

    def result(self, context: str, of: str = "SignUp") -> Json:
        """How a link ended."""
        answer = self.self_service(f"Get{of}ConfirmationResult", {"context": context})
        answer.pop("uuid")
        return answer

    def codes(self, template: str) -> list[str]:
        """The codes in the mails of a kind, oldest first; the mails are taken out of the outbox."""
        outbox = table_of(Message)
        found = [one for one in self.messages() if one.template == template]
        with self.made.runtime.store.write() as work:
            work.run(delete(outbox).where(outbox.c.id.in_([one.id for one in found])))
        sealing = self.made.runtime.sealing
        return [sealing.open(one.sealed_code, code_place(self.tenant_id, one.id)).decode() for one in found]

    def code(self, template: str = "USER_VERIFICATION") -> str:
        """The code of the one mail of a kind."""
        (code,) = self.codes(template)
        return code

    def open(self, code: str, language: str = "en", accept: str = "") -> Seen:
        """Opens a link, as a browser or a mail scanner does."""
        return self._seen(self._links.ShowMailLink, pb.ShowMailLinkRequest(code=code, language=language), accept)

    def submit(self, code: str, language: str = "en", **fields: str) -> Seen:
        """Sends the form of its page."""
        form = httpbody_pb2.HttpBody(content_type=URLENCODED, data=urlencode(fields).encode())
        return self._seen(self._links.FollowMailLink, pb.FollowMailLinkRequest(code=code, language=language, form=form))

    def choose(self, code: str, password: str = NEW, again: str | None = None) -> Seen:
        """Sends a new password."""
        return self.submit(code, new_password=password, new_password_again=password if again is None else again)

    def status(self, uuid: str) -> str:
        return str(self.users("GetCloudDirectoryUser", userId=uuid)["status"])

    def can_sign_in(self, application: Application, password: str) -> bool:
        try:
            self.oauth.sign_in(application, "jane@example.com", password=password)
        except Refused as refusal:
            if refusal.error != "invalid_grant":
                raise
            return False
        return True

    def _seen(self, method: Any, request: Any, accept: str = "") -> Seen:
        metadata = [("x-envoy-original-path", "/wfm/verify/x"), ("x-client-ip", "192.0.2.7")]
        metadata += [("accept", accept)] if accept else []
        try:
            answer, call = method.with_call(request, metadata=metadata, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            headers = dict(error.trailing_metadata())
            return Seen(int(headers["x-http-status"]), headers, [], headers["x-http-error"])
        headers = {**dict(call.initial_metadata()), "content-type": answer.content_type}
        return Seen(int(headers.get("x-http-status", "200")), headers, [], answer.data.decode())


def pending(people: Recovering) -> str:
    """Jane, who has just signed up; the directory id."""
    return str(people.sign_up(person("jane@example.com"))["id"])
