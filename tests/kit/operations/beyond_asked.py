"""Requests at and beyond bounds, asked over both transports, and what became of them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import grpc
import httpx
from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from kit.callers import Caller, bearer
from kit.operations.beyond import Case
from kit.operations.preparations import Preparations

APPLICATIONS = "identity.appid.management.v4.ApplicationsService"
USERS = "identity.appid.management.v4.CloudDirectoryUsersService"
PERSON = {"emails": [{"value": "someone@example.com"}], "password": "correct horse battery"}
ROLES = "identity.appid.management.v4.RolesService"
ROLE = {"name": "a role", "access": []}
OTHERWISE = {
    "identity.appid.management.v4.GetMfaChannelRequest.channel": grpc.StatusCode.NOT_FOUND,
    "identity.appid.management.v4.PutMfaChannelRequest.channel": grpc.StatusCode.NOT_FOUND,
    "identity.appid.management.v4.OpenIdProviderConfig.issuer": grpc.StatusCode.INVALID_ARGUMENT,  # called "The URL"
    "identity.appid.oauth.v4.Activity.event_name": grpc.StatusCode.UNAUTHENTICATED,  # only users of applications ask
    "identity.appid.oauth.v4.Activity.id_token": grpc.StatusCode.UNAUTHENTICATED,
    "identity.csp.v1.Credentials.username": grpc.StatusCode.UNAUTHENTICATED,
    "identity.csp.v1.Credentials.password": grpc.StatusCode.UNAUTHENTICATED,
}
"""The codes of refusals that are no INVALID_ARGUMENT in their dialect, or do not name the field."""
SAID = {
    "user": ["password"],
    "options": ["secret"],
    "selection": ["ids"],
    "senderDetails": ["sender"],
    "name": ["extensions"],
    "templateName": ["template"],
    "sortAsc": ["sorted"],
    "sortDesc": ["sorted"],
    "signInUrl": ["url"],
    "idpRedirectUrl": ["url"],
    "value": ["numbers", "mailaddress"],
    "class": ["authncontext"],
    "comparison": ["authncontext"],
    "html_body": ["body"],
    "plain_text_body": ["body"],
    "regex": ["pattern"],
    "scopes": ["scope"],
    "application_id": ["application"],
}
"""Words by which dialects call fields in errors that do not write their names."""
OF_THE_OPERATION = (
    "OUTGOING_REFUSED", "IDENTITY_FIELD_FROZEN", "EMAIL_IMMUTABLE", "names another organization",
    "INVALID_RIGHT_REFERENCE", "is no role here", "INVALID_DOMAIN",
)  # fmt: skip
"""Reasons, or what is said over REST, where a field is named that is within its bounds."""


@dataclass(frozen=True)
class Asked:
    """How a request ended: the code (over REST the one that its status stands for), and what was said."""

    code: grpc.StatusCode
    said: str


def is_named(case: Case, answer: Asked) -> bool:
    """Whether it was refused for the field of the case."""
    words = _letters(answer.said.replace("INVALID", "").replace("invalid", ""))  # where "id" is no field
    known = (*case.blamed, *SAID.get(case.field.json_name, ()))
    if answer.code is not grpc.StatusCode.INVALID_ARGUMENT or any(reason in answer.said for reason in OF_THE_OPERATION):
        return False
    return any(_letters(name) in words for name in known)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


class World:
    """What requests name in braces."""

    def __init__(self, tenant: str, org: str, client: str, user: str, role: str) -> None:
        made = Preparations(lambda *_: None, None, "")  # type: ignore[arg-type] # nothing that asks or is mailed
        self._known = {
            "tenant": tenant, "org": org, "client": client, "user": user, "role": role, "certificate": made.certificate,
            "public_key": made.public_key,
        }  # fmt: skip

    def filled(self, template: Any) -> Any:
        """A request with everything in it that its braces name."""
        if isinstance(template, dict):
            return {name: self.filled(part) for name, part in template.items()}
        if isinstance(template, list):
            return [self.filled(part) for part in template]
        return self._known.get(template[1:-1], template) if isinstance(template, str) else template


class Natively:
    """Asks over native gRPC, as a Manager, else as an operator."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        tenant = caller.installation.tenant_id
        client = caller.ask(f"{APPLICATIONS}/CreateApplication", {"tenantId": tenant, "application": {"name": "a"}})
        user = caller.ask(f"{USERS}/CreateCloudDirectoryUser", {"tenantId": tenant, "user": PERSON})
        role = caller.ask(f"{ROLES}/CreateRole", {"tenantId": tenant, "role": ROLE})
        org = caller.ask("identity.cloudapi.v1.OrgsService/GetOrg", {"id": tenant})
        self._world = World(tenant, org["name"], client["clientId"], user["id"], role["id"])

    def ask(self, case: Case) -> Asked:
        """How a case ends."""
        answer = self._ask(case, self._caller.as_role("manager"))
        refused = answer.code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND)
        return self._ask(case, self._caller.as_role("operator")) if refused else answer

    def ask_as_nobody(self, case: Case) -> Asked:
        """How it ends for a stranger."""
        return self._ask(case, bearer("nobody's"))

    def ask_as_reader(self, case: Case) -> Asked:
        """How it ends for a Reader."""
        return self._ask(case, self._caller.as_role("reader"))

    def _ask(self, case: Case, credentials: Mapping[str, Any]) -> Asked:
        method = case.rpc.descriptor
        request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        kind = self._caller.channel.unary_stream if method.server_streaming else self._caller.channel.unary_unary
        call: Any = kind(f"/{case.rpc.name}", request.SerializeToString, answer.FromString)
        try:
            answered = call(json_format.ParseDict(self._world.filled(case.request), request()), **credentials)
            if method.server_streaming:
                list(answered)
        except grpc.RpcError as error:
            return Asked(error.code(), f"{_reason(error)} {error.details()}")
        return Asked(grpc.StatusCode.OK, "")


