"""Runtime events: sign-ins, tokens and what people do to their own accounts; kept where the tenant captures them."""

from __future__ import annotations

from ostiary.audit.event import UNKNOWN, Event


def application_authenticated(tenant_id: str, client_id: str, request_id: str) -> Event:
    """A client got a token for itself."""
    return _event(tenant_id, "application", client_id, f"client_credentials:{client_id}", request_id)


def application_refused(tenant_id: str, request_id: str) -> Event:
    """Returns the event for a failed client authentication."""
    return _event(tenant_id, "application", UNKNOWN, "client_credentials:", request_id, failed=True)


def user_authenticated(tenant_id: str, profile_id: str, user_id: str, request_id: str) -> Event:
    """A directory user signed in."""
    return _event(tenant_id, "user", profile_id, f"cloud_directory:{user_id}", request_id)


def identity_authenticated(tenant_id: str, profile_id: str, provider: str, request_id: str) -> Event:
    """Returns the event for a sign-in through another provider. The id at the provider is not stored, since often it is
    a mail address."""
    return _event(tenant_id, "user", profile_id, f"{provider}:", request_id)


def user_refused(tenant_id: str, request_id: str) -> Event:
    """Returns the event for a failed sign-in of a directory user. The name that was typed is no id of ours, so it is
    not stored."""
    return _event(tenant_id, "user", UNKNOWN, "cloud_directory:", request_id, failed=True)


def address_confirmed(tenant_id: str, user_id: str, request_id: str) -> Event:
    """A directory user followed the link in a verification mail."""
    return _directory_event(tenant_id, "cloud-dir-user.allow", user_id, request_id)


def password_renewed(tenant_id: str, user_id: str, request_id: str) -> Event:
    """A directory user chose a new password by the link in a mail."""
    return _directory_event(tenant_id, "cloud-dir-user-credentials.renew", user_id, request_id)


def user_created(tenant_id: str, user_id: str, request_id: str) -> Event:
    """Returns the event for a sign-up that created a directory user."""
    return _directory_event(tenant_id, "cloud-dir-user.create", user_id, request_id)


def user_signed_out(tenant_id: str, user_id: str, request_id: str) -> Event:
    """The sessions of a directory user were ended."""
    return _directory_event(tenant_id, "cloud-dir-user.set-off", user_id, request_id)


def user_left(tenant_id: str, profile_id: str, request_id: str) -> Event:
    """An application told that a user has signed out of it. App ID's list has no name for it."""
    return Event(
        tenant_id=tenant_id, action="appid.user.logout", initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid/user", target_id=profile_id, target_name=f"profiles:{profile_id}",
        request_id=request_id, runtime=True,
    )  # fmt: skip


def password_updated(tenant_id: str, user_id: str, request_id: str) -> Event:
    """A directory user has another password, set for it by an application."""
    return _directory_event(tenant_id, "cloud-dir-user-credentials.update", user_id, request_id)


def tokens_revoked(tenant_id: str, profile_id: str, request_id: str) -> Event:
    """An application gave up what it held for a user (RFC 7009)."""
    return Event(
        tenant_id=tenant_id, action="appid.user-tokens.revoke", initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid/user", target_id=profile_id, target_name=f"profiles:{profile_id}",
        request_id=request_id, runtime=True,
    )  # fmt: skip


def attributes_event(tenant_id: str, action: str, profile_id: str, request_id: str) -> Event:
    """A user read, changed or deleted attributes of its own profile."""
    return Event(
        tenant_id=tenant_id, action=action, initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid-user-profiles/attributes", target_id=profile_id, target_name=f"profiles:{profile_id}",
        request_id=request_id, runtime=True,
    )  # fmt: skip


def _directory_event(tenant_id: str, action: str, user_id: str, request_id: str) -> Event:
    return Event(
        tenant_id=tenant_id, action=f"appid.{action}", initiator_kind="tenant", initiator_id=tenant_id,
        target_type="appid/cloud_dir/user", target_id=user_id, target_name=f"cloud_directory:{user_id}",
        request_id=request_id, runtime=True,
    )  # fmt: skip


def _event(
    tenant_id: str, target: str, target_id: str, target_name: str, request_id: str, *, failed: bool = False
) -> Event:
    return Event(
        tenant_id=tenant_id, action=f"appid.{target}.authenticate", outcome="failure" if failed else "success",
        reason_code=401 if failed else 200, initiator_kind="tenant", initiator_id=tenant_id,
        target_type=f"appid/{target}", target_id=target_id, target_name=target_name,
        request_id=request_id, runtime=True,
    )  # fmt: skip
