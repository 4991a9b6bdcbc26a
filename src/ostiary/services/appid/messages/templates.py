"""App ID management: the texts of mails."""

from __future__ import annotations

import base64

import grpc
from google.protobuf import empty_pb2

from ostiary.delivery.texts.templates import Template, check_place, delete_template, get_template, put_template
from ostiary.runtime import Runtime
from ostiary.settings.encoded_text import decoded_text
from ostiary.transport.call import Call, current_call
from ostiary_api.appid.management.v4 import templates_pb2 as pb
from ostiary_api.appid.management.v4 import templates_pb2_grpc


class TemplatesServicer(templates_pb2_grpc.TemplatesServiceServicer):
    """The mails that people get."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetTemplate(self, request: pb.GetTemplateRequest, context: grpc.ServicerContext) -> pb.Template:
        call = current_call()
        return template_message(get_template(call.work, call.required_tenant, request.template_name, request.language))

    def PutTemplate(self, request: pb.PutTemplateRequest, context: grpc.ServicerContext) -> pb.Template:
        call, place = current_call(), (request.template_name, request.language)
        check_place(call.work, call.required_tenant, *place)  # where a text is for nothing, it need not be read
        given = _read(request.template)
        stored, created = put_template(call.work, call.required_tenant, *place, given, self._clock.now_ms())
        call.http_status = _status(call, created=created)
        return template_message(stored)

    def DeleteTemplate(self, request: pb.DeleteTemplateRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        call = current_call()
        delete_template(call.work, call.required_tenant, request.template_name, request.language)
        return empty_pb2.Empty()


def template_message(template: Template) -> pb.Template:
    """A text as App ID shows it."""
    encoded = base64.b64encode(template.html.encode()).decode()
    return pb.Template(
        subject=template.subject, html_body=template.html or None, base64_encoded_html_body=encoded or None,
        plain_text_body=template.text or None,
    )  # fmt: skip


def _read(message: pb.Template) -> Template:
    """Reads a text from a caller. Raises INVALID_BASE64."""
    encoded = message.base64_encoded_html_body
    html = decoded_text("base64_encoded_html_body", encoded, "text") if encoded else message.html_body
    return Template(message.subject, html, message.plain_text_body)


def _status(call: Call, *, created: bool) -> int:
    """RFC 7240 §4.2: who prefers a minimal answer gets none. The vendor's documents spell it with an underscore."""
    preferences = call.metadata.get("prefer", "").replace(" ", "").replace("_", "=").lower().split(",")
    if "return=minimal" in preferences:
        return 204
    return 201 if created else 200