def _reason(error: Any) -> str:
    info = error_details_pb2.ErrorInfo()
    trailers = dict(error.trailing_metadata() or ())
    for detail in status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b"")).details:
        detail.Unpack(info)
    return info.reason


class OverRest:
    """Asks through the gateway; `headers` are those of a Manager and of an operator."""

    def __init__(self, http: httpx.Client, tenant: str, *headers: Mapping[str, str]) -> None:
        self._http, self._headers = http, headers
        management = f"/management/v4/{tenant}"

        def made(path: str, document: Any) -> Any:
            return http.post(f"{management}/{path}", json=document, headers=dict(headers[0])).raise_for_status().json()

        client, user = made("applications", {"name": "a"}), made("cloud_directory/Users", PERSON)
        org = http.get(f"/cloudapi/1.0.0/orgs/{tenant}", headers=dict(headers[0])).raise_for_status().json()["name"]
        self._world = World(tenant, org, client["clientId"], user["id"], made("roles", ROLE)["id"])

    def ask(self, case: Case) -> httpx.Response:
        """The answer to a case."""
        answer = self._ask(case, self._headers[0])
        return self._ask(case, self._headers[1]) if answer.status_code in (401, 403, 404) else answer

    def _ask(self, case: Case, headers: Mapping[str, str]) -> httpx.Response:
        method, fields = case.rpc.descriptor, dict(self._world.filled(case.request))
        described, body = method.input_type.fields_by_name, None

        def taken(found: re.Match[str]) -> str:
            return quote(fields.pop(described[found[1]].json_name), safe="")

        (route, *_) = case.rpc.rules.routes
        path = re.sub(r"\{(\w+)[^}]*\}", taken, route.path)
        bound = described.get(method.GetOptions().Extensions[annotations_pb2.http].body)
        if bound is not None:
            body = fields.pop(bound.json_name, {})
            is_bytes = bound.message_type.full_name == "google.api.HttpBody"
            body = json.loads(base64.b64decode(body["data"])) if is_bytes else body
        query = urlencode({name: "true" if value is True else value for name, value in fields.items()})
        return self._http.request(route.verb, f"{path}?{query}", headers=dict(headers), json=body)


def from_rest(answer: httpx.Response) -> Asked:
    """The same as a native caller would see it."""
    codes = {200: grpc.StatusCode.OK, 400: grpc.StatusCode.INVALID_ARGUMENT, 401: grpc.StatusCode.UNAUTHENTICATED}
    codes |= {404: grpc.StatusCode.NOT_FOUND, 409: grpc.StatusCode.ALREADY_EXISTS}
    return Asked(codes.get(answer.status_code, grpc.StatusCode.UNKNOWN), answer.text)
