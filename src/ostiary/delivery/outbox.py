"""The outbox: a message is a row in the transaction that causes it, and is sent after that has committed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update

from ostiary.ids import Entropy, new_id
from ostiary.keys.sealing import SealedField, Sealing
from ostiary.settings.languages import DEFAULT_LANGUAGE
from ostiary.store.engine import Store
from ostiary.store.tables import Message, table_of
from ostiary.store.work import Work

PATIENCE_S = 86_400
"""The time after which a message without a code is not sent any more."""
CLAIM_MS = 300_000
"""The time for which the process that sends a message has it alone: longer than any provider can take. If the process
dies, others send the message after that time."""
BATCH, PER_TENANT = 32, 8
"""Messages of one turn; of one tenant, so that nobody's slow dispatcher keeps the others waiting."""
PAUSES_S = (10, 30, 120, 600, 1_800, 3_600)
"""After the first, second, … failure; the last one from then on."""
LATEST_MS = PAUSES_S[-1] * 1000 + CLAIM_MS
"""The longest time between two attempts to send a message."""

_OUTBOX = table_of(Message)
_DUE = (_OUTBOX.c.state == "waiting") & (
    (_OUTBOX.c.next_attempt_at <= bindparam("now_ms"))
    # Later than anybody postpones: by a clock that was ahead.
    | (_OUTBOX.c.next_attempt_at > bindparam("latest_ms"))
)
_RANKED = (
    select(
        _OUTBOX.c.id,
        func.row_number()
        .over(partition_by=_OUTBOX.c.tenant_id, order_by=(_OUTBOX.c.next_attempt_at, _OUTBOX.c.id))
        .label("place"),
    )
    .where(_DUE)
    .subquery()
)
_NEXT = select(_RANKED.c.id).where(_RANKED.c.place <= PER_TENANT).order_by(_RANKED.c.place).limit(BATCH)
_CLAIM = (
    select(_OUTBOX)
    .where(_DUE, _OUTBOX.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_OUTBOX.c.next_attempt_at, _OUTBOX.c.id)
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as it is given to the outbox. The functions beside the channels make them.

    `kind` names what is sent, for logs too: a template, an event. `payload` is what the channel needs besides, as JSON
    can hold it. `code` is a one-time code, sealed until the message is sent. After `patience_s` seconds the message is
    not worth sending any more.
    """

    channel: str
    kind: str
    target: str
    payload: Mapping[str, Any]
    code: str = ""
    patience_s: int = PATIENCE_S


class Outbox:
    """Writes messages."""

    def __init__(self, sealing: Sealing, entropy: Entropy) -> None:
        self._sealing = sealing
        self._entropy = entropy

    def add(self, work: Work, tenant_id: str, new: NewMessage, now_ms: int) -> None:
        """Adds a message, to be sent once the transaction has committed."""
        id = new_id(self._entropy)
        sealed = self._sealing.seal(new.code.encode(), code_place(tenant_id, id)) if new.code else ""
        work.add(
            Message(
                id=id, tenant_id=tenant_id, channel=new.channel, target=new.target,
                payload=json.dumps({"kind": new.kind, **new.payload}), sealed_code=sealed, created_at=now_ms,
                next_attempt_at=now_ms, give_up_at=now_ms + new.patience_s * 1000,
            )
        )  # fmt: skip


def code_place(tenant_id: str, message_id: str) -> SealedField:
    """Returns the place under which the code of a message is sealed."""
    return SealedField(tenant_id, _OUTBOX.name, message_id, "sealed_code")


def message_language(tag: str) -> str:
    """Returns the language tag (RFC 5646) in which a message is written: `en` where a request names none."""
    return tag or DEFAULT_LANGUAGE


def claim(store: Store, now_ms: int) -> Sequence[Row[Any]]:
    """Messages that are due and from now on, for CLAIM_MS, nobody else's; `attempts` counts this one."""
    with store.read() as work:
        ids = [row.id for row in work.rows(_NEXT, {"now_ms": now_ms, "latest_ms": now_ms + LATEST_MS})]
    if not ids:
        return ()
    with store.write() as work:
        claimed = work.rows(_CLAIM, {"now_ms": now_ms, "latest_ms": now_ms + LATEST_MS, "ids": ids})
        mine = _OUTBOX.c.id.in_([row.id for row in claimed])
        work.run(
            update(_OUTBOX)
            .where(mine)
            .values(attempts=_OUTBOX.c.attempts + 1, next_attempt_at=now_ms + CLAIM_MS)
        )  # fmt: skip
    return claimed


def finish(store: Store, message: Row[Any], now_ms: int, *, sent: bool) -> None:
    """Ends a claimed message; of one that was sent nothing about the person stays."""
    ended: dict[str, Any] = {"state": "sent" if sent else "failed", "finished_at": now_ms, "sealed_code": ""}
    if sent:
        ended |= {"target": "", "payload": "{}"}
    _change(store, message, ended)


def postpone(store: Store, message: Row[Any], now_ms: int) -> bool:
    """Lets a claimed message wait for its next attempt; False, and failed, when it is not worth one any more."""
    pause_s = PAUSES_S[min(message.attempts, len(PAUSES_S) - 1)]
    if now_ms + pause_s * 1000 >= message.give_up_at:
        finish(store, message, now_ms, sent=False)
        return False
    _change(store, message, {"next_attempt_at": now_ms + pause_s * 1000})
    return True


def give_back(store: Store, messages: Iterable[Row[Any]], now_ms: int) -> None:
    """Lets claimed messages wait that were not tried."""
    for message in messages:
        _change(store, message, {"attempts": message.attempts, "next_attempt_at": now_ms + PAUSES_S[0] * 1000})


def _change(store: Store, message: Row[Any], values: dict[str, Any]) -> None:
    """Changes a message only while this process has it: a process that was so slow that another one took over must not
    undo what that one did."""
    held = (_OUTBOX.c.id == message.id) & (_OUTBOX.c.state == "waiting") & (_OUTBOX.c.attempts == message.attempts + 1)
    with store.write() as work:
        work.run(update(_OUTBOX).where(held).values(values))
