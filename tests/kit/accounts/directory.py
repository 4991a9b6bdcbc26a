"""What directory tests need: the people of a tenant over native gRPC, in the documented JSON."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Any

import grpc
from google.api import httpbody_pb2
from kit.audited import changes
from kit.callers import Caller, bearer
from kit.oauth import PASSWORD, Application, Runtime
from sqlalchemy import Row, select

from ostiary.store.tables import Message, table_of

Json = dict[str, Any]
MANAGEMENT = "identity.appid.management.v4"
NOBODY = "00000000-0000-4000-8000-000000000000"
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
TAKEN, LIMITED = grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.RESOURCE_EXHAUSTED


@dataclass
class Mail:
    """A mail in the outbox, with what is in its payload."""

    row: Row[Any]

    def __post_init__(self) -> None:
        self.id: str = self.row.id
        self.channel: str = self.row.channel
        self.recipient: str = self.row.target
        self.sealed_code: str = self.row.sealed_code
        self.state: str = self.row.state
        stored = json.loads(self.row.payload)
        self.template: str = stored["kind"]
        self.language: str = stored["language"]
        self.payload = json.dumps(stored["values"])


class People:
    """The users and profiles of a tenant of its own in the caller's installation."""

    def __init__(self, caller: Caller, role: str = "writer") -> None:
        self.caller = caller
        self.made = caller.installation
        self.tenant_id = self.made.new_tenant(f"people-{uuid.uuid4().hex}")
        self.role = role
        self.oauth = Runtime(caller, self.tenant_id)
        self.authenticate()

    def authenticate(self) -> None:
        """A fresh token for management: after the clock was moved, the last one has expired."""
        self.credentials = bearer(self.caller.token(self.made.new_api_key(self.tenant_id, self.role)))

    def users(self, method: str, **body: Any) -> Json:
        """Asks CloudDirectoryUsersService."""
        return self.manage(f"CloudDirectoryUsersService/{method}", **body)

    def profiles(self, method: str, **body: Any) -> Json:
        """Asks UsersService; free JSON is read."""
        return unwrapped(self.manage(f"UsersService/{method}", **body))

    def sign_up(self, user: Json, **parameters: Any) -> Json:
        """Asks SelfServiceService to sign somebody up."""
        return self.manage("SelfServiceService/StartSignUp", user=user, **parameters)

    def manage(self, method: str, **body: Any) -> Json:
        """Asks `Service/Method` of App ID management."""
        return self.caller.ask(f"{MANAGEMENT}.{method}", {"tenantId": self.tenant_id, **body}, **self.credentials)

    def create(self, address: str = "jane@example.com", **facts: Any) -> Json:
        """A new user, confirmed unless said otherwise."""
        return self.users("CreateCloudDirectoryUser", user=person(address, **{"status": "CONFIRMED", **facts}))

    def update(self, user: Json, **change: Any) -> Json:
        """Sends a user back with a change in it, as clients do."""
        return self.users("UpdateCloudDirectoryUser", userId=user["id"], user={**user, **change})

    def with_profile(self, address: str = "jane@example.com", **facts: Any) -> Json:
        """A confirmed user with a profile; `profileId` is in it."""
        return self.sign_up(person(address, **{"status": "CONFIRMED", **facts}), shouldCreateProfile=True)

    def tokens(self, application: Application, address: str = "jane@example.com") -> Json:
        """Tokens by the password grant."""
        return self.oauth.sign_in(application, address)

    def messages(self) -> list[Mail]:
        """The mails in the outbox of the tenant, by template."""
        outbox = table_of(Message)
        with self.made.runtime.store.read() as work:
            rows = work.rows(select(outbox).where(outbox.c.tenant_id == self.tenant_id))
        return sorted((Mail(row) for row in rows), key=lambda mail: mail.template)

    def audited(self) -> list[tuple[str, str]]:
        """Action and target of what was changed in the tenant, oldest first."""
        return changes(self.made, self.tenant_id)


def person(address: str, **facts: Any) -> Json:
    """A user as callers write one, with the password that `kit.oauth` signs in with."""
    return {"emails": [{"value": address, "primary": True}], "password": PASSWORD, **facts}


def body(document: Any, kind: str = "application/json") -> Json:
    """A request body as the gateway hands it over; text stays as it is, anything else becomes JSON."""
    text = document if isinstance(document, str) else json.dumps(document)
    return {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}


def unwrapped(answer: Json) -> Json:
    """The JSON inside an HttpBody; other answers as they are."""
    if set(answer) != {field.json_name for field in httpbody_pb2.HttpBody.DESCRIPTOR.fields}:
        return answer
    document: Json = json.loads(base64.b64decode(answer["data"]))
    return document


def raw(answer: Json) -> str:
    """The text inside an HttpBody."""
    return base64.b64decode(answer["data"]).decode()
