"""Audit events of second factors: enrolled, removed, used up, and a person locked after too many wrong codes.

They are always kept. The initiator is the person whose first factor was proved, or whoever removes the factor of
another.
"""

from __future__ import annotations

from dataclasses import replace

from ostiary.audit.event import Event


def factor_added(tenant_id: str, user_id: str, factor_id: str, kind: str, request_id: str) -> Event:
    """Event of a factor that a person has enrolled; `kind` is totp, email, sms, recovery or passkey."""
    return _event("factor.create", tenant_id, user_id, factor_id, kind, request_id)


def factor_removed(tenant_id: str, who: tuple[str, str], factor_id: str, kind: str, request_id: str = "") -> Event:
    """Event of a removed factor; `who` is the kind and the id of the initiator."""
    return replace(_event("factor.delete", tenant_id, who[1], factor_id, kind, request_id), initiator_kind=who[0])


def recovery_code_used(tenant_id: str, user_id: str, request_id: str) -> Event:
    """Event of a sign-in by a recovery code."""
    return Event(
        tenant_id=tenant_id, action="recovery-code.use", initiator_kind="user", initiator_id=user_id,
        target_type="user", target_id=user_id, request_id=request_id,
    )  # fmt: skip


def user_locked(tenant_id: str, user_id: str, request_id: str) -> Event:
    """Event of a person who is locked by too many wrong codes after a right first factor."""
    return Event(
        tenant_id=tenant_id, action="user.lock", reason_code=429, initiator_kind="user", initiator_id=user_id,
        target_type="user", target_id=user_id, target_name="second_factor", request_id=request_id,
    )  # fmt: skip


def _event(action: str, tenant_id: str, user_id: str, factor_id: str, kind: str, request_id: str) -> Event:
    return Event(
        tenant_id=tenant_id, action=action, initiator_kind="user", initiator_id=user_id, target_type="factor",
        target_id=factor_id, target_name=kind, request_id=request_id,
    )  # fmt: skip
