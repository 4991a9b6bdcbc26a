"""Audit events of the account: who has entered it, and what was changed there."""

from __future__ import annotations

from ostiary.audit.event import Event

ENTERED, CHANGED = "account.session.create", "account.update"


def account_entered(tenant_id: str, user_id: str, session_id: str, request_id: str) -> Event:
    """Somebody has signed in to the own account."""
    return Event(
        tenant_id=tenant_id, action=ENTERED, initiator_kind="user", initiator_id=user_id, target_type="session",
        target_id=session_id, request_id=request_id,
    )  # fmt: skip


def account_changed(tenant_id: str, user_id: str, change: str, request_id: str) -> Event:
    """Somebody has changed the own account; `change` is the name of the change."""
    return Event(
        tenant_id=tenant_id, action=CHANGED, initiator_kind="user", initiator_id=user_id, target_type="user",
        target_id=user_id, target_name=change, request_id=request_id,
    )  # fmt: skip
