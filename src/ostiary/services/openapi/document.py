"""The OpenAPI document, which `make gen` writes next to the generated messages."""

from __future__ import annotations

import hashlib
from pathlib import Path

import grpc
from google.api import httpbody_pb2

import ostiary_api
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.openapi.v1 import document_pb2 as pb
from ostiary_api.openapi.v1 import document_pb2_grpc


def document_file() -> Path:
    """Returns the path of the document. Raises StopIteration when it was not generated."""
    return next(file for root in ostiary_api.__path__ if (file := Path(root) / "openapi.json").is_file())


class DocumentServicer(document_pb2_grpc.DocumentServiceServicer):
    """Reads the file for each request: few ask, and no worker holds half a megabyte for them."""

    def __init__(self, runtime: Runtime) -> None:
        self._file = document_file()
        with self._file.open("rb") as content:
            self._etag = f'"{hashlib.file_digest(content, "sha256").hexdigest()}"'

    def GetDocument(self, request: pb.GetDocumentRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        call.headers.append(("etag", self._etag))
        if call.has_version(self._etag):
            return httpbody_pb2.HttpBody()
        return httpbody_pb2.HttpBody(content_type="application/json", data=self._file.read_bytes())
