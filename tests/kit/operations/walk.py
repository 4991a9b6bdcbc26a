"""A walk through the documented operations of App ID management, over REST, by what is written down about them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from contract.served import DATA, documented
from kit.operations.preparations import Preparations
from kit.patience import PATIENCE_S
from kit.servers.command import ostiary_here
from kit.servers.served import Served, served
from kit.servers.smtp import Mailboxes, mailboxes
from kit.servers.web import Site, answering, site
from sqlalchemy import select
from sqlmodel import SQLModel

from ostiary.store.engine import Store
from ostiary.store.tables import AuditEvent, table_of

Json = Any
EVENTS = table_of(AuditEvent)
ROLES = ("reader", "writer", "manager")
PARTS = ("at", "query", "body", "content", "upload", "headers")
"""Of a request."""
FILLER = "x"
"""What stands in a path where nobody gets as far as looking it up."""
OPERATIONS: dict[str, Json] = {
    **{facts["number"]: facts for facts in documented("appid_management")},
}
for _number, _facts in json.loads((DATA / "appid_operations.json").read_text()).items():
    OPERATIONS[_number] = {**OPERATIONS[_number], **_facts}


@dataclass(frozen=True)
class Place:
    """A tenant and API tokens for it."""

    tenant_id: str
    tokens: dict[str, str]

    def headers(self, role: str) -> dict[str, str]:
        """Those of a caller with a role, of nobody (``), or of a stranger to the server (`junk`)."""
        return {"authorization": f"Bearer {self.tokens.get(role, role)}"} if role else {}


@dataclass
class Walk:
    """A served tree, and tenants in it."""

    server: Served
    smtp: Mailboxes
    site: Site
    http: httpx.Client
    places: dict[str, Place] = field(default_factory=dict)
    steady: dict[tuple[str, str], Preparations] = field(default_factory=dict)
    succeeded: set[str] = field(default_factory=set)

    def place(self, name: str) -> Place:
        """The tenant of that name, made at first use."""
        if name not in self.places:
            tenant = self._command("tenant", "create", f"{name}-{uuid.uuid4().hex}")["id"]
            keys = {role: self._command("apikey", "create", tenant, "--role", role)["apikey"] for role in ROLES}
            self.places[name] = Place(tenant, {role: self.server.token(key) for role, key in keys.items()})
        return self.places[name]

    def preparations(self, place: str) -> Preparations:
        """Fresh ones in a tenant."""
        there = self.place(place)

        def ask(verb: str, path: str, document: Json = None, files: Json = None) -> Json:
            url, headers = f"/management/v4/{there.tenant_id}/{path}", there.headers("manager")
            answer = self.http.request(verb, url, json=document, files=files, headers=headers)
            assert answer.is_success, f"{verb} {path}: {answer.status_code} {answer.text}"
            return answer.json() if answer.content else None

        return Preparations(ask, self.smtp, self.site.url)

    def lasting(self, place: str, number: str) -> Preparations:
        """Those that all requests of an operation share that change nothing."""
        if (place, number) not in self.steady:
            self.steady[place, number] = self.preparations(place)
        return self.steady[place, number]

    def ready(self, number: str, place: str) -> tuple[str, Preparations]:
        """Does what an operation comes after; the tenant in which it can be asked for, and what is prepared there."""
        alone = OPERATIONS[number].get("alone", "")
        place = {"each": f"{number}-{uuid.uuid4().hex}", "once": number}.get(alone, place)
        made = self.lasting(place, number) if alone == "once" else self.preparations(place)
        self._after(number, place, made)
        return place, made

    def ask(
        self, number: str, place: str, role: str = "manager", *, made: Preparations | None = None, **other: Json
    ) -> httpx.Response:
        """Sends the documented request of an operation, with `other` parts (at, query, body, headers, …) in it."""
        facts = {**OPERATIONS[number], **other}
        made = made or self.preparations(place)
        parts = {
            name: made.filled(facts[name]) for name in ("at", "query", "body", "upload", "headers") if name in facts
        }
        there = self.place(place)
        headers = {**there.headers(role), **parts.pop("headers", {})}
        return self.send(number, there.tenant_id, headers, form=facts.get("as_form", False), **parts)

    def send(
        self, number: str, tenant_id: str, headers: dict[str, str], *, form: bool = False, **parts: Json
    ) -> httpx.Response:
        """Sends one request as it is given."""
        facts = OPERATIONS[number]
        path = facts["path"].replace("{}", tenant_id, 1)
        for value in parts.get("at", ()):
            path = path.replace("{}", value, 1)
        request: dict[str, Json] = {"headers": headers, "params": parts.get("query")}
        if "upload" in parts:
            form_of = parts["upload"].items()
            request["files"] = {name: (name if name == "file" else None, content) for name, content in form_of}
        elif "content" in parts:
            request |= {"content": parts["content"], "headers": {**headers, "content-type": "application/json"}}
        elif "body" in parts:
            request["data" if form else "json"] = parts["body"]
        return self.http.request(facts["verb"], path.replace("{}", FILLER), **request)

    def _after(self, number: str, place: str, made: Preparations) -> None:
        """Does what an operation comes after."""
        for earlier in OPERATIONS[number].get("after", ()):
            self._after(earlier, place, made)
            answer = self.ask(earlier, place, made=made)
            assert answer.is_success, f"{earlier}: {answer.status_code} {answer.text}"

    def rows_with(self, text: str) -> list[str]:
        """Rows of whatever table that hold a text, in the clear or inside of binary documents."""
        with closing(Store(self.server.database)) as store, store.read() as work:
            tables = SQLModel.metadata.sorted_tables
            rows = ((table.name, row) for table in tables for row in work.rows(select(table)))
            return [f"{name}: {row}" for name, row in rows if text in str(row)]

    def actions(self) -> set[str]:
        """What the audit ledger holds of these tenants."""
        tenants = [place.tenant_id for place in self.places.values()]
        asked = select(EVENTS.c.action).where(EVENTS.c.tenant_id.in_(tenants)).distinct()
        with closing(Store(self.server.database)) as store, store.read() as work:
            return {str(row.action) for row in work.rows(asked)}

    def _command(self, *arguments: str) -> Json:
        made = ostiary_here(*arguments, "--json", cwd=self.server.folder, **self.server.variables)
        assert made.code == 0, made.stderr
        return made.json()


@contextmanager
def walking(folder: Path, **settings: Json) -> Iterator[Walk]:
    """The whole server with everything around it that operations reach."""
    reply = json.dumps({"skipMfa": True, "messages": [{"status": "0"}]}).encode()
    with ExitStack() as stack:
        smtp = stack.enter_context(mailboxes())
        outside = stack.enter_context(site(answering(200, reply, content_type="application/json")))
        server = stack.enter_context(served(
            folder, smtp_url=smtp.url, outgoing_allow="127.0.0.0/8", sendgrid_url=outside.url, vonage_url=outside.url,
            **{"workers": 1, **settings},
        ))  # fmt: skip
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=PATIENCE_S))
        yield Walk(server, smtp, outside, http)
