"""The token endpoint of an installation, asked in this process, and what may happen while its tokens are signed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from kit.servers.installation import Installation

from ostiary.audit.event import Event
from ostiary.http.forms import Form
from ostiary.later import Later
from ostiary.oauth.token.endpoint import TokenEndpoint
from ostiary.oauth.token.issuing import Issued, Issuing, Settle, UnsignedTokens
from ostiary.oauth.token.profile import TokenCall, TokenProfile
from ostiary.store.engine import Store
from ostiary.store.work import Work


class Reading:
    """A request's reading side."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = ExitStack()
        self._work: Work | None = None

    @property
    def work(self) -> Work:
        if self._work is None:
            self._work = self._open.enter_context(self._store.read())
        return self._work

    def release(self) -> None:
        self._open.close()
        self._work = None


class Interrupted(Issuing):
    """Signs as the server does, but something happens first, in the thread of the request."""

    def __init__(self, made: Installation, happens: Callable[[], object]) -> None:
        super().__init__(made.runtime.group_commit)
        self._happens = happens

    def sign(self, unsigned: UnsignedTokens, now_ms: int, *events: Event) -> Issued:
        self._happens()
        return super().sign(unsigned, now_ms, *events)

    def sign_later(self, unsigned: UnsignedTokens, now_ms: int, *events: Event) -> Later[Issued]:
        self._happens()
        return super().sign_later(unsigned, now_ms, *events)

    def sign_and_write(self, unsigned: UnsignedTokens, settle: Settle, now_ms: int, *events: Event) -> Issued:
        self._happens()
        return super().sign_and_write(unsigned, settle, now_ms, *events)


def ask(
    made: Installation, profile: TokenProfile[Any], fields: dict[str, str], authorization: str = "", *,
    while_signing: Callable[[], object] = lambda: None,
) -> dict[str, Any]:  # fmt: skip
    """The answer of a profile to a form."""
    parts, reading = made.runtime, Reading(made.runtime.store)
    with parts.store.read() as work:
        tenant = parts.tenancy.find(work, made.tenant_id)
    endpoint = TokenEndpoint(parts.clock, parts.entropy, Interrupted(made, while_signing), parts.events)
    try:
        return endpoint(profile, TokenCall(reading, Form(fields), "r1", authorization, "csp.token.issue", tenant))
    finally:
        reading.release()
