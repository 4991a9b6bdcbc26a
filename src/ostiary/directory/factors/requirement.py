"""Requirement of a second factor: whether a person is asked for one, and whether what was proved is enough."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, or_, select

from ostiary.directory.factors.factors import OWN
from ostiary.mfa.settings import MFA
from ostiary.store.prepared import prepared
from ostiary.store.tables import Factor, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

MULTI_FACTOR = "mfa"
"""The method of `amr` that says that more than one factor was proved (RFC 8176 §2)."""

_FACTORS = table_of(Factor)
_HAS_OWN = prepared(
    select(
        exists()
        .where(
            _FACTORS.c.tenant_id == bindparam("of_tenant"), _FACTORS.c.user_id == bindparam("of_user"),
            or_(*(_FACTORS.c.kind == kind for kind in sorted(OWN))),
        )
        .label("has_own")
    )
)  # fmt: skip


def tenant_requires(work: Work, tenant: TenantView) -> bool:
    """Whether the tenant asks all its directory users for a second factor."""
    return MFA.read(work, tenant)


def needs_second_factor(work: Work, tenant: TenantView, user_id: str) -> bool:
    """Whether this directory user is asked for a second factor: the tenant requires one, or the user has enrolled an
    authenticator app or a passkey."""
    if tenant_requires(work, tenant):
        return True
    row = work.row(_HAS_OWN, {"of_tenant": tenant.id, "of_user": user_id})
    return bool(row and row.has_own)


def is_multi_factor(amr: str) -> bool:
    """Whether a sign-in by these methods, separated by blanks, has proved more than one factor."""
    return MULTI_FACTOR in amr.split()


def suffices(work: Work, tenant: TenantView, user_id: str, amr: str) -> bool:
    """Whether a session with these methods is enough for what this user is asked for."""
    return is_multi_factor(amr) or not needs_second_factor(work, tenant, user_id)
