"""Action URLs: a tenant's own pages to which the links in mails lead."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.errors import DomainError, invalid, not_found
from ostiary.outgoing.targets import read_target
from ostiary.settings.setting import Setting
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary_api.appid.management.v4 import action_urls_pb2 as pb

ON_USER_VERIFIED, ON_RESET_PASSWORD = "on_user_verified", "on_reset_password"
ACTIONS = (ON_USER_VERIFIED, ON_RESET_PASSWORD)


@dataclass(frozen=True, slots=True)
class ActionUrls:
    """The page of each action; empty where the built-in one is in use."""

    on_user_verified: str
    on_reset_password: str


def action_url(work: Work, tenant: TenantView, action: str) -> str:
    """The page, or an empty text where the built-in one is in use; `action` is one of ACTIONS."""
    url: str = getattr(ACTION_URLS.read(work, tenant), action)
    return url


def get_action_url(work: Work, tenant: TenantView, action: str) -> str:
    """The page. Raises ACTION_URL_NOT_FOUND."""
    url = action_url(work, tenant, action)
    if not url:
        raise _not_set()
    return url


def put_action_url(work: Work, tenant_id: str, action: str, url: str, now_ms: int) -> None:
    """Sets a page. Raises INVALID_ACTION_URL."""
    ACTION_URLS.change(work, tenant_id, lambda urls: setattr(urls, action, url), now_ms)


def delete_action_url(work: Work, tenant_id: str, action: str, now_ms: int) -> None:
    """Restores the built-in page. Raises ACTION_URL_NOT_FOUND."""

    def remove(urls: pb.ActionUrls) -> None:
        if not urls.HasField(action):  # type: ignore[arg-type]  # one of ACTIONS
            raise _not_set()
        urls.ClearField(action)  # type: ignore[arg-type]  # one of ACTIONS

    ACTION_URLS.change(work, tenant_id, remove, now_ms)


def _check(urls: pb.ActionUrls) -> None:
    for action in (name for name in ACTIONS if getattr(urls, name)):
        url: str = getattr(urls, action)
        if "#" in url:
            raise _bad_url()
        try:
            read_target(url)
        except DomainError as error:
            raise _bad_url() from error


def _bad_url() -> DomainError:
    message = (
        "actionUrl must be an absolute http(s) URL of at most 2,000 characters, without user, password and fragment."
    )
    return invalid("INVALID_ACTION_URL", message)


def _not_set() -> DomainError:
    return not_found("ACTION_URL_NOT_FOUND", "No page is set for this action: the built-in one is in use.")


def _decoded(urls: pb.ActionUrls) -> ActionUrls:
    return ActionUrls(urls.on_user_verified, urls.on_reset_password)


ACTION_URLS = Setting("action_urls", pb.ActionUrls(), _check, _decoded)
