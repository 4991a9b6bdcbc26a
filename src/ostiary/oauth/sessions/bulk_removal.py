"""Deletion of many directory users in one request; each has the same effects as a deletion alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostiary.errors import DomainError
from ostiary.oauth.sessions.access_revocation import remove_user_and_profile
from ostiary.store.work import Work

SIZE = 20
"""Users of one transaction: others must be able to write in between."""


def batches(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in batches, each once, in an order in which two removals at once do not lock each other out."""
    once = sorted(set(ids))
    return (once[place : place + SIZE] for place in range(0, len(once), SIZE))


def remove_users(work: Work, tenant_id: str, ids: Sequence[str], now_ms: int) -> dict[str, DomainError]:
    """Deletes these users and their profiles; those that were not, and why."""
    refused = {}
    for user_id in ids:
        try:
            remove_user_and_profile(work, tenant_id, user_id, now_ms)
        except DomainError as error:
            refused[user_id] = error
    return refused
