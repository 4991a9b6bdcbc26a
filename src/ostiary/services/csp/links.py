"""Paths of CSP, as its documents name each other."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from google.protobuf.message import Message

from ostiary.http.paging import Page
from ostiary.transport.call import Call

API = "/csp/gateway/am/api"
DEFINITIONS = "/csp/gateway/slc/api/definitions"
FLAGS = frozenset({"expand", "expand_profile", "include_group_ids_in_roles"})
"""Parameters that count by being there."""
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
    call: Call, request: Message, path: str, page: Page, total: int, *names: str
) -> dict[str, str | None]:  # fmt: skip
    """`next_link` and `prev_link` of a page: the path with the parameters of these names that were sent, flags as
    `true`; None where there is no such page."""
    asked = [(request.DESCRIPTOR.fields_by_name[name].json_name, _sent(call, request, name)) for name in names]
    sent = {name: value for name, value in asked if value is not None}

    def link(start: int | None) -> str | None:
        return f"{path}?{urlencode({'pageStart': start, 'pageLimit': page.size, **sent})}" if start else None

    return {"next_link": link(page.next_start(total)), "prev_link": link(page.previous_start)}


def _sent(call: Call, request: Message, name: str) -> str | None:
    """The value of a parameter as a link repeats it; None for one that was not sent. Any value of a flag says true."""
    if name in FLAGS:
        return "true" if call.flag(request, name) else None
    value = getattr(request, name) if request.HasField(name) else None
    return str(value).lower() if isinstance(value, bool) else value
