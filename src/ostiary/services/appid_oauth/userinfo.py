"""App ID runtime: the claims about the signed-in user."""

from __future__ import annotations

import json
from typing import Any

import grpc
from google.api import httpbody_pb2

from ostiary.oauth.claims.subjects import get_subject
from ostiary.oauth.claims.userinfo import userinfo
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.appid.oauth.v4 import userinfo_pb2 as pb
from ostiary_api.appid.oauth.v4 import userinfo_pb2_grpc


class UserinfoServicer(userinfo_pb2_grpc.UserinfoServiceServicer):
    """GET and POST answer alike."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetUserinfo(self, request: pb.GetUserinfoRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._userinfo()

    def PostUserinfo(self, request: pb.PostUserinfoRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._userinfo()

    def _userinfo(self) -> httpbody_pb2.HttpBody:
        call = current_call()
        subject = get_subject(call.work, call.tenant_id, call.principal.id, self._clock.now_ms())
        return subject.cached("userinfo", lambda: _answer(userinfo(call.work, subject)))


def _answer(document: dict[str, Any]) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(document).encode())
