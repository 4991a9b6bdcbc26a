"""Audit events of platform tokens: which tokens were issued to whom, under the name in the rules of the RPC."""

from __future__ import annotations

from ostiary.audit.event import Event


def tokens_issued(tenant_id: str, event: str, request_id: str, who: tuple[str, str], target: tuple[str, str]) -> Event:
    """The entry for issued tokens. `who` and `target`, each kind and id: the user, client or API key that got them,
    and what they depend on."""
    return Event(
        tenant_id=tenant_id, action=event, initiator_kind=who[0], initiator_id=who[1], target_type=target[0],
        target_id=target[1], request_id=request_id,
    )  # fmt: skip
