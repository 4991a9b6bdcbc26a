"""Paths of CSP, as its documents name each other."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from google.protobuf.message import Message

from ostiary.http.paging import Page
from ostiary.transport.call import Call

API = "/csp/gateway/am/api"
DEFINITIONS = "/csp/gateway/slc/api/definitions"
_DEFINITION = re.compile(rf"{DEFINITIONS}/(?:internal|external)/([^/]+)")


def org_path(org_id: str) -> str:
    """The path of an organization, as CSP's refLink names it."""
    return f"{API}/orgs/{org_id}"


def role_path(org_id: str, role_id: str) -> str:
    """The path of a role of an organization."""
    return f"{org_path(org_id)}/roles/{role_id}"


def definition_path(service_id: str) -> str:
    """The path of a service definition."""
    return f"{DEFINITIONS}/external/{service_id}"


def definition_in(link: str) -> str:
    """The id of the service definition that a path names; what is no such path names none, like the path itself."""
    found = _DEFINITION.fullmatch(link)
    return found[1] if found else link


def page_links(
    call: Call, request: Message, path: str, page: Page, total: int, *flags: str
) -> dict[str, str | None]:  # fmt: skip
    """`next_link` and `prev_link` of a page: the path with the flags that were sent; None where there is no such
    page."""
    names = {name: request.DESCRIPTOR.fields_by_name[name].json_name for name in flags if call.flag(request, name)}

    def link(start: int | None) -> str | None:
        if start is None:
            return None
        asked = {"pageStart": str(start), "pageLimit": str(page.size)}
        return f"{path}?{urlencode({**asked, **dict.fromkeys(names.values(), 'true')})}"

    return {"next_link": link(page.next_start(total)), "prev_link": link(page.previous_start)}
