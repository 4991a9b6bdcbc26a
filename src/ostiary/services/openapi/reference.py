"""The API reference: the OpenAPI document as Swagger UI shows it, from files that the installation has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.api import httpbody_pb2

from ostiary.config import third_party_folder
from ostiary.errors import not_found
from ostiary.login.answers import shown
from ostiary.pages.appearance import plain_look
from ostiary.pages.rendering import render
from ostiary.pages.scripts import REFERENCE, SOURCE
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.openapi.v1 import document_pb2 as pb
from ostiary_api.openapi.v1 import document_pb2_grpc

PATH = "/reference"
POLICY = (SOURCE, "connect-src 'self'", "img-src data:", "form-action 'none'", "frame-ancestors 'none'")
"""Content-Security-Policy of the page, which may talk to this server only. Icons are within the stylesheet."""


@dataclass(frozen=True, slots=True)
class ViewerFile:
    """A file of the viewer: where it is, its media type, and its name in addresses, which names the content."""

    file: Path
    media_type: str
    name: str

    @property
    def path(self) -> str:
        """The address below the server's own."""
        return f"{PATH}/{self.name}"


def _viewer_file(name: str, media_type: str) -> ViewerFile:
    file = third_party_folder() / "npm/swagger-ui-dist" / name
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    return ViewerFile(file, media_type, f"{file.stem}-{digest}{file.suffix}")


class ReferenceServicer(document_pb2_grpc.ReferenceServiceServicer):
    """Reads a file for each request, as the document is read: few ask, and browsers keep it."""

    def __init__(self, runtime: Runtime) -> None:
        self._served = runtime.settings.api_reference
        self._script = _viewer_file("swagger-ui-bundle.js", "text/javascript; charset=utf-8")
        self._stylesheet = _viewer_file("swagger-ui.css", "text/css; charset=utf-8")
        self._files = {file.name: file for file in (self._script, self._stylesheet)}

    def GetReference(self, request: pb.GetReferenceRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        self._check_served()
        call = current_call()
        look = plain_look(call.metadata.get("accept-language", ""))
        page = render(
            "reference.html", look, *POLICY, css="reference.css", styles="'self'",
            stylesheet=self._stylesheet.path, scripts=(self._script.path, REFERENCE.path),
        )  # fmt: skip
        return shown(call, page)

    def GetReferenceFile(
        self, request: pb.GetReferenceFileRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        self._check_served()
        found = self._files.get(request.name)
        if found is None:
            raise not_found("NO_SUCH_FILE", "There is no file of this name, or not any more: load the page again.")
        current_call().headers.append(("x-content-type-options", "nosniff"))
        return httpbody_pb2.HttpBody(content_type=found.media_type, data=found.file.read_bytes())

    def _check_served(self) -> None:
        if not self._served:
            message = "The API reference is switched off here; /openapi.json describes the paths that there are."
            raise not_found("NO_API_REFERENCE", message)
