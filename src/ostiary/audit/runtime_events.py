"""Runtime activity for the audit ledger, recorded where the tenant captures it. Ids only."""

from __future__ import annotations

from ostiary.audit.entries import UNKNOWN, Entry, record
from ostiary.audit.runtime_capture import CAPTURE_RUNTIME_ACTIVITY
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work


def captures(work: Work, tenant: TenantView) -> bool:
    """Whether the tenant wants its sign-ins recorded."""
    return CAPTURE_RUNTIME_ACTIVITY.read(work, tenant)


def capture(work: Work, tenant: TenantView, now_ms: int, entry: Entry) -> None:
    """Records a runtime event in the transaction that causes it, where the tenant wants that."""
    if captures(work, tenant):
        record(work, now_ms, entry)


def application_authenticated(tenant_id: str, client_id: str, request_id: str) -> Entry:
    """A client got a token for itself."""
    return _entry(tenant_id, "application", client_id, f"client_credentials:{client_id}", request_id)


def application_refused(tenant_id: str, request_id: str) -> Entry:
    """Returns the event for a failed client authentication."""
    return _entry(tenant_id, "application", UNKNOWN, "client_credentials:", request_id, failed=True)


def user_authenticated(tenant_id: str, profile_id: str, user_id: str, request_id: str) -> Entry:
    """A directory user signed in."""
    return _entry(tenant_id, "user", profile_id, f"cloud_directory:{user_id}", request_id)


def identity_authenticated(tenant_id: str, profile_id: str, provider: str, request_id: str) -> Entry:
    """Returns the event for a sign-in through another provider. The id at the provider is not stored, since often it is
    a mail address."""
    return _entry(tenant_id, "user", profile_id, f"{provider}:", request_id)


def user_refused(tenant_id: str, request_id: str) -> Entry:
    """Returns the event for a failed sign-in of a directory user. The name that was typed is no id of ours, so it is
    not stored."""
    return _entry(tenant_id, "user", UNKNOWN, "cloud_directory:", request_id, failed=True)


def address_confirmed(tenant_id: str, user_id: str, request_id: str) -> Entry:
    """A directory user followed the link in a verification mail."""
    return _directory_entry(tenant_id, "cloud-dir-user.allow", user_id, request_id)


def password_renewed(tenant_id: str, user_id: str, request_id: str) -> Entry:
    """A directory user chose a new password by the link in a mail."""
    return _directory_entry(tenant_id, "cloud-dir-user-credentials.renew", user_id, request_id)


def user_created(tenant_id: str, user_id: str, request_id: str) -> Entry:
    """Returns the event for a sign-up that created a directory user."""
    return _directory_entry(tenant_id, "cloud-dir-user.create", user_id, request_id)


def user_signed_out(tenant_id: str, user_id: str, request_id: str) -> Entry:
    """The sessions of a directory user were ended."""
    return _directory_entry(tenant_id, "cloud-dir-user.set-off", user_id, request_id)


def password_updated(tenant_id: str, user_id: str, request_id: str) -> Entry:
    """A directory user has another password, set for it by an application."""
    return _directory_entry(tenant_id, "cloud-dir-user-credentials.update", user_id, request_id)


def tokens_revoked(tenant_id: str, profile_id: str, request_id: str) -> Entry:
    """An application gave up what it held for a user (RFC 7009)."""
    return Entry(
        tenant_id=tenant_id, action="appid.user-tokens.revoke", initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid/user", target_id=profile_id, target_name=f"profiles:{profile_id}", request_id=request_id,
    )  # fmt: skip


def attributes_event(tenant_id: str, action: str, profile_id: str, request_id: str) -> Entry:
    """A user read, changed or deleted attributes of its own profile."""
    return Entry(
        tenant_id=tenant_id, action=action, initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid-user-profiles/attributes", target_id=profile_id, target_name=f"profiles:{profile_id}",
        request_id=request_id,
    )  # fmt: skip


def _directory_entry(tenant_id: str, action: str, user_id: str, request_id: str) -> Entry:
    return Entry(
        tenant_id=tenant_id, action=f"appid.{action}", initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid/cloud_dir/user", target_id=user_id, target_name=f"cloud_directory:{user_id}",
        request_id=request_id,
    )  # fmt: skip


def _entry(
    tenant_id: str, target: str, target_id: str, target_name: str, request_id: str, *, failed: bool = False
) -> Entry:
    return Entry(
        tenant_id=tenant_id, action=f"appid.{target}.authenticate", outcome="failure" if failed else "success",
        reason_code=401 if failed else 200, initiator_kind="tenant", initiator_id=tenant_id,
        target_type=f"appid/{target}", target_id=target_id, target_name=target_name, request_id=request_id,
    )  # fmt: skip
