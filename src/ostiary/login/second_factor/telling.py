"""Extensions of a second factor in a sign-in: one is asked before it, one is told after it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from ostiary.clock import Clock
from ostiary.delivery.outbox import Outbox
from ostiary.ids import digest
from ostiary.login.second_factor.devices import application_type, device_type
from ostiary.login.second_factor.person import FactorOwner, get_owner
from ostiary.login.visits import SignInVisit
from ostiary.mfa.outcomes import outcome_message
from ostiary.mfa.settings import get_extension
from ostiary.oauth.clients.clients import find_client
from ostiary.store.engine import Store
from ostiary.store.work import Work

_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "host", "origin", "user-agent"})
"""Headers of the browser that an extension sees: none that is a secret."""
_MAX_HEADER = 500


class Telling:
    """Tells the extension `postmfa` of an outcome, by the outbox."""

    def __init__(self, store: Store, clock: Clock, outbox: Outbox) -> None:
        self._store = store
        self._clock = clock
        self._outbox = outbox

    def succeeded(self, work: Work, visit: SignInVisit) -> None:
        """Tells of a success, in the transaction in which the sign-in goes on."""
        self._tell(work, visit, {"status": "success"})

    def failed(self, visit: SignInVisit, reason: str) -> None:
        """Tells of a failure, in a transaction of its own. Hold no connection."""
        with self._store.write(awaited=False) as work:
            self._tell(work, visit, {"status": "failed", "reason": reason})

    def _tell(self, work: Work, visit: SignInVisit, outcome: dict[str, str]) -> None:
        tenant = visit.call.required_tenant
        if get_extension("postmfa").read(work, tenant).is_active:
            owner = get_owner(work, tenant, visit.transaction)
            message = outcome_message({**claims_of(work, visit, owner), **outcome})
            self._outbox.add(work, tenant.id, message, self._clock.now_ms())


def claims_of(work: Work, visit: SignInVisit, owner: FactorOwner) -> dict[str, Any]:
    """What extensions learn of a sign-in, in App ID's words."""
    call, transaction, user = visit.call, visit.transaction, owner.user
    client = find_client(work, call.required_tenant, transaction.request.client_id)
    headers = {
        name: value[:_MAX_HEADER]
        for name, value in call.metadata.items()
        if name in _HEADERS or name.startswith("sec-")
    }
    last_mfa = max((factor.last_used_at for factor in owner.factors if factor.last_used_at), default=None)
    moments = {"last_successful_first_factor": _moment(user.last_login), "last_successful_mfa": _moment(last_mfa)}
    return {
        "correlation_id": str(uuid.UUID(digest(transaction.id)[:32])), "device_type": device_type(client, headers),
        "source_ip": call.client_ip, "headers": headers, "client_id": transaction.request.client_id,
        "user_id": user.id, "username": user.user_name or user.email,
        "application_type": application_type(client),
        "first_name": user.given_name, "last_name": user.family_name,
        **{name: moment for name, moment in moments.items() if moment},
    }  # fmt: skip


def _moment(at: int | None) -> str:
    """ISO 8601 in UTC with milliseconds; empty for never."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
