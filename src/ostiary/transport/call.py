"""The call: what the steps of the pipeline and the servicer know about one request, and how they pass it on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from ostiary.access.policy import reveals_secrets
from ostiary.access.principals import ANONYMOUS, Principal, PrincipalKind
from ostiary.caller import set_caller
from ostiary.http.paging import Page
from ostiary.store.engine import ReadConnection, Store
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work
from ostiary.transport.rules import Rules

_NO_MESSAGES: Iterator[Any] = iter(())


@dataclass(slots=True)
class Call:
    """One request while it is handled. Created by `pipeline.Outermost`, filled by the steps, read by servicers.

    `metadata` are the request headers, lower-case, the first of each name. `headers` go out with a successful answer.
    `upload` are the messages of a file that streams in. `audit_target` is what the call acted on, where the request
    does not name it; `audit_targets` are those of one transaction, where several have an event each. `reach` decides in
    each transaction whether the caller may act on the people whom the request names; `kept`, at the end of each,
    whether the organization still has an owner.
    """

    rules: Rules
    store: Store
    tenancy: Tenancy
    metadata: dict[str, str]
    request_id: str
    principal: Principal = ANONYMOUS
    tenant: TenantView | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    http_status: int = 0
    audit_target: str = ""
    audit_targets: Sequence[str] = ()
    writing: Work | None = None
    reach: Callable[[Work], None] | None = None
    kept: Callable[[Work], None] | None = None
    record: Callable[[Work], None] | None = None
    is_recorded: bool = False
    context: Any = None
    upload: Iterator[Any] = _NO_MESSAGES
    _reading: Work | None = None
    _reader: ReadConnection | None = None

    @property
    def is_rest(self) -> bool:
        """Whether the gateway transcoded it. Clients cannot forge the header: the gateway strips theirs."""
        return "x-envoy-original-path" in self.metadata

    @property
    def query(self) -> str:
        """The query of the URL as it was sent over REST; empty for native calls."""
        return self.metadata.get("x-envoy-original-path", "").partition("?")[2]

    def flag(self, request: Message, name: str) -> bool:
        """Whether a query flag was sent: one that counts by being there, whatever its value.

        The transcoder drops a `?flag` without `=`, so over REST the path itself is asked.
        """
        if request.HasField(name):
            return True
        return request.DESCRIPTOR.fields_by_name[name].json_name in self.query.split("&")

    def page(self, request: Message) -> Page:
        """The page of a list that the request asks for, in the way of its dialect; raises for what is out of bounds."""
        return self.rules.dialect.page(request)

    @property
    def client_ip(self) -> str:
        """The address of the client as the gateway saw it; empty for native calls that came past it."""
        return self.metadata.get("x-client-ip", "")

    @property
    def counted_ip(self) -> str:
        """The address by which exact limits count what this call causes; empty where it says nothing of who asks.

        With an API key an application asks for all its users, from the address of its servers.
        """
        return "" if self.principal.kind is PrincipalKind.API_KEY else self.client_ip

    @property
    def reading(self) -> Work:
        """A reading connection, opened at first use and kept to the end of the call."""
        if self._reading is None:
            reader = self.store.read()
            self._reading = reader.__enter__()
            self._reader = reader
        return self._reading

    @property
    def work(self) -> Work:
        """The unit of work that the rules of this RPC ask for."""
        return self.writing if self.writing is not None else self.reading

    def release(self, error: BaseException | None = None) -> None:
        """Gives the reading connection back before slow work or a transaction begins, or because of `error`, which
        the store translates if it is the driver's."""
        reader, self._reader, self._reading = self._reader, None, None
        if reader is not None:
            reader.__exit__(None, error, None)

    @contextmanager
    def transaction(self) -> Iterator[Work]:
        """Returns the transaction of this call's change, with its audit event as the last row: in the first transaction
        if there are several.

        The unit of work opens it (WRITE), or the servicer, where slow work precedes it (OWN).
        """
        self.release()
        with self.store.write() as work:
            if self.reach is not None:
                self.reach(work)
            yield work
            if self.kept is not None:
                self.kept(work)
            if self.record is not None and (self.audit_targets or not self.is_recorded):
                self.record(work)
                self.is_recorded = True

    @property
    def required_tenant(self) -> TenantView:
        """The tenant on which this call acts; raises where the rules of the RPC name none: a programming error."""
        if self.tenant is None:
            raise LookupError(f"{self.rules.method} acts on no tenant")
        return self.tenant

    @property
    def tenant_id(self) -> str:
        """The tenant on which this call acts, after the access decision."""
        return self.tenant.id if self.tenant else self.principal.tenant_id

    @property
    def shows_secrets(self) -> bool:
        """Whether the caller may read the secrets of the tenant on which this call acts."""
        return reveals_secrets(self.principal, self.tenant_id)

    def has_version(self, etag: str) -> bool:
        """Whether the client has this version (If-None-Match, RFC 9110 §13.1.2, compared weakly): it gets 304 then."""
        held = {tag.strip().removeprefix("W/") for tag in self.metadata.get("if-none-match", "").split(",")}
        if not held & {etag.removeprefix("W/"), "*"}:
            return False
        self.http_status = 304
        return True

    def created(self, location: str = "") -> None:
        """Sets the address of the new resource (REST: Location)."""
        if location:
            self.headers.append(("location", location))


_current = threading.local()


def current_call() -> Call:
    """The call that this thread serves. Raises AttributeError outside one: a programming error."""
    call: Call = _current.call
    return call


class entered:  # noqa: N801 - used like a function
    """Makes `call` the current one of this thread, and gives back what it holds in the end."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> Call:
        _current.call = self._call
        set_caller(self._call.context)
        return self._call

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        del _current.call
        set_caller(None)
        self._call.release(error)
