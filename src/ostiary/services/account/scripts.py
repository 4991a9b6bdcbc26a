"""The scripts of the pages."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.errors import not_found
from ostiary.pages.scripts import SCRIPTS
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.account.v1 import scripts_pb2 as pb
from ostiary_api.account.v1 import scripts_pb2_grpc


class ScriptsServicer(scripts_pb2_grpc.ScriptsServiceServicer):
    """Serves scripts by names that change with their content."""

    def __init__(self, runtime: Runtime) -> None:
        """Takes nothing of the server: scripts are files."""

    def GetScript(self, request: pb.GetScriptRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        script = SCRIPTS.get(request.name)
        if script is None:
            raise not_found("NO_SUCH_SCRIPT", "There is no script of this name, or not any more: load the page again.")
        current_call().headers.append(("x-content-type-options", "nosniff"))
        return httpbody_pb2.HttpBody(content_type="text/javascript; charset=utf-8", data=script.content)
