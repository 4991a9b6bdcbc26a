"""Cloud Director's older API under `/api/`. Errors are XML, `<Error majorErrorCode minorErrorCode message>`, with the
codes of cloudapi; versions, tenant and pages are asked for as there."""

from __future__ import annotations

from ostiary.errors import DomainError
from ostiary.http.xml_text import element, write_xml
from ostiary.transport.dialects.body import ErrorBody
from ostiary.transport.dialects.cloudapi import TENANT_CONTEXT, TENANT_PREFIX, page_of, told
from ostiary.transport.dialects.cloudapi_versions import refuse_unknown_version
from ostiary.transport.dialects.dialect import Dialect

NAMESPACE = "http://www.vmware.com/vcloud/v1.5"
ERROR = "application/vnd.vmware.vcloud.error+xml"


def render(error: DomainError, path: str) -> ErrorBody:
    """Writes an error as XML, which the vendor's own clients expect of every path below `/api/`."""
    status, minor, message = told(error)
    facts = {"xmlns": NAMESPACE, "majorErrorCode": str(status), "minorErrorCode": minor, "message": message}
    return ErrorBody(status, ERROR, write_xml(element("Error", facts)))


VCLOUD = Dialect(render, refuse_unknown_version, TENANT_CONTEXT, TENANT_PREFIX, page_of)
