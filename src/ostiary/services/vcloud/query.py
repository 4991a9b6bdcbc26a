"""The query service: users, roles and rights as records, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import grpc
from google.api import httpbody_pb2

from ostiary.access.organization_scope import organization_scope
from ostiary.directory.query_records.rights import right_records
from ostiary.directory.query_records.roles import role_records
from ostiary.directory.query_records.users import user_records
from ostiary.directory.roles.permissions import role_too_small
from ostiary.http.paging import Page
from ostiary.http.queries import ListQuery
from ostiary.http.xml_text import element
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import number_of, sorting_of
from ostiary.services.vcloud.documents import QUERIES, RECORDS, REFERENCES, document, link
from ostiary.services.vcloud.records import right_facts, role_facts, user_facts
from ostiary.transport.call import current_call
from ostiary_api.vcloud.v1 import query_pb2 as pb
from ostiary_api.vcloud.v1 import query_pb2_grpc

_FORMATS = {"references": REFERENCES, "records": RECORDS}
_OWN, _OF_ALL = ("catalog", "orgVdc", "right", "role", "user"), ("adminRole", "adminUser")
"""The types that everybody may ask for, and those of operators."""
Facts = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A page of results: the names of their element by format, what each says, and how many there are in all."""

    records: str
    references: str
    results: Sequence[Facts]
    total: int


class QueryServicer(query_pb2_grpc.QueryServiceServicer):
    """Answers queries by type."""

    def __init__(self, runtime: Runtime) -> None:
        self._api = f"{runtime.issuers.public_url}/api"
        self._clock = runtime.clock

    def Query(self, request: pb.QueryRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        sees_all = organization_scope(call.principal, call.tenant_id).all
        if not request.type:
            return self._types((*_OWN, *_OF_ALL) if sees_all else _OWN)
        if request.type in _OF_ALL and not sees_all:
            raise role_too_small()
        page, order = call.page(request), sorting_of(request, "name")
        query = ListQuery(page, order.by, request.filter, request.filter_encoded, order.descending)
        return self._page(request, page, self._found(request.type, query))

    def _types(self, names: Iterable[str]) -> httpbody_pb2.HttpBody:
        links = [
            link("down", f"{self._api}/query?{urlencode({'type': name, 'format': form})}", media_type, name=name)
            for name in sorted(names)
            for form, media_type in _FORMATS.items()
        ]
        return document("QueryList", QUERIES, {"href": f"{self._api}/query"}, links)

    def _found(self, kind: str, query: ListQuery) -> _Found:
        call = current_call()
        tenant_id = None if kind in _OF_ALL else call.tenant_id
        if kind in ("user", "adminUser"):
            users, total = user_records(call.work, tenant_id, query, self._clock.now_ms())
            name = "AdminUserRecord" if tenant_id is None else "UserRecord"
            return _Found(name, "UserReference", [user_facts(self._api, user) for user in users], total)
        if kind in ("role", "adminRole"):
            roles, total = role_records(call.work, tenant_id, query)
            name = "AdminRoleRecord" if tenant_id is None else "RoleRecord"
            return _Found(name, "RoleReference", [role_facts(self._api, role) for role in roles], total)
        if kind == "right":
            rights, total = right_records(call.work, query)
            return _Found("RightRecord", "RightReference", [right_facts(self._api, right) for right in rights], total)
        return _Found("", "", [], 0)

    def _page(self, request: pb.QueryRequest, page: Page, found: _Found) -> httpbody_pb2.HttpBody:
        form = request.format or "references"
        facts = {
            "name": request.type, "page": str(number_of(page)), "pageSize": str(page.size), "total": str(found.total),
            "href": self._address(request, page, number_of(page)),
        }  # fmt: skip
        if form == "records":
            results = [element(found.records, result) for result in found.results]
        else:
            results = [element(found.references, _named(result)) for result in found.results]
        root = "QueryResultRecords" if form == "records" else "References"
        return document(root, _FORMATS[form], facts, [*self._links(request, page, found.total), *results])

    def _links(self, request: pb.QueryRequest, page: Page, total: int) -> Iterable[ET.Element]:
        last, own = page.pages(total), number_of(page)
        named = {"firstPage": 1, "previousPage": own - 1, "nextPage": own + 1, "lastPage": last}
        media_type = _FORMATS[request.format or "references"]
        for rel, number in named.items():
            if 1 <= number <= last and number != own:
                yield link(rel, self._address(request, page, number), media_type)

    def _address(self, request: pb.QueryRequest, page: Page, number: int) -> str:
        asked = {
            "type": request.type, "format": request.format, "filter": request.filter, "sortAsc": request.sort_asc,
            "sortDesc": request.sort_desc, "filterEncoded": "true" if request.filter_encoded else "",
        }  # fmt: skip
        kept = {name: value for name, value in asked.items() if value}
        return f"{self._api}/query?{urlencode({**kept, 'page': number, 'pageSize': page.size})}"


def _named(result: Facts) -> Facts:
    return {name: result[name] for name in ("href", "name", "type")}
