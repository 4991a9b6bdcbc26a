"""App ID runtime: the pages to which links in mails lead."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.http.forms import read_fields
from ostiary.login.mail_links import MailLinks
from ostiary.login.steps import mail_link_steps
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.oauth.v4 import mail_links_pb2 as pb
from ostiary_api.appid.oauth.v4 import mail_links_pb2_grpc


class MailLinksServicer(mail_links_pb2_grpc.MailLinksServiceServicer):
    """The pages behind links in mails."""

    def __init__(self, runtime: Runtime) -> None:
        self._links = MailLinks(
            runtime.clock,
            runtime.entropy,
            runtime.issuers.public_url,
            runtime.directory.self_service,
            mail_link_steps(runtime),
        )

    def ShowMailLink(self, request: pb.ShowMailLinkRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._links.show(current_call(), request.code, request.language)

    def FollowMailLink(self, request: pb.FollowMailLinkRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        form = read_fields(request.form, *self._links.fields)
        return self._links.follow(current_call(), request.code, request.language, form)
