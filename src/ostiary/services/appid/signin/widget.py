"""App ID management: the appearance of the sign-in page; and the logo, which is public."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.http.forms import read_file
from ostiary.runtime import Runtime
from ostiary.settings.logo import get_logo, logo_url, no_logo, put_logo, redrawn
from ostiary.settings.theme import THEME_COLOR, THEME_TEXT
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import widget_pb2 as pb
from ostiary_api.appid.management.v4 import widget_pb2_grpc

GUARDED = (("x-content-type-options", "nosniff"), ("content-security-policy", "default-src 'none'; sandbox"))
"""A picture is a picture, whatever a browser thinks to see in it."""


class WidgetServicer(widget_pb2_grpc.WidgetServiceServicer):
    """Texts, colours and logo."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._public_url = runtime.issuers.public_url

    def GetThemeText(self, request: pb.GetThemeTextRequest, context: grpc.ServicerContext) -> pb.ThemeText:
        call = current_call()
        return THEME_TEXT.document(call.work, call.required_tenant)

    def PutThemeText(self, request: pb.PutThemeTextRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        THEME_TEXT.replace(current_call().work, request.tenant_id, request.theme, self._clock.now_ms())
        return empty_pb2.Empty()

    def GetThemeColor(self, request: pb.GetThemeColorRequest, context: grpc.ServicerContext) -> pb.ThemeColor:
        call = current_call()
        return THEME_COLOR.document(call.work, call.required_tenant)

    def PutThemeColor(self, request: pb.PutThemeColorRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        THEME_COLOR.replace(current_call().work, request.tenant_id, request.theme, self._clock.now_ms())
        return empty_pb2.Empty()

    def GetMedia(self, request: pb.GetMediaRequest, context: grpc.ServicerContext) -> pb.Media:
        image = logo_url(current_call().work, self._public_url, request.tenant_id)
        if not image:
            raise no_logo()
        return pb.Media(image=image)

    def PostMedia(self, request: pb.PostMediaRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        picture = redrawn(read_file(request.form.content_type, request.form.data, "file"))
        with current_call().transaction() as work:
            put_logo(work, request.tenant_id, picture, self._clock.now_ms())
        return empty_pb2.Empty()

    def GetUiConfig(self, request: pb.GetUiConfigRequest, context: grpc.ServicerContext) -> pb.UiConfig:
        call = current_call()
        text, color = (
            THEME_TEXT.read(call.work, call.required_tenant),
            THEME_COLOR.read(call.work, call.required_tenant),
        )
        return pb.UiConfig(
            tab_title=text.tab_title, footnote=text.footnote, header_color=color,
            image=logo_url(call.work, self._public_url, call.tenant_id) or None,
        )  # fmt: skip

    def GetLogo(self, request: pb.GetLogoRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        picture = get_logo(call.work, request.tenant_id, request.digest)
        call.headers.extend(GUARDED)
        return httpbody_pb2.HttpBody(content_type=picture.media_type, data=picture.content)
