"""Counters that protect an account, a tenant or a recipient: exact on any number of processes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from sqlalchemy import BindParameter, bindparam, case

from ostiary.store.prepared import prepared
from ostiary.store.tables import Counter, table_of
from ostiary.store.work import Work

_COUNTERS = table_of(Counter)
_NOW: BindParameter[int] = bindparam("now_ms")
_UNTIL: BindParameter[int] = bindparam("window_end")
_ALLOWED: BindParameter[int] = bindparam("allowed")
_TIMES: BindParameter[int] = bindparam("times")
_OVER = _COUNTERS.c.window_until <= _NOW
# What ends later than its own length from now was begun by a clock that was ahead: it is cut, and keeps its count.
_WINDOW_UNTIL = case((_OVER | (_COUNTERS.c.window_until > _UNTIL), _UNTIL), else_=_COUNTERS.c.window_until)
_BLOCK_END: BindParameter[int] = bindparam("block_end")
_LATEST: BindParameter[int] = bindparam("latest_end")
_COUNTED = case((_OVER, _TIMES), else_=_COUNTERS.c.count + _TIMES)
_COUNT = prepared(
    lambda insert: insert(_COUNTERS)
    .values(
        tenant_id=bindparam("of_tenant"), name=bindparam("limit_name"), subject=bindparam("of_subject"), count=_TIMES,
        window_until=_UNTIL, blocked_until=bindparam("first_block"),
    )
    .on_conflict_do_update(
        index_elements=["tenant_id", "name", "subject"],
        set_={
            "count": _COUNTED,
            "window_until": _WINDOW_UNTIL,
            "blocked_until": case(
                (_COUNTERS.c.blocked_until > _LATEST, _LATEST),
                (_COUNTERS.c.blocked_until > _NOW, _COUNTERS.c.blocked_until),
                (_COUNTED <= _ALLOWED, 0),
                (_WINDOW_UNTIL > _BLOCK_END, _WINDOW_UNTIL),
                else_=_BLOCK_END,
            ),
        },
    )
    .returning(_COUNTERS.c.blocked_until)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExactLimit:
    """`count` in a window of `window_s` seconds; then nothing for `block_s` seconds, nor before the window ends.

    Neither ends later than its own length from now, whatever the clock said when it began.
    """

    name: str
    count: int
    window_s: int
    block_s: int


def count_exactly(work: Work, tenant_id: str, limit: ExactLimit, subject: str, now_ms: int, times: int = 1) -> int:
    """Counts `times` more for `subject` in one statement; returns 0 when it may go on, else the seconds to wait.

    One statement, so that two processes at once never both take the last place.
    """
    window_end, block_end = now_ms + limit.window_s * 1000, now_ms + limit.block_s * 1000
    latest = max(window_end, block_end)
    row = work.row(_COUNT, {
        "of_tenant": tenant_id, "limit_name": limit.name, "of_subject": subject, "now_ms": now_ms, "times": times,
        "window_end": window_end, "block_end": block_end, "latest_end": latest, "allowed": limit.count,
        "first_block": latest if limit.count < times else 0,
    })  # fmt: skip
    until = int(row[0]) if row else 0
    return max(1, -(-(until - now_ms) // 1000)) if until > now_ms else 0


def network_of(client_ip: str) -> str:
    """Returns the network by which a client's address is counted: of IPv6 the /64, the smallest that a site is given
    (RFC 6177), so that a client cannot get further counts with further addresses. A text that is no address (a socket's
    path) is returned as it is."""
    try:
        address = ip_address(client_ip)
    except ValueError:
        return client_ip
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Network((int(address), 64), strict=False).network_address
    return str(address)
