"""Subjects that a process has read lately, each good for as long as the rows that it was made of are the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ostiary.oauth.claims.subjects import FIND_BESIDE, Subject, subject_from
from ostiary.store.tenancy import Tenancy, TenantView, beside_facts
from ostiary.store.work import Work

Found = tuple[TenantView | None, bool, Subject | None]
MOST, LARGEST = 1_000, 8_000
"""The number of subjects remembered, and the characters that the texts of one may have: 10 MB in all."""


class KnownSubjects:
    """Reads subjects beside their tenant. Each request reads the rows, which tell an old subject from a new one: so a
    change of a profile, of its identities or of its user acts at once. What was made of the same rows is not made anew.
    """

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._known: OrderedDict[tuple[str, str], tuple[Sequence[Any], Subject]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, work: Work, tenant_id: str, token_digest: str, profile_id: str, now_ms: int) -> Found:
        """What `Tenancy.find_for_token` finds, and the subject of the token. A second call on the same connection
        returns the first result; `get_subject` has it then too."""
        key = ("beside", tenant_id, token_digest, profile_id)
        found: Found | None = work.memo.get(key)
        if found is None:
            tenant, revoked, rows = self._tenancy.find_joined(
                work, FIND_BESIDE, tenant_id, token_digest, profile_id=profile_id
            )
            subject = self._subject(tenant_id, profile_id, rows, now_ms)
            work.memo["subject", tenant_id, profile_id] = subject
            found = work.memo[key] = tenant, revoked, subject
        return found

    def _subject(self, tenant_id: str, profile_id: str, rows: Sequence[Any], now_ms: int) -> Subject | None:
        own = [beside_facts(row) for row in rows]
        key = tenant_id, profile_id
        known = self._known.get(key)
        if known is not None and known[0] == own:
            return known[1]
        subject = subject_from(rows, now_ms)
        # Whether a lock has run out is a matter of the moment.
        if subject is not None and not (subject.user and subject.user.locked_until) and _length(own) <= LARGEST:
            with self._lock:
                self._known[key] = own, subject
                self._known.move_to_end(key)
                if len(self._known) > MOST:
                    self._known.popitem(last=False)
        return subject


def _length(rows: Sequence[Sequence[Any]]) -> int:
    return sum(len(value) for row in rows for value in row if isinstance(value, str))
