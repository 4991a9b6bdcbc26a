"""Supported versions of cloudapi, which clients read before they sign in."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import grpc
from google.api import httpbody_pb2

from ostiary.http.xml_text import element, write_xml
from ostiary.runtime import Runtime
from ostiary.transport.dialects.cloudapi_versions import NEWEST, OLDEST
from ostiary_api.cloudapi.v1 import versions_pb2 as pb
from ostiary_api.cloudapi.v1 import versions_pb2_grpc

NAMESPACE = "http://www.vmware.com/vcloud/versions"


class VersionsServicer(versions_pb2_grpc.VersionsServiceServicer):
    """Names them; the answer is the same for everybody."""

    def __init__(self, runtime: Runtime) -> None:
        login_url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/sessions"
        versions = [_entry(f"{major}.0", login_url) for major in range(OLDEST[0], NEWEST[0] + 1)]
        text = write_xml(element("SupportedVersions", {"xmlns": NAMESPACE}, *versions))
        self._answer = httpbody_pb2.HttpBody(content_type="application/xml", data=text.encode())

    def ListVersions(self, request: pb.ListVersionsRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._answer


def _entry(version: str, login_url: str) -> ET.Element:
    told = (element("Version", {}, text=version), element("LoginUrl", {}, text=login_url))
    return element("VersionInfo", {"deprecated": "false"}, *told)
