"""Sessions in XML: what clients of the older API ask for once they have signed in."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.access.callers import CallerView
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.sessions import TOKEN_HEADERS, session_holder, session_id, sign_out
from ostiary.services.vcloud.documents import ADMIN, ORG, ORGS, QUERIES, SESSION, document, link
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.transport.call import current_call
from ostiary.transport.steps.authentication import bearer_token
from ostiary_api.vcloud.v1 import session_pb2 as pb
from ostiary_api.vcloud.v1 import session_pb2_grpc


class SessionServicer(session_pb2_grpc.SessionServiceServicer):
    """Describes and ends the session of the presented token."""

    def __init__(self, runtime: Runtime) -> None:
        self._api = f"{runtime.issuers.public_url}/api"
        self._clock = runtime.clock

    def GetSession(self, request: pb.GetSessionRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        call = current_call()
        caller = session_holder(call, self._clock.now_ms())
        call.headers += [(name, bearer_token(call.metadata)) for name in TOKEN_HEADERS]
        call.headers.append(("x-vmware-vcloud-token-type", "Bearer"))
        facts = {
            "href": f"{self._api}/session", "user": caller.name, "org": caller.tenant.name,
            "userId": f"urn:vcloud:user:{caller.id}", "sessionId": session_id(call.principal),
            "roles": ",".join(role.name for role in caller.roles),
        }  # fmt: skip
        return document("Session", SESSION, facts, self._links(caller))

    def _links(self, caller: CallerView) -> Iterator[ET.Element]:
        yield link("down", f"{self._api}/org/", ORGS)
        yield link("down", f"{self._api}/org/{caller.tenant.id}", ORG, name=caller.tenant.name)
        yield link("down", f"{self._api}/query", QUERIES)
        if caller.tenant.id == SYSTEM_ID:
            yield link("down", f"{self._api}/admin/", ADMIN)
        yield link("remove", f"{self._api}/session")

    def DeleteSession(self, request: pb.DeleteSessionRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        sign_out(current_call(), self._clock.now_ms())
        return empty_pb2.Empty()
